import Schema
import Testing

@testable import Training

@Suite("The schedule")
struct ScheduleTests {
    /// 100 steps a phase.
    func schedule(
        manner: Manner = Manner(inputs: .independent, synchronous: true), hasTeacher: Bool = true,
        _ change: (inout RunConfiguration) -> Void
    ) -> Schedule {
        var run = RunConfiguration(
            name: "schedule", task: .ctr, logs: LogsConfiguration(train: []),
            schema: FeatureSchema(regular: [], labels: [Label(name: "click")]))
        run.training.epochs = 4
        run.distillation.manner = manner
        run.training.optimiser.warmup = .steps(0)
        run.distillation.swappingStep = .steps(0)
        change(&run)
        return Schedule(run, hasTeacher: hasTeacher, stepsPerEpoch: 25)
    }

    @Test("warms up in equal steps to the learning rate, then keeps it")
    func warmup() {
        let schedule = schedule {
            $0.training.optimiser.learningRate = 0.01
            $0.training.optimiser.warmup = .steps(10)
        }
        #expect(abs(schedule.learningRate(step: 0) - 0.001) < 1e-15)
        #expect(abs(schedule.learningRate(step: 4) - 0.005) < 1e-15)
        #expect(schedule.learningRate(step: 9) == 0.01)
        #expect(schedule.learningRate(step: 99) == 0.01)
    }

    @Test("without a warm-up starts at the learning rate")
    func noWarmup() {
        let schedule = schedule { $0.training.optimiser.learningRate = 0.3 }
        #expect(schedule.learningRate(step: 0) == 0.3)
    }

    @Test("of the paper never leaves its warm-up in a small run")
    func papersDefaults() {
        let schedule = schedule {
            $0.training.optimiser = OptimiserConfiguration()
            $0.distillation.swappingStep = DistillationConfiguration().swappingStep
        }
        #expect(abs(schedule.learningRate(step: 99) - 0.01 * 100 / 1_000_000) < 1e-15)
        #expect((0..<100).allSatisfy { schedule.lambda(phase: .joint, step: $0) == 0 })
    }

    @Test("takes shares of the run, which is all its epochs")
    func fractions() {
        let schedule = schedule {
            $0.training.optimiser.learningRate = 1
            $0.training.optimiser.warmup = .fraction(0.1)
            $0.distillation.swappingStep = .fraction(0.3)
        }
        #expect(schedule.totalSteps == 100)
        #expect(schedule.learningRate(step: 8) < 1)
        #expect(schedule.learningRate(step: 9) == 1)
        #expect(schedule.lambda(phase: .joint, step: 29) == 0)
        #expect(schedule.lambda(phase: .joint, step: 30) == 0.5)
    }

    @Test("has lambda 0 before the swapping step and from it on the run file's (Algorithm 1)")
    func swapping() {
        let schedule = schedule {
            $0.distillation.swappingStep = .steps(40)
            $0.distillation.lambda = .constant(0.7)
        }
        #expect((0..<40).allSatisfy { schedule.lambda(phase: .joint, step: $0) == 0 })
        #expect((40..<100).allSatisfy { schedule.lambda(phase: .joint, step: $0) == 0.7 })
    }

    @Test("moves a linear lambda from the swapping step on, and stops at its end")
    func linear() {
        let schedule = schedule {
            $0.distillation.swappingStep = .steps(40)
            $0.distillation.lambda = .linear(from: 0.2, to: 0.6, over: .fraction(0.2))
        }
        #expect(schedule.lambda(phase: .joint, step: 39) == 0)
        #expect(schedule.lambda(phase: .joint, step: 40) == 0.2)
        #expect(abs(schedule.lambda(phase: .joint, step: 50) - 0.4) < 1e-12)
        #expect(abs(schedule.lambda(phase: .joint, step: 60) - 0.6) < 1e-12)
        #expect(abs(schedule.lambda(phase: .joint, step: 99) - 0.6) < 1e-12)
    }

    @Test("of Ind&Async trains the teacher for a whole run, then the student under it from its first step (Eq. 4)")
    func asynchronousManner() {
        let schedule = schedule(manner: Manner(inputs: .independent, synchronous: false)) {
            $0.distillation.swappingStep = .steps(40)
        }
        #expect(schedule.phases == [.teacher, .student])
        #expect(schedule.totalSteps == 200)
        #expect((0..<100).allSatisfy { schedule.lambda(phase: .teacher, step: $0) == 0 })
        #expect((0..<100).allSatisfy { schedule.lambda(phase: .student, step: $0) == 0.5 })
    }

    @Test("without a teacher has one phase, whatever the manner")
    func noTeacher() {
        let schedule = schedule(manner: Manner(inputs: .independent, synchronous: false), hasTeacher: false) { _ in }
        #expect(schedule.phases == [.joint])
        #expect(schedule.totalSteps == 100)
    }
}
