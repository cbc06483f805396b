/// A parameter server in this process, for worker threads: every row and every chunk of the dense buffer
/// has a lock that many share, so that workers rarely meet.
///
///     let server = LocalParameterServer(
///         dense: [DenseLayoutEntry(name: "bias", offset: 0, rows: 1, columns: 128)],
///         tables: [TableSpec(name: "item", rows: 1_000_000, dimension: 16)],
///         optimiser: Adagrad(), seed: 7)
///
/// Dense values start at zero: see `setDense`. Tables start at normal(0, deviation), each number a function
/// of the seed, the table's name and its place.
public final class LocalParameterServer: ParameterServer {
    let dense: DenseParameters
    let embeddings: [EmbeddingTable]
    public let tables: [TableSpec]

    /// - Parameters:
    ///   - statisticMomentum: how far a statistic moves towards each pushed one (PyTorch's `momentum`).
    ///   - shards: the most locks a table gets, a power of two.
    public init(
        dense layout: [DenseLayoutEntry], tables: [TableSpec], optimiser: any Optimiser,
        statisticMomentum: Float = 0.1, seed: UInt64, shards: Int = 64
    ) {
        precondition(Set(tables.map(\.name)).count == tables.count, "tables: a name occurs twice")
        precondition(shards > 0, "LocalParameterServer: \(shards) shards")
        dense = DenseParameters(layout, optimiser: optimiser, statisticMomentum: statisticMomentum)
        self.tables = tables
        embeddings = tables.map { EmbeddingTable($0, optimiser: optimiser, maximumShards: shards, seed: seed) }
    }

    public var denseLayout: [DenseLayoutEntry] { dense.layout }
    public var denseCount: Int { dense.count }
    public var denseInPlace: UnsafeMutablePointer<Float>? { dense.values.base }
    public func rowsInPlace(table: Int) -> UnsafeMutablePointer<Float>? { embeddings[table].values.base }

    public func pullDense(into destination: UnsafeMutablePointer<Float>) {
        dense.pull(into: destination, range: 0..<dense.count)
    }

    public func pullDense(into destination: UnsafeMutablePointer<Float>, ranges: [Range<Int>]) {
        for range in ranges { dense.pull(into: destination, range: range) }
    }

    public func pushDense(_ gradients: UnsafePointer<Float>, ranges: [Range<Int>], learningRate: Float) {
        for range in ranges { dense.push(gradients, range: range, learningRate: learningRate) }
    }

    public func pullRows(table: Int, rows: UnsafeBufferPointer<Int32>, into destination: UnsafeMutablePointer<Float>) {
        embeddings[table].pull(rows, into: destination)
    }

    public func pushRows(
        table: Int, rows: UnsafeBufferPointer<Int32>, gradients: UnsafePointer<Float>, learningRate: Float
    ) {
        embeddings[table].push(rows, gradients: gradients, learningRate: learningRate)
    }

    /// Replaces the dense parameters, `denseCount` floats: initial values.
    public func setDense(from source: UnsafePointer<Float>) { dense.set(from: source) }

    /// Calls `body` with a whole table, [rows, dimension], while nobody can change it.
    public func withTable<Result>(_ table: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        let embedding = embeddings[table]
        for shard in 0..<embedding.shards.count { embedding.shards.lock(shard) }
        defer { for shard in 0..<embedding.shards.count { embedding.shards.unlock(shard) } }
        return try body(UnsafeBufferPointer(start: embedding.values.base, count: embedding.spec.count))
    }

    /// Bytes of parameters and of optimiser state, touched or not.
    public var byteCount: (values: Int, state: Int) {
        let values = dense.count + embeddings.reduce(0) { $0 + $1.values.count }
        let state = (dense.states + embeddings.flatMap(\.states)).reduce(0) { $0 + $1.count }
        return (values * MemoryLayout<Float>.stride, state * MemoryLayout<Float>.stride)
    }
}
