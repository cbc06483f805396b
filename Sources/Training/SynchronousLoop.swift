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
        let parts = min(workers.count, batch.count)
        let weight = batch.targets.weights.reduce(0) { $0 + Double($1) }
        let results = ShareResults(count: parts)
        let phase = segment.phase
        try pool.run { [workers, sides] index in
            guard index < parts, let share = batch.share(index, of: parts, sides: sides) else { return }
            let worker = workers[index]
            let losses = worker.compute(
                share, options: worker.options(phase, plan, totalWeight: weight),
                share: Float(share.count) / Float(batch.count))
            results.set(index, .init(losses: losses, notFinite: worker.nonFiniteTensor(losses)))
        }
        var losses = StepLosses()
        for index in 0..<parts {
            losses += results[index].losses
            if let bad = results[index].notFinite {
                throw NotFinite(tensor: bad.name, value: bad.value, step: step, batch: segment.firstBatch + number)
            }
        }
        try push(shares: parts, owners: phase.owners, learningRate: plan.learningRate)
        let first = batch.shareRange(0, of: parts)
        let logits = workers[0].stepLogits(count: first.count, phase: phase)
        segment.onStep(
            FinishedStep(
                step: step, batch: segment.firstBatch + number, plan: plan, samples: batch.count, losses: losses,
                labels: Array(batch.targets.labels[0][first]), student: logits.student, teacher: logits.teacher))
    }

    /// Sums the shares' gradients and pushes them; parameters are dealt out to the workers.
    private func push(shares: Int, owners: Set<Owner>, learningRate: Float) throws {
        guard shares > 1 else { return workers[0].push(owners: owners, learningRate: learningRate) }
        let this = UncheckedReference(self)
        let exchanges = workers[..<shares].map(\.graph.exchange)
        let dense = Deal(
            weights: workers[0].graph.layout.ranges(of: owners, merged: false).map { ($0, $0.count) }, among: workers.count)
        let tables = Deal(
            weights: workers[0].graph.exchange.tables.enumerated().filter { owners.contains($1.owner) }.map { table, it in
                (table, exchanges.reduce(0) { $0 + $1.rows(table).count * it.dimension })
            }, among: workers.count)
        try pool.run { index in
            let (workers, server) = (this.value.workers, this.value.server)
            let ranges = dense[index]
            for range in ranges {
                for worker in workers[1..<shares] {
                    Float.axpy(1, worker.gradients + range.lowerBound, workers[0].gradients + range.lowerBound, count: range.count)
                }
            }
            server.pushDense(workers[0].gradients, ranges: ranges, learningRate: learningRate)
            let exchanges = workers[..<shares].map(\.graph.exchange)
            for table in tables[index] {
                let (rows, gradients) = this.value.merged[table].sum(exchanges, table: table)
                guard !rows.isEmpty else { continue }
                server.pushRows(table: table, rows: rows, gradients: gradients.base, learningRate: learningRate)
            }
        }
    }
}

/// Things of different weight dealt out to hands of about equal weight: the heaviest first, each to the lightest hand.
private struct Deal<Thing: Sendable>: Sendable {
    private var hands: [(things: [Thing], weight: Int)]

    init(weights: [(thing: Thing, weight: Int)], among count: Int) {
        hands = Array(repeating: ([], 0), count: count)
        for (thing, weight) in weights.sorted(by: { $0.weight > $1.weight }) {
            let lightest = hands.indices.min { hands[$0].weight < hands[$1].weight }!
            hands[lightest].things.append(thing)
            hands[lightest].weight += weight
        }
    }

    subscript(hand: Int) -> [Thing] { hands[hand].things }
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
    struct Slot {
        var losses = StepLosses()
        var notFinite: (name: String, value: Double)?
    }

    private let slots: UnsafeMutableBufferPointer<Slot>
    init(count: Int) {
        slots = .allocate(capacity: count)
        slots.initialize(repeating: Slot())
    }
    deinit {
        slots.deinitialize()
        slots.deallocate()
    }
    func set(_ index: Int, _ slot: Slot) { slots[index] = slot }
    subscript(index: Int) -> Slot { slots[index] }
}

/// A reference that crosses to the pool's threads; the pool's barriers order every access.
struct UncheckedReference<Value: AnyObject>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
