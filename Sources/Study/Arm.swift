import Schema

/// The paper's training manners by the names they have in run files and tables.
public enum MannerName: String, Sendable, Codable, CaseIterable {
    case independentAsynchronous = "ind_async"
    case independentSynchronous = "ind_sync"
    case shared = "share_sync"
    case sharedExcept = "share*_sync"

    public init(_ manner: Manner) {
        switch manner.inputs {
        case .independent: self = manner.synchronous ? .independentSynchronous : .independentAsynchronous
        case .shared(let except): self = except.isEmpty ? .shared : .sharedExcept
        }
    }

    /// As Tables 7 and 8 call it.
    public var title: String {
        switch self {
        case .independentAsynchronous: "Ind&Async"
        case .independentSynchronous: "Ind&Sync"
        case .shared: "Share&Sync"
        case .sharedExcept: "Share*&Sync"
        }
    }
}

/// What could refute a gain.
public enum Control: String, Sendable, Codable, CaseIterable {
    /// The same teacher network without privileged features.
    case selfDistillation = "self_distillation"
    /// Every sample has another sample's privileged features.
    case permutedPrivileged = "permuted_privileged"
    /// The baseline trained with as many floating-point operations as the method.
    case equalCompute = "equal_compute"

    public var title: String {
        switch self {
        case .selfDistillation: "self-distillation"
        case .permutedPrivileged: "permuted privileged features"
        case .equalCompute: "equal compute"
        }
    }
}

/// The newest part of the training split.
public enum DataSize: Sendable, Codable, Hashable {
    case all
    case fraction(Double)
    /// Timestamp of the first row.
    case from(Double)

    var window: SplitPoint? {
        switch self {
        case .all: nil
        case .fraction(let fraction): .fraction(fraction)
        case .from(let time): .from(time)
        }
    }

    init(_ window: SplitPoint?) {
        switch window {
        case nil: self = .all
        case .fraction(let fraction)?: self = .fraction(fraction)
        case .from(let time)?: self = .from(time)
        }
    }

    public var title: String {
        switch self {
        case .all: "all data"
        case .fraction(let fraction): "newest \(percent(fraction))"
        case .from(let time): "from \(brief(time))"
        }
    }

    var slug: String {
        switch self {
        case .all: "all"
        case .fraction(let fraction): "newest-\(brief(fraction))"
        case .from(let time): "from-\(brief(time))"
        }
    }
}

/// One way of training the student: what a study repeats over seeds.
public struct Arm: Sendable, Codable, Hashable {
    public var method: Method
    /// nil: the method has no teacher.
    public var manner: MannerName?
    /// nil: the method has no teacher, or lambda is a schedule.
    public var lambda: Double?
    public var data = DataSize.all
    public var control: Control?
    /// `equal_compute`: the method whose operations the baseline is given.
    public var controlled: Method?
    /// Sets runs apart that differ in something else: the run's name.
    public var variant: String?

    public init(
        _ method: Method, manner: MannerName? = nil, lambda: Double? = nil, data: DataSize = .all,
        control: Control? = nil, controlled: Method? = nil
    ) {
        self.method = method
        self.manner = method.hasTeacher ? manner : nil
        self.lambda = method.hasTeacher ? lambda : nil
        self.data = data
        self.control = control
        self.controlled = controlled
    }

    /// The arm that a run of its own is, as far as its configuration says.
    public init(_ run: RunConfiguration) {
        let distillation = run.distillation
        var lambda: Double?
        if case .constant(let value) = distillation.lambda { lambda = value }
        self.init(
            distillation.method, manner: MannerName(distillation.manner), lambda: lambda,
            data: DataSize(run.logs.trainWindow))
        switch distillation.control {
        case .selfDistillation?: control = .selfDistillation
        case .permuted?: control = .permutedPrivileged
        case nil: control = run.training.steps == nil ? nil : .equalCompute
        }
    }

    /// `pfd, Ind&Sync, lambda 0.3`: the method, and of the rest what sets the arms of a study apart.
    public func label(varying: Set<Dimension>) -> String {
        var parts = [methodLabel]
        if let manner, varying.contains(.manner) { parts.append(manner.title) }
        if let lambda, varying.contains(.lambda) { parts.append("λ \(brief(lambda))") }
        if varying.contains(.data) { parts.append(data.title) }
        if let variant { parts.append(variant) }
        return parts.joined(separator: ", ")
    }

    private var methodLabel: String {
        switch control {
        case nil: method.title
        case .equalCompute?: "\(method.title), compute of \(controlled?.title ?? "its steps")"
        case let control?: "\(method.title), \(control.title)"
        }
    }

    /// A folder's name, the same for the same arm in every study.
    var slug: String {
        var parts = [method.rawValue]
        if let control { parts.append(control.rawValue) }
        if let controlled { parts.append("of-\(controlled.rawValue)") }
        if let manner { parts.append(manner.rawValue.replacing("*", with: "-star")) }
        if let lambda { parts.append("lambda-\(brief(lambda))") }
        if data != .all { parts.append(data.slug) }
        return parts.joined(separator: "_")
    }

    public enum Dimension: Sendable { case manner, lambda, data }

    /// What differs between arms that have it.
    static func varying(_ arms: [Arm]) -> Set<Dimension> {
        var varying: Set<Dimension> = []
        if Set(arms.compactMap(\.manner)).count > 1 { varying.insert(.manner) }
        if Set(arms.compactMap(\.lambda)).count > 1 { varying.insert(.lambda) }
        if Set(arms.map(\.data)).count > 1 { varying.insert(.data) }
        return varying
    }
}

extension Method {
    /// As the paper's tables call it.
    public var title: String {
        switch self {
        case .baseline: "Baseline"
        case .mtl: "MTL"
        case .lupi: "LUPI"
        case .md: "MD"
        case .pfd: "PFD"
        case .pfdMD: "PFD+MD"
        }
    }
}
