import CKernels
import Foundation

/// A table, its optimiser state and its locks. The rows are dealt to shards by their low bits, so that
/// neighbours, the frequent ids of a vocabulary among them, fall under different locks.
final class EmbeddingTable: Sendable {
    let spec: TableSpec
    let values: ZeroedMemory
    let stateSpecs: [OptimiserState]
    let states: [ZeroedMemory]
    let shards: LockStripes
    private let optimiser: any Optimiser
    // SAFETY: written once in `init`; the pointers it holds live as long as `states`.
    private nonisolated(unsafe) let stateBases: UnsafeMutablePointer<UnsafeMutablePointer<Float>>

    init(_ spec: TableSpec, optimiser: any Optimiser, maximumShards: Int, seed: UInt64) {
        self.spec = spec
        self.optimiser = optimiser
        // A shard of fewer rows than this is not worth its lock.
        let wanted = min(maximumShards, max(1, spec.rows / 32))
        shards = LockStripes(count: 1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount))
        values = ZeroedMemory(count: spec.count)
        values.preferHugePages()
        stateSpecs = optimiser.tableState
        states = stateSpecs.map { state in
            let memory = ZeroedMemory(count: state.extent == .row ? spec.rows : spec.count)
            // Every row's first update would fault in a page of its own: of 4 KB, that takes as long as the step. Where
            // values begin as zeros, and cost nothing until they are trained, so does their state.
            if spec.deviation > 0 {
                memory.preferHugePages()
                memory.populate()
            }
            if state.initialValue != 0 { memory.base.update(repeating: state.initialValue, count: memory.count) }
            return memory
        }
        stateBases = .allocate(capacity: max(1, states.count))
        for (index, memory) in states.enumerated() { (stateBases + index).initialize(to: memory.base) }
        fillWithNormals(seed: seed)
    }

    deinit { stateBases.deallocate() }

    func pull(_ rows: UnsafeBufferPointer<Int32>, into destination: UnsafeMutablePointer<Float>) {
        forEachShard(of: rows) { range in hs_pull_rows(values.base, range, destination) }
    }

    func push(_ rows: UnsafeBufferPointer<Int32>, gradients: UnsafePointer<Float>, learningRate: Float) {
        forEachShard(of: rows) { range in
            optimiser.update(
                RowUpdate(values: values.base, states: stateBases, gradients: gradients, range: range),
                learningRate: learningRate)
        }
    }

    /// Groups `rows` by shard and calls `body` with each group while its lock is held.
    private func forEachShard(of rows: UnsafeBufferPointer<Int32>, _ body: (hs_row_range) -> Void) {
        guard let base = rows.baseAddress, !rows.isEmpty else { return }
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: rows.count + shards.count + 1) { scratch in
            let order = scratch.baseAddress!
            let starts = order + rows.count
            let outside = hs_group_by_stripe(
                base, rows.count, UInt32(spec.rows), UInt32(shards.count), order, starts)
            precondition(outside < 0, "table '\(spec.name)': row \(base[outside]) of \(spec.rows)")
            shards.forEach(0..<shards.count, where: { starts[$0] < starts[$0 + 1] }) { shard in
                body(
                    hs_row_range(
                        rows: base, order: order, begin: Int(starts[shard]), end: Int(starts[shard + 1]),
                        total: rows.count, dimension: spec.dimension))
            }
        }
    }

    /// Element k is a function of (seed, name, k) alone: neither other tables nor threads matter.
    private func fillWithNormals(seed: UInt64) {
        guard spec.deviation > 0 else { return }
        let tableSeed = Self.seed(seed, name: spec.initialisationKey)
        let block = 1 << 20
        let (base, count, deviation) = (UInt(bitPattern: values.base), spec.count, spec.deviation)
        DispatchQueue.concurrentPerform(iterations: (count + block - 1) / block) { index in
            // SAFETY: blocks are disjoint, and nobody else has the table yet.
            let start = index * block
            let values = UnsafeMutablePointer<Float>(bitPattern: base)! + start
            hs_fill_normal(values, tableSeed, UInt64(start), min(block, count - start), deviation)
        }
    }

    /// FNV-1a over the run's seed and the table's name: stable across processes, unlike `Hasher`.
    private static func seed(_ seed: UInt64, name: String) -> UInt64 {
        let seedBytes = (0..<8).map { UInt8(truncatingIfNeeded: seed >> (8 * $0)) }
        return (seedBytes + Array(name.utf8)).reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
