/// Counts the classes of a binary label: AUC and training need both.
public struct ClassCheck: Sendable, Equatable {
    public private(set) var positives = 0
    public private(set) var negatives = 0

    public init(positives: Int = 0, negatives: Int = 0) {
        self.positives = positives
        self.negatives = negatives
    }

    public var hasBoth: Bool { positives > 0 && negatives > 0 }

    mutating func add(_ rows: [Int32], _ labels: [Double]) {
        for row in rows {
            if labels[Int(row)] > 0 { positives += 1 } else { negatives += 1 }
        }
    }

    /// The counts of two parts together.
    public mutating func merge(_ other: ClassCheck) {
        positives += other.positives
        negatives += other.negatives
    }

    /// What a trainer may throw or print when a split has one class; nil when it has both.
    public func problem(split: Split, label: String) -> LogsError? {
        guard !hasBoth else { return nil }
        guard positives + negatives > 0 else {
            return LogsError(.emptySplit, detail: "the \(split.rawValue) split is empty")
        }
        return LogsError(
            .oneClass, column: label, expected: "both 0 and 1 in the \(split.rawValue) split",
            found: "\(positives + negatives) rows, all \(positives > 0 ? "1" : "0")")
    }
}
