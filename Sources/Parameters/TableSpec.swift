/// An embedding table: one row of `dimension` floats an id.
public struct TableSpec: Sendable, Hashable {
    /// Unique; as it appears in checkpoints, and part of what the initial values depend on.
    public let name: String
    /// At most 2^31 - 1.
    public let rows: Int
    public let dimension: Int
    /// Initial values are normal(0, deviation).
    public let deviation: Float

    public init(name: String, rows: Int, dimension: Int, deviation: Float = 0.01) {
        precondition(
            rows > 0 && rows <= Int(Int32.max) && dimension > 0 && deviation >= 0,
            "table '\(name)': [\(rows), \(dimension)], deviation \(deviation)")
        self.name = name
        self.rows = rows
        self.dimension = dimension
        self.deviation = deviation
    }

    public var count: Int { rows * dimension }
}
