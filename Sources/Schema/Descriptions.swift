// How values of a run are said in plans and messages.

extension Encoding: CustomStringConvertible {
    public var description: String {
        switch self {
        case .vocabulary(let minCount, let maxSize):
            "vocabulary" + (minCount > 1 ? ", met \(minCount) times" : "")
                + (maxSize.map { ", at most \($0.grouped)" } ?? "")
        case .hash(let buckets): "hash to \(buckets.grouped)"
        case .categories(let values): "\(values.count.grouped) categor" + (values.count == 1 ? "y" : "ies")
        case .boundaries(let values): "\(values.count.grouped) boundar" + (values.count == 1 ? "y" : "ies")
        case .quantiles(let buckets): "\(buckets.grouped) quantiles"
        }
    }
}

extension StepCount: CustomStringConvertible {
    public var description: String {
        switch self {
        case .steps(let steps): "\(steps.grouped) steps"
        case .fraction(let fraction): "\(fraction.brief) of the run"
        }
    }

    /// As a moment instead of a length.
    var place: String {
        switch self {
        case .steps(let steps): "step \(steps.grouped)"
        case .fraction(let fraction): "\(fraction.brief) of the run"
        }
    }
}

extension LambdaSchedule: CustomStringConvertible {
    public var description: String {
        switch self {
        case .constant(let lambda): lambda.brief
        case .linear(let from, let to, let over): "from \(from.brief) to \(to.brief) over \(over)"
        }
    }
}

extension Manner: CustomStringConvertible {
    public var description: String {
        let timing = synchronous ? "trained together" : "the teacher trained first"
        switch inputs {
        case .independent: return "independent inputs, \(timing) (ind_\(synchronous ? "sync" : "async"))"
        case .shared(let except) where except.isEmpty: return "all inputs shared, \(timing) (share_sync)"
        case .shared(let except):
            return "inputs shared except \(except.joined(separator: ", ")), \(timing) (share*_sync)"
        }
    }
}

extension PrivilegedControl {
    var summary: String {
        switch self {
        case .selfDistillation: "self_distillation: the teacher reads no privileged feature"
        case .permuted: "permuted_privileged: every sample has another sample's privileged features"
        }
    }
}

extension Method {
    var summary: String {
        switch self {
        case .baseline: "baseline: the student alone"
        case .mtl: "mtl: auxiliary tasks instead of a teacher"
        case .lupi: "lupi: the teacher reads privileged features alone"
        case .md: "md: a larger teacher on regular features"
        case .pfd: "pfd: the teacher reads privileged features too"
        case .pfdMD: "pfd+md: a larger teacher that reads privileged features too"
        }
    }
}

extension Label {
    var summary: String {
        let notes = [kind == .continuous ? "continuous" : nil, weight == 1 ? nil : "weight \(weight.brief)"]
            .compactMap { $0 }
        return name + (positive.map { " is '\($0)'" } ?? "")
            + (notes.isEmpty ? "" : " (\(notes.joined(separator: ", ")))")
    }
}

extension Double {
    /// `3` for 3.0.
    var brief: String { Int(exactly: self).map(String.init) ?? String(self) }
}
