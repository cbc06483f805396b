import Distillation
import Kernels
import Layers
import Logs
import Parameters
import Rankers
import Schema
import Synchronization

/// All workers take a share of the same batch; their gradients are summed in the workers' order and applied
/// once. Bit-reproducible for a seed and a worker count. Batch norm's statistics are each share's own.
///
/// The workers run the whole segment on their own threads and meet at a barrier twice a step: when a batch is there (and the
/// parameters are those of the step before), and when the shares' gradients are.
final class SynchronousLoop: TrainingLoop {
    private let pool: WorkerPool
    private let workers: [Worker]
    private let server: any ParameterServer
    private let sides: [Side]
    private let merged: [MergedRows]
    private let barrier: Barrier
    private let results: ShareResults
    /// How many parts of this step's push workers have taken.
    private let taken = Atomic(0)

    init(pool: WorkerPool, workers: [Worker], server: any ParameterServer, sides: [Side]) {
        self.pool = pool
        self.workers = workers
        self.server = server
        self.sides = sides
        merged = workers[0].graph.exchange.tables.map { MergedRows(of: $0) }
        barrier = Barrier(count: workers.count)
        results = ShareResults(count: workers.count)
    }

    func run(_ segment: Segment) throws -> SegmentOutcome {
        let lead = StepLead(segment, workers: workers.count)
        let this = UncheckedReference(self)
        try pool.run { index in this.value.work(index, lead) }
        return try lead.outcome()
    }

    /// What each worker does; the first one leads. Nothing here throws: the others would wait for ever.
    private func work(_ index: Int, _ lead: StepLead) {
        while true {
            if index == 0 { lead.next() }
            barrier.wait()
            guard let step = lead.step else { return }
            // Here nobody pushes: all are done with the step before, and none begins before the next barrier.
            if index == 0 { taken.store(0, ordering: .relaxed) }
            if index < step.shares { compute(index, step) }
            barrier.wait()
            if let bad = (0..<step.shares).lazy.compactMap({ self.results[$0].notFinite }).first {
                if index == 0 { lead.fail(tensor: bad.name, value: bad.value) }
                return
            }
            push(index, step)
            if index == 0 { report(step, lead) }
        }
    }

    private func compute(_ index: Int, _ step: StepLead.Step) {
        guard let share = step.batch.share(index, of: step.shares, sides: sides) else { return }
        let worker = workers[index]
        let losses = worker.compute(
            share, options: worker.options(step.phase, step.plan, totalWeight: step.weight),
            share: Float(share.count) / Float(step.batch.count))
        results.set(index, .init(losses: losses, notFinite: worker.nonFiniteTensor(losses)))
    }

    private func report(_ step: StepLead.Step, _ lead: StepLead) {
        let first = step.batch.shareRange(0, of: step.shares)
        let logits = workers[0].stepLogits(count: first.count, phase: step.phase)
        lead.report(
            FinishedStep(
                step: step.number, batch: step.batchNumber, plan: step.plan, samples: step.batch.count,
                losses: (0..<step.shares).reduce(into: StepLosses()) { $0 += results[$1].losses },
                labels: Array(step.batch.targets.labels[0][first]), student: logits.student, teacher: logits.teacher))
    }

    /// One worker's part of summing the shares' gradients and pushing them: a worker that is done with a part takes the next.
    /// Who does it makes no difference to the result.
    private func push(_ index: Int, _ step: StepLead.Step) {
        let (owners, rate) = (step.phase.owners, step.plan.learningRate)
        guard step.shares > 1 else {
            if index == 0 { workers[0].push(owners: owners, learningRate: rate) }
            return
        }
        let shares = workers[..<step.shares]
        let exchanges = shares.map(\.graph.exchange)
        let parts = parts(owners, exchanges)
        while true {
            let number = taken.add(1, ordering: .relaxed).oldValue
            guard number < parts.count else { return }
            switch parts[number] {
            case .dense(let range):
                sum(shares, range, into: workers[index].gradients)
                server.pushDense(workers[index].gradients, ranges: [range], learningRate: rate)
            case .table(let table):
                let (rows, gradients) = merged[table].sum(exchanges, table: table)
                guard !rows.isEmpty else { continue }
                server.pushRows(table: table, rows: rows, gradients: gradients.base, learningRate: rate)
            }
        }
    }

    /// The shares' dense gradients, in their order. Into the worker's own memory, which its core's caches hold.
    private func sum(_ shares: ArraySlice<Worker>, _ range: Range<Int>, into own: UnsafeMutablePointer<Float>) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 1 << 10) { part in
            let total = part.baseAddress!
            for start in stride(from: range.lowerBound, to: range.upperBound, by: part.count) {
                let count = min(part.count, range.upperBound - start)
                total.update(from: shares[0].gradients + start, count: count)
                for worker in shares.dropFirst() { Float.axpy(1, worker.gradients + start, total, count: count) }
                (own + start).update(from: total, count: count)
            }
        }
    }

    private enum Part { case dense(Range<Int>), table(Int) }

    /// What there is to push, what costs most first: all workers agree on the order, and none begins something long when the
    /// others are nearly done. An element of a row, which has to be found, costs about as much as two dense ones.
    private func parts(_ owners: Set<Owner>, _ exchanges: [EmbeddingExchange<Float>]) -> [Part] {
        let dense = workers[0].graph.layout.ranges(of: owners, merged: false).map { (Part.dense($0), cost: $0.count) }
        let tables = exchanges[0].tables.enumerated().filter { owners.contains($1.owner) }.map { table, it in
            (Part.table(table), cost: 2 * it.dimension * exchanges.reduce(0) { $0 + $1.rows(table).count })
        }
        return (tables + dense).enumerated().sorted { ($0.element.cost, $1.offset) > ($1.element.cost, $0.offset) }
            .map(\.element.0)
    }
}

/// The steps of one segment, one after the other. The first worker alone changes it, and only between the end of a step and
/// the barrier at the start of the next.
private final class StepLead: @unchecked Sendable {
    struct Step {
        /// Of the phase, and of the epoch.
        let number: Int
        let batchNumber: Int
        let phase: Phase
        let plan: StepPlan
        let batch: Batch
        let weight: Double
        let shares: Int
    }

    /// Nil when there is no more.
    private(set) var step: Step?
    private let segment: Segment
    private let workers: Int
    private var done = 0
    private var epochEnded = false
    private var failure: (any Error)?

    init(_ segment: Segment, workers: Int) {
        self.segment = segment
        self.workers = workers
    }

    func next() {
        step = nil
        guard done < segment.limit, !segment.shouldStop() else { return }
        do {
            guard let batch = try segment.source.next() else {
                epochEnded = true
                return
            }
            let number = segment.firstStep + done
            step = Step(
                number: number, batchNumber: segment.firstBatch + done, phase: segment.phase, plan: segment.plan(number),
                batch: batch, weight: batch.targets.weights.reduce(0) { $0 + Double($1) },
                shares: min(workers, batch.count))
        } catch {
            failure = error
        }
    }

    func report(_ finished: FinishedStep) {
        segment.onStep(finished)
        done += 1
    }

    func fail(tensor: String, value: Double) {
        guard let step else { return }
        failure = NotFinite(tensor: tensor, value: value, step: step.number, batch: step.batchNumber)
    }

    func outcome() throws -> SegmentOutcome {
        if let failure { throw failure }
        return SegmentOutcome(batches: done, epochEnded: epochEnded)
    }
}

/// Gradient rows of several workers summed by row id, in the workers' order.
private final class MergedRows {
    private let dimension: Int
    private let rowSet: RowSet
    private let arena = Arena<Float>()

    init(of table: EmbeddingTable) {
        dimension = table.dimension
        rowSet = RowSet(of: table.name, rows: table.rows)
    }

    func sum(
        _ exchanges: [EmbeddingExchange<Float>], table: Int
    ) -> (rows: UnsafeBufferPointer<Int32>, gradients: Matrix<Float>) {
        rowSet.reset(capacity: exchanges.reduce(0) { $0 + $1.rows(table).count })
        let locals = exchanges.map { rowSet.add(ids: $0.rows(table)) }
        arena.reset()
        let total = arena.matrix(rowSet.count, dimension)
        // The first worker's rows are distinct, so they are the first of the sum, in their order.
        let first = exchanges[0].gradients(table)
        total.base.update(from: first.base, count: first.count)
        (total.base + first.count).update(repeating: 0, count: total.count - first.count)
        for (exchange, local) in zip(exchanges, locals).dropFirst() {
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
