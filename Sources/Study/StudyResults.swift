import Evaluation
import Schema

/// Everything a study found, without a clock in it: `results.json`. Equal runs give equal bytes.
public struct StudyResults: Codable, Sendable, Equatable {
    public var hindsight = "1"
    public var name: String
    public var preset: Preset?
    public var task: RankingTask
    public var source: Source
    public var data: DataSummary
    public var seeds: [UInt64]
    public var bootstrap: Bootstrap
    public var arms: [ArmResult]
    public var comparisons: [ComparisonResult]
    public var diagnoses: [Diagnosis]
    /// Runs that stopped by themselves.
    public var failures: [FailedRun]

    /// What repeats it.
    public struct Source: Codable, Sendable, Equatable {
        public var runFile: String
        public var overrides: [String]
        /// Of the run file's configuration, as `RunFile.hash`.
        public var runFileHash: String
        /// Of vocabularies and cut points, learnt from all of the training split the study uses.
        public var encoder: String
        public var features: [FeatureLine]
    }

    public struct FeatureLine: Codable, Sendable, Equatable {
        public var name: String
        /// `user`, `item`, `interaction`, `interacted`, `post_event`, or the sequence's name.
        public var role: String
        public var isPrivileged: Bool
        public var encoding: String
        public var dimension: Int
    }

    public struct DataSummary: Codable, Sendable, Equatable {
        public var split: String
        public var samples: Int
        public var positives: Int
        /// What the bootstrap draws.
        public var units: Int
        public var unit: String
        /// By the size's title.
        public var trainRows: [String: Int]
    }

    public struct FailedRun: Codable, Sendable, Equatable {
        public var label: String
        public var message: String
    }

    public func arm(_ arm: Arm) -> ArmResult? { arms.first { $0.arm == arm } }
    public var varying: Set<Arm.Dimension> { Arm.varying(arms.map(\.arm)) }
}

/// One arm over its seeds.
public struct ArmResult: Codable, Sendable, Equatable {
    public var label: String
    public var arm: Arm
    public var runs: [RunResult]
    public var student: SeedSpread?
    public var teacher: SeedSpread?
    /// Teacher's AUC less student's, paired by seed.
    public var gap: SeedSpread?
    /// Floating-point operations of training, over those of the baseline on the same data.
    public var operationsRatio: Double?
    public var studentReliability: [ReliabilityBin]
    public var teacherReliability: [ReliabilityBin]
    /// Mean over seeds.
    public var losses: [LossPoint]
    public var validation: [ValidationPoint]
    public var segments: [SegmentResult]

    /// Mean over seeds of a metric of the student's.
    public func mean(_ kind: MetricKind, teacher: Bool = false) -> Double? {
        let values = runs.compactMap { (teacher ? $0.teacher : $0.student)?[kind] }
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    /// The AUC's interval over test requests of the only run, where there is one seed.
    public var requestInterval: ConfidenceInterval?
}

public struct RunResult: Codable, Sendable, Equatable {
    public var seed: UInt64
    public var runHash: String
    public var steps: Int
    public var student: [MetricKind: Double]?
    public var teacher: [MetricKind: Double]?
}

/// Student on the samples with one value of a feature; means over seeds.
public struct SegmentResult: Codable, Sendable, Equatable {
    public var feature: String
    public var value: String
    public var samples: Int
    public var positives: Int
    public var auc: Double?
    public var pcoc: Double?
}

/// What the intervals say to a claim.
public enum Verdict: String, Codable, Sendable {
    case yes, no
    case cannotTell = "cannot tell"
}

public struct ComparisonResult: Codable, Sendable, Equatable {
    public var candidate: String
    public var reference: String
    public var claim: Claim
    public var control: Control?
    public var auc: SeededComparison
    public var logLoss: SeededComparison?
    public var verdict: Verdict
    /// `PFD > Baseline: yes. ...`
    public var sentence: String
}
