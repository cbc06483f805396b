import Evaluation
import Schema

/// What a finished run leaves in `metrics.json`.
public struct RunSummary: Sendable, Codable, Equatable {
    public var name: String
    public var task: RankingTask
    public var method: Method
    public var seed: UInt64
    public var runHash: String
    public var steps: Int
    public var samples: Int
    /// Wall-clock seconds of training, without evaluation; of the last process if the run was resumed.
    public var trainingSeconds: Double
    public var samplesPerSecond: Double
    public var validation: SplitReport?
    public var test: SplitReport?
    /// The student's scores of the validation split, or of the test split where there is none; what a server holds its
    /// own against. nil with neither, and in summaries of before there was such a thing.
    public var scores: ScoreDistribution?
}

/// How `Trainer.train` came back.
public enum TrainingOutcome: Sendable {
    case finished(RunSummary)
    /// Stopped on request after a checkpoint.
    case interrupted(checkpoint: String)
}
