/// Where a run stands: what the trainer tells a `ProgressReporter`.
public struct TrainingProgress: Sendable, Equatable {
    /// What is being done, in a word or two: `train`, `evaluate`.
    public var phase: String
    /// From 1.
    public var epoch: Int
    /// Steps done in this phase.
    public var step: Int
    /// Steps this phase will take; nil when the logs are read as a stream.
    public var totalSteps: Int?
    /// Samples done in this phase.
    public var samples: Int
    public var samplesPerSecond: Double
    public var studentLoss: Double
    /// Nil when there is no teacher.
    public var teacherLoss: Double?
    /// The student's loss against soft labels; nil without distillation.
    public var distillationLoss: Double?
    /// Running estimates on training samples, not results.
    public var studentAUC: Double?
    public var teacherAUC: Double?
    public var learningRate: Double
    /// Weight of the distillation loss at this step.
    public var lambda: Double

    public init(
        phase: String, epoch: Int, step: Int, totalSteps: Int?, samples: Int, samplesPerSecond: Double,
        studentLoss: Double, teacherLoss: Double? = nil, distillationLoss: Double? = nil,
        studentAUC: Double? = nil, teacherAUC: Double? = nil, learningRate: Double, lambda: Double
    ) {
        self.phase = phase
        self.epoch = epoch
        self.step = step
        self.totalSteps = totalSteps
        self.samples = samples
        self.samplesPerSecond = samplesPerSecond
        self.studentLoss = studentLoss
        self.teacherLoss = teacherLoss
        self.distillationLoss = distillationLoss
        self.studentAUC = studentAUC
        self.teacherAUC = teacherAUC
        self.learningRate = learningRate
        self.lambda = lambda
    }

    /// Share of the phase that is done, in `[0, 1]`; nil when its length is unknown.
    public var fraction: Double? {
        guard let totalSteps, totalSteps > 0 else { return nil }
        return min(max(Double(step) / Double(totalSteps), 0), 1)
    }

    /// Seconds left at the present speed; nil when length or speed is unknown.
    public var secondsLeft: Double? {
        guard let totalSteps, step > 0, samples > 0, samplesPerSecond > 0 else { return nil }
        let samplesLeft = Double(max(totalSteps - step, 0)) * Double(samples) / Double(step)
        return samplesLeft / samplesPerSecond
    }

    var isLastOfPhase: Bool { totalSteps.map { step >= $0 } ?? false }
}
