import Distillation
import Logs
import Synchronization

/// The paper's way: each worker takes a batch of its own, pulls, computes and pushes without waiting for the
/// others. With one worker it is deterministic.
struct AsynchronousLoop: TrainingLoop {
    let pool: WorkerPool
    let workers: [Worker]

    func run(_ segment: Segment) throws -> SegmentOutcome {
        let feed = BatchFeed(segment)
        let reports = Mutex(())
        try pool.run { index in
            let worker = workers[index]
            do {
                while let (number, batch) = try feed.next() {
                    let step = feed.firstStep + number
                    let plan = feed.plan(step)
                    let weight = batch.targets.weights.reduce(0) { $0 + Double($1) }
                    let losses = worker.compute(batch, options: worker.options(feed.phase, plan, totalWeight: weight))
                    if let bad = worker.nonFiniteTensor(losses) {
                        throw NotFinite(tensor: bad.name, value: bad.value, step: step, batch: feed.firstBatch + number)
                    }
                    worker.push(owners: feed.phase.owners, learningRate: plan.learningRate)
                    let logits = worker.stepLogits(count: batch.count, phase: feed.phase)
                    reports.withLock { _ in
                        feed.onStep(
                            FinishedStep(
                                step: step, batch: feed.firstBatch + number, plan: plan, samples: batch.count,
                                losses: losses, labels: batch.targets.labels[0], student: logits.student,
                                teacher: logits.teacher))
                    }
                }
            } catch {
                feed.stop()
                throw error
            }
        }
        return feed.outcome
    }
}

/// Hands out a segment's batches, one at a time, to whichever worker asks.
final class BatchFeed: @unchecked Sendable {
    // Unchecked: the source and counters are touched under `lock` only.
    private let segment: Segment
    private let lock = Mutex(())
    private var taken = 0
    private var ended = false
    private var stopped = false

    init(_ segment: Segment) { self.segment = segment }

    var firstStep: Int { segment.firstStep }
    var firstBatch: Int { segment.firstBatch }
    var phase: Phase { segment.phase }
    var plan: @Sendable (Int) -> StepPlan { segment.plan }
    var onStep: @Sendable (FinishedStep) -> Void { segment.onStep }
    var outcome: SegmentOutcome { lock.withLock { _ in SegmentOutcome(batches: taken, epochEnded: ended) } }

    /// The next batch and its number in the segment.
    func next() throws -> (Int, Batch)? {
        try lock.withLock { _ in
            guard !ended, !stopped, taken < segment.limit, !segment.shouldStop() else { return nil }
            guard let batch = try segment.source.next() else {
                ended = true
                return nil
            }
            taken += 1
            return (taken - 1, batch)
        }
    }

    func stop() { lock.withLock { _ in stopped = true } }
}
