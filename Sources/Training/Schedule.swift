import Schema

/// One stretch of training with fixed roles.
public enum Phase: String, Sendable, Codable, CaseIterable {
    /// The student alone, or student and teacher together (Eq. 5).
    case joint
    /// Ind&Async, first half: the teacher alone.
    case teacher
    /// Ind&Async, second half: the student under a teacher that no longer moves (Eq. 4).
    case student
}

/// What happens at which step: phases, learning rate, lambda. Steps count from 0 within a phase.
public struct Schedule: Sendable {
    public let phases: [Phase]
    /// Steps of each phase.
    public let stepsPerPhase: Int
    private let lambda: LambdaSchedule
    private let swappingStep: Int
    private let warmup: Int
    private let peakLearningRate: Double

    public init(_ run: RunConfiguration, hasTeacher: Bool, stepsPerEpoch: Int) {
        phases =
            hasTeacher && !run.distillation.manner.synchronous ? [.teacher, .student] : [.joint]
        stepsPerPhase = min(stepsPerEpoch * run.training.epochs, run.training.steps ?? .max)
        lambda = run.distillation.lambda
        swappingStep = run.distillation.swappingStep.resolved(totalSteps: stepsPerPhase)
        warmup = run.training.optimiser.warmup.resolved(totalSteps: stepsPerPhase)
        peakLearningRate = run.training.optimiser.learningRate
    }

    public var totalSteps: Int { stepsPerPhase * phases.count }

    /// Linear from lr / w at step 0 to lr at step w - 1, then constant (section 5.1).
    public func learningRate(step: Int) -> Double {
        peakLearningRate * min(1, Double(step + 1) / Double(max(1, warmup)))
    }

    /// Algorithm 1: 0 before the swapping step. Under a finished teacher (Eq. 4) there is nothing to wait for.
    public func lambda(phase: Phase, step: Int) -> Double {
        let start = phase == .student ? 0 : swappingStep
        guard phase != .teacher, step >= start else { return 0 }
        switch lambda {
        case .constant(let value): return value
        case .linear(let from, let to, let over):
            let length = max(1, over.resolved(totalSteps: stepsPerPhase))
            return from + (to - from) * min(1, Double(step - start) / Double(length))
        }
    }
}
