import Evaluation
import Schema

/// A moment's view of a run.
public struct TrainingProgress: Sendable, Codable, Equatable {
    public var phase: Phase
    public var epoch: Int
    /// Steps done and to do, over all phases.
    public var step: Int
    public var totalSteps: Int
    public var samples: Int
    public var samplesPerSecond: Double
    /// Mean losses a sample since the last progress.
    public var studentLoss: Double?
    public var teacherLoss: Double?
    public var distillationLoss: Double?
    /// Estimates over the last training samples, before each was learnt from.
    public var studentAUC: Double?
    public var teacherAUC: Double?
    public var learningRate: Double
    public var lambda: Double

    public init(
        phase: Phase, epoch: Int, step: Int, totalSteps: Int, samples: Int, samplesPerSecond: Double,
        studentLoss: Double? = nil, teacherLoss: Double? = nil, distillationLoss: Double? = nil,
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
}

/// Student and teacher on one split.
public struct SplitReport: Sendable, Codable, Equatable {
    public var split: String
    public var student: EvaluationReport
    public var teacher: EvaluationReport?
}

/// What a run tells whoever watches it. Events come from one thread at a time.
public enum TrainingEvent: Sendable {
    case started(totalSteps: Int, samples: Int, resumedAt: Int)
    case warning(String)
    /// After every step; the watcher decides how often to show it.
    case step(TrainingProgress)
    case evaluated(SplitReport, step: Int)
    case checkpoint(path: String, step: Int)
}
