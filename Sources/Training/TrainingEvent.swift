import Evaluation
import Schema

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
