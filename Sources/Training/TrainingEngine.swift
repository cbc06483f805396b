import Distillation
import Logs
import Parameters
import Schema

/// The machinery of a run without its schedule and its folder: parameter server, worker threads, and the
/// loop that shares batches among them.
public final class TrainingEngine {
    public let plan: DistillationPlan
    public let server: LocalParameterServer
    private let pool: WorkerPool
    private let workers: [Worker]
    private let loop: any TrainingLoop

    public init(_ run: RunConfiguration, tableRows: [String: Int]) {
        let plan = DistillationPlan(run, tableRows: tableRows)
        let server = makeParameterServer(run, plan: plan)
        let pool = WorkerPool(count: run.training.workers)
        let reading: ParameterReading = run.training.synchronous || run.training.workers == 1 ? .inPlace : .copied
        let workers = (0..<run.training.workers).map { _ in
            Worker(plan: plan, server: server, precision: run.training.precision, reading: reading)
        }
        self.plan = plan
        self.server = server
        self.pool = pool
        self.workers = workers
        loop =
            run.training.synchronous
            ? SynchronousLoop(pool: pool, workers: workers, server: server, sides: run.schema.regular.map(\.side))
            : AsynchronousLoop(pool: pool, workers: workers)
    }

    /// Takes at most `steps` batches at a fixed lambda and learning rate; returns the samples seen. For
    /// benchmarks and for training on a stream; `Trainer` adds schedule, checkpoints and evaluation.
    public func train(_ source: any BatchSource, steps: Int, lambda: Double, learningRate: Double) throws -> Int {
        let counter = SampleCounter()
        _ = try run(
            Segment(
                source: source, phase: .joint, firstStep: 0, firstBatch: 0, epoch: 0, limit: steps,
                plan: { _ in StepPlan(lambda: lambda, learningRate: Float(learningRate)) },
                onStep: { counter.samples += $0.samples }, shouldStop: { false }))
        return counter.samples
    }

    /// Student and teacher probabilities of every sample of a source, in its order.
    public func score(_ source: any BatchSource, teacher: Bool) throws -> Scores {
        try Scorer(pool: pool, workers: workers, hasTeacher: plan.hasTeacher).score(source, teacher: teacher)
    }

    /// Scratch blocks that the workers' arenas have allocated so far; constant in a steady state.
    public var arenaAllocations: Int { workers.reduce(0) { $0 + $1.graph.arena.allocations } }

    func run(_ segment: Segment) throws -> SegmentOutcome { try loop.run(segment) }
}

private final class SampleCounter: @unchecked Sendable {
    // Unchecked: loops report one step at a time.
    var samples = 0
}
