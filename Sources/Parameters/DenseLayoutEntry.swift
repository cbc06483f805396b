/// A matrix or vector within the dense buffer. Entries must not overlap; gaps between them are never used.
public struct DenseLayoutEntry: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// Pushed gradients go through the optimiser.
        case weight
        /// Not trained: the mean or variance of batch norm. What is pushed is the batch's statistic, and
        /// the server moves towards it: s += momentum (pushed - s).
        case statistic
    }
    /// Unique; as it appears in checkpoints.
    public let name: String
    /// Floats before the first.
    public let offset: Int
    public let rows: Int
    public let columns: Int
    public let kind: Kind

    public init(name: String, offset: Int, rows: Int, columns: Int, kind: Kind = .weight) {
        precondition(
            offset >= 0 && rows > 0 && columns > 0, "dense parameter '\(name)': [\(rows), \(columns)] at \(offset)")
        self.name = name
        self.offset = offset
        self.rows = rows
        self.columns = columns
        self.kind = kind
    }

    public var count: Int { rows * columns }
    public var range: Range<Int> { offset..<offset + count }
}
