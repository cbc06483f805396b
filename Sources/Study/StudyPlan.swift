import Schema

/// The arms of a study and what is compared with what, before anything is read.
public struct StudyPlan: Sendable, Equatable {
    public let arms: [Arm]
    public let seeds: [UInt64]
    public let comparisons: [ComparisonPlan]

    public init(_ study: StudyConfiguration, base: RunConfiguration) {
        let arms = Self.arms(study, base)
        self.arms = arms
        seeds = study.seeds.values(from: base.seed)
        comparisons = Self.comparisons(arms, base: base)
    }

    /// Method by manner by lambda by data size, then the controls.
    private static func arms(_ study: StudyConfiguration, _ base: RunConfiguration) -> [Arm] {
        let ownManner = MannerName(base.distillation.manner)
        let ownLambda = constantLambda(base)
        let manners = study.manners.isEmpty ? [ownManner] : study.manners
        let lambdas: [Double?] = study.lambdas.isEmpty ? [ownLambda] : study.lambdas
        var arms: [Arm] = []
        func add(_ arm: Arm) { if !arms.contains(arm) { arms.append(arm) } }
        for data in study.data {
            for method in study.methods {
                for manner in manners {
                    for lambda in lambdas { add(Arm(method, manner: manner, lambda: lambda, data: data)) }
                }
            }
            for var arm in study.moreArms {
                arm.lambda = arm.lambda ?? ownLambda
                arm.data = data
                add(arm)
            }
        }
        // Controls belong to one point: the run file's own values where the study has them, and the most data.
        let manner = manners.contains(ownManner) ? ownManner : manners[0]
        let lambda = lambdas.contains(ownLambda) ? ownLambda : lambdas[0]
        let data = study.data.contains(.all) ? .all : study.data.last ?? .all
        for method in study.methods where method == .pfd || method == .pfdMD {
            for control in study.controls {
                switch control {
                case .selfDistillation where method == .pfdMD && study.methods.contains(.md):
                    continue  // MD is PFD+MD without its privileged features.
                case .selfDistillation, .permutedPrivileged:
                    add(Arm(method, manner: manner, lambda: lambda, data: data, control: control))
                case .equalCompute:
                    guard study.methods.contains(.baseline) else { continue }
                    var arm = Arm(.baseline, data: data, control: .equalCompute, controlled: method)
                    // Its operations depend on what it stands beside.
                    arm.manner = manner
                    add(arm)
                }
            }
        }
        return arms
    }

    private static func constantLambda(_ base: RunConfiguration) -> Double? {
        if case .constant(let lambda) = base.distillation.lambda { lambda } else { nil }
    }

    /// The questions of the paper that these arms can answer.
    ///
    /// - Parameter base: the run file, whose lambda says which arm a baseline with a method's compute stands beside.
    static func comparisons(_ arms: [Arm], base: RunConfiguration? = nil) -> [ComparisonPlan] {
        var plans: [ComparisonPlan] = []
        let ownLambda = base.flatMap(Self.constantLambda)
        let plain = arms.filter { $0.control == nil }
        for arm in plain where arm.method != .baseline {
            guard let baseline = plain.first(where: { $0.method == .baseline && $0.data == arm.data }) else { continue }
            let claim: Claim = arm.method == .pfd || arm.method == .pfdMD ? .above : .question
            plans.append(ComparisonPlan(candidate: arm, reference: baseline, claim: claim))
        }
        func twin(_ arm: Arm, _ method: Method) -> Arm? {
            plain.first {
                $0.method == method && $0.manner == arm.manner && $0.lambda == arm.lambda && $0.data == arm.data
            }
        }
        for arm in plain where arm.method == .pfd {
            if let other = twin(arm, .lupi) { plans.append(ComparisonPlan(candidate: arm, reference: other, claim: .above)) }
        }
        for arm in plain where arm.method == .pfdMD {
            if let other = twin(arm, .md) { plans.append(ComparisonPlan(candidate: arm, reference: other, claim: .notBelow)) }
            if let other = twin(arm, .pfd) { plans.append(ComparisonPlan(candidate: arm, reference: other, claim: .question)) }
        }
        for control in arms where control.control != nil {
            let method = control.controlled ?? control.method
            let fitting = plain.filter {
                $0.method == method && $0.data == control.data
                    && (control.control == .equalCompute
                        ? control.manner == nil || control.manner == $0.manner
                        : $0.manner == control.manner && $0.lambda == control.lambda)
            }
            let arm = fitting.first { $0.lambda == ownLambda } ?? fitting.first
            if let arm { plans.append(ComparisonPlan(candidate: arm, reference: control, claim: .above)) }
        }
        return plans
    }
}

/// What the paper (or common sense) says of a pair.
public enum Claim: String, Sendable, Codable {
    /// The candidate is better.
    case above
    /// The candidate is at least as good.
    case notBelow = "not_below"
    /// Nothing is claimed; the difference is of interest.
    case question

    public var sign: String {
        switch self {
        case .above: ">"
        case .notBelow: "≥"
        case .question: "vs"
        }
    }
}

public struct ComparisonPlan: Sendable, Codable, Equatable {
    public var candidate: Arm
    public var reference: Arm
    public var claim: Claim
}
