import Distillation
import Kernels
import Layers
import Logs
import Parameters
import Rankers
import Schema

/// All workers take a share of the same batch; their gradients are summed in the workers' order and applied
/// once. Bit-reproducible for a seed and a worker count. Batch norm's statistics are each share's own.
final class SynchronousLoop: TrainingLoop {
    private let pool: WorkerPool
    private let workers: [Worker]
    private let server: any ParameterServer
    private let sides: [Side]
    private let merged: [MergedRows]

    init(pool: WorkerPool, workers: [Worker], server: any ParameterServer, sides: [Side]) {
        self.pool = pool
        self.workers = workers
        self.server = server
        self.sides = sides
        merged = workers[0].graph.exchange.tables.map { MergedRows(dimension: $0.dimension) }
    }

    func run(_ segment: Segment) throws -> SegmentOutcome {
        var done = 0
        while done < segment.limit, !segment.shouldStop() {
            guard let batch = try segment.source.next() else {
                return SegmentOutcome(batches: done, epochEnded: true)
            }
            try step(batch, number: done, segment)
            done += 1
        }
        return SegmentOutcome(batches: done, epochEnded: false)
    }

    private func step(_ batch: Batch, number: Int, _ segment: Segment) throws {
        let step = segment.firstStep + number
        let plan = segment.plan(step)
        let shares = batch.split(min(workers.count, batch.count), sides: sides)
        let weight = batch.targets.weights.reduce(0) { $0 + Double($1) }
        let results = ShareResults(count: shares.count)
        let phase = segment.phase
        try pool.run { [workers] index in
            guard index < shares.count else { return }
            let worker = workers[index]
            let losses = worker.compute(
                shares[index], options: worker.options(phase, plan, totalWeight: weight),
                share: Float(shares[index].count) / Float(batch.count))
            results.set(index, losses)
        }
        var losses = StepLosses()
        for index in shares.indices {
            losses += results[index]
            if let bad = workers[index].nonFiniteTensor(results[index]) {
                throw NotFinite(tensor: bad.name, value: bad.value, step: step, batch: segment.firstBatch + number)
            }
        }
        try push(shares: shares.count, owners: phase.owners, learningRate: plan.learningRate)
        let logits = workers[0].stepLogits(count: shares[0].count, phase: phase)
        segment.onStep(
            FinishedStep(
                step: step, batch: segment.firstBatch + number, plan: plan, samples: batch.count, losses: losses,
                labels: shares[0].targets.labels[0], student: logits.student, teacher: logits.teacher))
    }

    /// Sums the shares' gradients and pushes them: dense ones on the first worker, tables dealt out to all.
    private func push(shares: Int, owners: Set<Owner>, learningRate: Float) throws {
        guard shares > 1 else { return workers[0].push(owners: owners, learningRate: learningRate) }
        let this = UncheckedReference(self)
        try pool.run { index in
            let (workers, server) = (this.value.workers, this.value.server)
            if index == 0 {
                let layout = workers[0].graph.layout
                for worker in workers[1..<shares] {
                    Float.axpy(1, worker.gradients, workers[0].gradients, count: layout.count)
                }
                server.pushDense(workers[0].gradients, ranges: layout.ranges(of: owners), learningRate: learningRate)
            }
            for (table, description) in workers[0].graph.exchange.tables.enumerated()
            where table % workers.count == index && owners.contains(description.owner) {
                let exchanges = workers[..<shares].map(\.graph.exchange)
                let (rows, gradients) = this.value.merged[table].sum(exchanges, table: table)
                guard !rows.isEmpty else { continue }
                server.pushRows(table: table, rows: rows, gradients: gradients.base, learningRate: learningRate)
            }
        }
    }
}

/// Gradient rows of several workers summed by row id, in the workers' order.
private final class MergedRows {
    private let dimension: Int
    private let rowSet = RowSet()
    private let arena = Arena<Float>()

    init(dimension: Int) { self.dimension = dimension }

    func sum(
        _ exchanges: [EmbeddingExchange<Float>], table: Int
    ) -> (rows: UnsafeBufferPointer<Int32>, gradients: Matrix<Float>) {
        rowSet.reset(capacity: exchanges.reduce(0) { $0 + $1.rows(table).count })
        let locals = exchanges.map { rowSet.add(ids: $0.rows(table)) }
        arena.reset()
        let total = arena.zeros(rowSet.count, dimension)
        for (exchange, local) in zip(exchanges, locals) {
            Float.scatterAddRows(exchange.gradients(table), index: local, into: total)
        }
        return (rowSet.unique, total)
    }
}

/// One slot a worker, each written by its worker before the barrier and read after it.
private final class ShareResults: @unchecked Sendable {
    private let slots: UnsafeMutableBufferPointer<StepLosses>
    init(count: Int) {
        slots = .allocate(capacity: count)
        slots.initialize(repeating: StepLosses())
    }
    deinit {
        slots.deinitialize()
        slots.deallocate()
    }
    func set(_ index: Int, _ losses: StepLosses) { slots[index] = losses }
    subscript(index: Int) -> StepLosses { slots[index] }
}

/// A reference that crosses to the pool's threads; the pool's barriers order every access.
struct UncheckedReference<Value: AnyObject>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
