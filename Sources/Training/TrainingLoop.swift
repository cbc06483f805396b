import Distillation
import Logs
import Rankers

/// What a loop needs to know of the step it is about to take.
struct StepPlan: Sendable {
    var lambda: Double
    var learningRate: Float
}

/// A step that is done, as reported to whoever shows progress.
struct FinishedStep {
    /// Step of the phase, from 0.
    var step: Int
    var batch: Int
    var plan: StepPlan
    var samples: Int
    var losses: StepLosses
    /// Main label and logits of (some of) the step's samples, before the step was learnt from.
    var labels: [Float]
    var student: [Float]?
    var teacher: [Float]?
}

/// Where batches come from and what is to be done with them, for one stretch between two barriers.
struct Segment {
    var source: any BatchSource
    var phase: Phase
    /// Steps of the phase, and batches of the epoch, done before.
    var firstStep: Int
    var firstBatch: Int
    var epoch: Int
    /// At most so many batches.
    var limit: Int
    var plan: @Sendable (Int) -> StepPlan
    /// Called after each step, one at a time.
    var onStep: @Sendable (FinishedStep) -> Void
    /// Asked before each batch.
    var shouldStop: @Sendable () -> Bool
}

struct SegmentOutcome {
    var batches: Int
    /// Whether the epoch has no more batches.
    var epochEnded: Bool
}

/// How workers share the batches of a segment.
protocol TrainingLoop {
    func run(_ segment: Segment) throws -> SegmentOutcome
}

extension Phase {
    /// Whose parameters move in this phase.
    var owners: Set<Owner> {
        switch self {
        case .joint: [.shared, .student, .teacher]
        case .teacher: [.teacher, .shared]
        case .student: [.student, .shared]
        }
    }
    var trainsStudent: Bool { self != .teacher }
    var trainsTeacher: Bool { self != .student }
}

extension Worker {
    func options(_ phase: Phase, _ plan: StepPlan, totalWeight: Double) -> StepOptions {
        StepOptions(
            lambda: plan.lambda, trainsStudent: phase.trainsStudent, trainsTeacher: phase.trainsTeacher,
            lossScale: totalWeight > 0 ? 1 / totalWeight : 0)
    }

    /// Logits of the step just computed.
    func stepLogits(count: Int, phase: Phase) -> (student: [Float]?, teacher: [Float]?) {
        func copy(_ logits: UnsafeMutablePointer<Float>?) -> [Float]? {
            logits.map { Array(UnsafeBufferPointer(start: $0, count: count)) }
        }
        return (phase.trainsStudent ? copy(graph.studentLogits) : nil, copy(graph.teacherLogits))
    }
}

/// Thrown by a loop; the trainer adds what it knows of checkpoints.
struct NotFinite: Error {
    var tensor: String
    var value: Double
    var step: Int
    var batch: Int
}
