import Layers
import Rankers
import Schema

/// Which networks a run has, what each of them sees, and whose each input component is: the methods and
/// the training manners of the paper as one value.
public struct DistillationPlan: Sendable {
    public let task: RankingTask
    public let method: Method
    public let manner: Manner
    public let schema: FeatureSchema
    public let networks: NetworkConfiguration
    /// Rows of each of the schema's tables, from the fitted encoder.
    public let tableRows: [String: Int]
    /// true: soft labels come with the samples and no teacher network is built.
    public let softLabelsFromColumn: Bool
    public let sharedGradient: SharedGradient
    public let temperature: Double
    /// Whether the teacher sees the privileged features: the method's choice, unless a control takes them away.
    public let teacherSeesPrivileged: Bool

    public init(_ run: RunConfiguration, tableRows: [String: Int]) {
        task = run.task
        method = run.distillation.method
        manner = run.distillation.manner
        schema = run.schema
        networks = run.networks
        self.tableRows = tableRows
        softLabelsFromColumn = run.distillation.softLabelsFromColumn
        sharedGradient = run.distillation.sharedGradient
        temperature = run.distillation.temperature
        teacherSeesPrivileged = method.usesPrivileged && run.distillation.control != .selfDistillation
    }

    /// Whether a teacher network is trained.
    public var hasTeacher: Bool { method.hasTeacher && !softLabelsFromColumn }
    /// Whether soft labels reach the student at all.
    public var distills: Bool { method.hasTeacher }

    /// The tasks of the student; only MTL predicts more than the first label.
    public var tasks: [Label] { method == .mtl ? schema.labels : [schema.labels[0]] }

    /// Whether the teacher sees the regular features. In LUPI it "only processes the privileged features".
    public var teacherSeesRegular: Bool { method != .lupi }

    /// Who owns the table behind a regular feature or sequence field of the student or teacher.
    public func owner(of input: String, for network: Owner) -> Owner {
        guard hasTeacher, teacherSeesRegular else { return network }
        switch manner.inputs {
        case .independent: return network
        case .shared(let except): return except.contains(input) ? network : .shared
        }
    }

    /// Who owns the sequence block of the student or teacher.
    public func sequenceOwner(for network: Owner) -> Owner {
        schema.sequence.map { owner(of: $0.name, for: network) } ?? network
    }

    var activation: ActivationShape {
        ActivationShape(batchNorm: networks.batchNorm, leakySlope: networks.leakySlope)
    }

    var innerProduct: InnerProductShape {
        InnerProductShape(
            mapping: networks.mapping, shared: networks.multiTaskShared, head: networks.multiTaskHead,
            scale: networks.scale, learnedScale: networks.learnedScale, activation: activation)
    }

    func mlp(_ widths: [Int]) -> MLPShape {
        MLPShape(
            widths: widths, shared: networks.multiTaskShared, head: networks.multiTaskHead, activation: activation)
    }

    func sequenceShape(_ sequence: BehaviourSequence) -> SequenceShape {
        SequenceShape(
            width: sequence.width, heads: networks.attention.heads, headDimension: networks.attention.headDimension,
            feedForward: networks.attention.feedForwardMultiple * sequence.width)
    }

    /// The network that the teacher of this task and method is (sections 5.2 and 5.3).
    enum TeacherNetwork {
        case innerProduct
        case mlp([Int])
    }
    var teacherNetwork: TeacherNetwork {
        switch (task, method) {
        case (.ctr, .pfd): .innerProduct
        case (.ctr, _): .mlp(networks.mlp)
        case (.cvr, .md), (.cvr, .pfdMD): .mlp(networks.deepTeacher)
        case (.cvr, _): .mlp(networks.mlp)
        }
    }
}
