/// A run file, parsed. Defaults are the paper's (section 5.1). Only `CheckedRun` can train.
public struct RunConfiguration: Sendable, Codable, Equatable {
    public var name: String
    public var task: RankingTask
    public var seed: UInt64
    public var logs: LogsConfiguration
    public var schema: FeatureSchema
    public var networks: NetworkConfiguration
    public var distillation: DistillationConfiguration
    public var training: TrainingConfiguration
    public var evaluation: EvaluationConfiguration
    /// Where checkpoints, metrics and event files go.
    public var output: String

    public init(
        name: String, task: RankingTask, seed: UInt64 = 1, logs: LogsConfiguration, schema: FeatureSchema,
        networks: NetworkConfiguration = NetworkConfiguration(),
        distillation: DistillationConfiguration = DistillationConfiguration(),
        training: TrainingConfiguration = TrainingConfiguration(),
        evaluation: EvaluationConfiguration = EvaluationConfiguration(), output: String? = nil
    ) {
        self.name = name
        self.task = task
        self.seed = seed
        self.logs = logs
        self.schema = schema
        self.networks = networks
        self.distillation = distillation
        self.training = training
        self.evaluation = evaluation
        self.output = output ?? "runs/\(name)"
    }
}

/// The paper's two tasks; they differ in the student's network and in the defaults.
public enum RankingTask: String, Sendable, Codable, CaseIterable {
    /// CTR at coarse-grained ranking: the student is the inner-product model (Eq. 3).
    case ctr
    /// CVR at fine-grained ranking: the student is an MLP.
    case cvr
}

public enum LogFormat: String, Sendable, Codable, CaseIterable {
    case auto, parquet, arrow, csv, tsv, jsonl
}

public enum BadRowPolicy: String, Sendable, Codable, CaseIterable {
    case fail, skip
}

/// A moment or a share that divides one log into training, validation and test.
public enum SplitPoint: Sendable, Codable, Equatable {
    /// The last `fraction` of the rows in file order.
    case fraction(Double)
    /// Rows whose timestamp column is >= this value.
    case from(Double)
}

public struct LogsConfiguration: Sendable, Codable, Equatable {
    /// Files, globs or folders; read in sorted order.
    public var train: [String]
    public var validation: [String]
    public var test: [String]
    /// Taken from the end of `train` when `validation` is empty.
    public var validationSplit: SplitPoint?
    /// Taken from the end of `train` when `test` is empty (before the validation split is).
    public var testSplit: SplitPoint?
    /// Only this newest part of what is left of `train` is trained on; nil: all of it.
    public var trainWindow: SplitPoint?
    public var format: LogFormat
    public var delimiter: String?
    public var onBadRow: BadRowPolicy
    /// Rows shuffled together, by seed.
    public var shuffleWindow: Int
    /// Samples of one request that stay side by side in the shuffle, where there is a request column: they share
    /// the user's inputs, which are then computed once. Larger is faster; smaller mixes batches better.
    public var requestGroup: Int

    public init(
        train: [String], validation: [String] = [], test: [String] = [], validationSplit: SplitPoint? = nil,
        testSplit: SplitPoint? = nil, trainWindow: SplitPoint? = nil, format: LogFormat = .auto,
        delimiter: String? = nil, onBadRow: BadRowPolicy = .fail, shuffleWindow: Int = 262_144, requestGroup: Int = 10
    ) {
        self.train = train
        self.validation = validation
        self.test = test
        self.validationSplit = validationSplit
        self.testSplit = testSplit
        self.trainWindow = trainWindow
        self.format = format
        self.delimiter = delimiter
        self.onBadRow = onBadRow
        self.shuffleWindow = shuffleWindow
        self.requestGroup = requestGroup
    }
}

/// Sizes of every network of sections 5.1-5.3.
public struct NetworkConfiguration: Sendable, Codable, Equatable {
    public var attention = AttentionConfiguration()
    /// Both mappings of the inner-product model: Input-512-act-256-act-128-l2-normalise.
    public var mapping: [Int] = [512, 256, 128]
    /// The inner product is multiplied by this "in compensation for the shrinkage of value".
    public var scale: Double = 5
    /// An optional learned scale and bias on the student's logit (5 cos cannot go below p = 0.67 %).
    public var learnedScale = false
    /// The MLP of fine ranking and of the CTR teachers.
    public var mlp: [Int] = [512, 256, 128]
    /// The seven-layer CVR teacher of MD and PFD+MD.
    public var deepTeacher: [Int] = [8192, 4096, 2048, 1024, 512, 256, 128]
    /// MTL: one shared first layer, then an MLP a task.
    public var multiTaskShared: Int = 512
    public var multiTaskHead: [Int] = [256, 128]
    public var batchNorm = true
    public var batchNormMomentum: Double = 0.1
    public var leakySlope: Double = 0.01
    /// Standard deviation of the embeddings' initial values.
    public var embeddingDeviation: Double = 0.01

    public init() {}
}

public struct AttentionConfiguration: Sendable, Codable, Equatable {
    public var heads = 4
    public var headDimension = 32
    /// Width of the feed-forward layer as a multiple of the event's width n.
    public var feedForwardMultiple = 4
    public init() {}
}

public enum Method: String, Sendable, Codable, CaseIterable {
    case baseline, mtl, lupi, md, pfd
    case pfdMD = "pfd+md"

    public var hasTeacher: Bool {
        switch self {
        case .baseline, .mtl: false
        case .lupi, .md, .pfd, .pfdMD: true
        }
    }
    /// Whether the teacher sees privileged features.
    public var usesPrivileged: Bool {
        switch self {
        case .lupi, .pfd, .pfdMD: true
        case .baseline, .mtl, .md: false
        }
    }
}

/// The paper's training manners: whose input components, and when the teacher is trained.
public struct Manner: Sendable, Codable, Equatable {
    public enum Inputs: Sendable, Codable, Equatable {
        case independent
        /// Every common input component is shared, except the student's own copies of these features' tables.
        case shared(except: [String])
    }
    public var inputs: Inputs
    /// true: Eq. 5, together. false: the teacher is trained to the end first (Eq. 4).
    public var synchronous: Bool

    public init(inputs: Inputs, synchronous: Bool) {
        self.inputs = inputs
        self.synchronous = synchronous
    }
}

/// Which gradients reach input components that belong to both student and teacher.
public enum SharedGradient: String, Sendable, Codable, CaseIterable {
    /// Eq. 5 as written: L_s, L_d (through the student) and L_t.
    case joint
    /// L_d is omitted for shared inputs, as Algorithm 1 omits it for W_t.
    case withoutDistillation = "without_distillation"
    /// Only L_t: the student reads the shared inputs and never moves them.
    case teacherOnly = "teacher_only"
}

/// A count of steps, or a share of the run's steps.
public enum StepCount: Sendable, Codable, Equatable {
    case steps(Int)
    case fraction(Double)

    public func resolved(totalSteps: Int) -> Int {
        switch self {
        case .steps(let n): n
        case .fraction(let f): Int((f * Double(totalSteps)).rounded())
        }
    }
}

/// Lambda after the swapping step.
public enum LambdaSchedule: Sendable, Codable, Equatable {
    case constant(Double)
    /// From the swapping step on, linear from `from` to `to` over `over` steps, then `to`.
    case linear(from: Double, to: Double, over: StepCount)
}

/// What is done to a teacher's privileged features so that a gain which survives it is not theirs.
public enum PrivilegedControl: String, Sendable, Codable, CaseIterable {
    /// The teacher keeps its network and reads no privileged feature: distillation from regular features alone.
    case selfDistillation = "self_distillation"
    /// Every sample has the privileged features of another sample, drawn by seed: as many inputs, nothing to learn.
    case permuted = "permuted_privileged"
}

public struct DistillationConfiguration: Sendable, Codable, Equatable {
    public var method: Method = .baseline
    public var manner = Manner(inputs: .shared(except: []), synchronous: true)
    public var lambda: LambdaSchedule = .constant(0.5)
    public var swappingStep: StepCount = .steps(1_000_000)
    /// Softens teacher and student logits in L_d; 1 is the paper.
    public var temperature: Double = 1
    public var sharedGradient: SharedGradient = .joint
    /// true: soft labels come from the schema's soft label column, and no teacher is trained.
    public var softLabelsFromColumn = false
    /// nil: the teacher reads its privileged features as they are.
    public var control: PrivilegedControl?
    public init() {}
}

public enum OptimiserKind: String, Sendable, Codable, CaseIterable {
    case adagrad, adam, sgd
}

public struct OptimiserConfiguration: Sendable, Codable, Equatable {
    public var kind: OptimiserKind = .adagrad
    public var learningRate: Double = 0.01
    public var warmup: StepCount = .steps(1_000_000)
    public var epsilon: Double = 1e-10
    /// Adagrad: the accumulators' initial value.
    public var initialAccumulator: Double = 0
    /// Adagrad: one accumulator a row of an embedding table instead of one a value.
    public var rowWise = false
    public var beta1: Double = 0.9
    public var beta2: Double = 0.999
    public init() {}
}

/// What the inputs of matrix products are rounded to while training. Weights, sums, gradients and optimiser state are
/// float32 in either; evaluation and serving are float32 throughout.
public enum TrainingPrecision: String, Sendable, Codable, CaseIterable {
    case float32, bfloat16
}

public struct TrainingConfiguration: Sendable, Codable, Equatable {
    public var batchSize = 1024
    public var epochs = 1
    /// The run (each of its phases) ends after so many steps even if its epochs are not over; nil: after its epochs.
    public var steps: Int?
    public var workers = 1
    /// false: asynchronous, as the paper. true: bit-reproducible for a seed and a worker count.
    public var synchronous = false
    public var precision: TrainingPrecision {
        get { otherPrecision ?? .float32 }
        set { otherPrecision = newValue == .float32 ? nil : newValue }
    }
    /// nil: float32. Not written then, so that run folders and hashes from before there was a choice hold.
    private var otherPrecision: TrainingPrecision?
    public var optimiser = OptimiserConfiguration()
    /// A checkpoint every so many steps (0: at the end only).
    public var checkpointEvery = 0
    public var keepCheckpoints = 2
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case batchSize, epochs, steps, workers, synchronous, optimiser, checkpointEvery, keepCheckpoints
        case otherPrecision = "precision"
    }
}

public struct EvaluationConfiguration: Sendable, Codable, Equatable {
    /// Bootstrap resamples for the intervals.
    public var resamples = 200
    /// Confidence of the intervals.
    public var confidence = 0.95
    /// Evaluate on validation every so many steps (0: at the end of each epoch only).
    public var everySteps = 0
    public init() {}
}
