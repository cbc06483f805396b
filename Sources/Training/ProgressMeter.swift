import Evaluation
import Foundation

/// Turns finished steps into `TrainingProgress`: rates, mean losses and running AUCs.
final class ProgressMeter {
    private let totalSteps: Int
    private let started = DispatchTime.now()
    private let hasTeacher: Bool
    private var doneBefore: Int
    private var samples = 0
    private var steps = 0
    private var estimates: (student: Double?, teacher: Double?) = (nil, nil)
    /// Reading an estimate goes over all its bins; once in so many steps is often enough for a person.
    private static let stepsPerEstimate = 16
    private var studentAUC = StreamingAUCEstimate(halfLifeSamples: 50_000)
    private var teacherAUC = StreamingAUCEstimate(halfLifeSamples: 50_000)

    init(totalSteps: Int, doneBefore: Int, hasTeacher: Bool) {
        self.totalSteps = totalSteps
        self.doneBefore = doneBefore
        self.hasTeacher = hasTeacher
    }

    var samplesSeen: Int { samples }
    var seconds: Double { Double(DispatchTime.now().uptimeNanoseconds - started.uptimeNanoseconds) * 1e-9 }

    func progress(_ step: FinishedStep, phase: Phase, epoch: Int) -> TrainingProgress {
        samples += step.samples
        steps += 1
        if let student = step.student { studentAUC.add(logits: student, labels: step.labels) }
        if let teacher = step.teacher { teacherAUC.add(logits: teacher, labels: step.labels) }
        if steps % Self.stepsPerEstimate == 1 { estimates = (studentAUC.value, teacherAUC.value) }
        let weight = max(step.losses.weight, .leastNormalMagnitude)
        let studentLoss = step.losses.student / weight
        let teacherLoss = step.losses.teacher / weight
        return TrainingProgress(
            phase: phase == .joint ? "train" : "train \(phase.rawValue)", epoch: epoch + 1, step: doneBefore + steps,
            totalSteps: totalSteps, samples: samples, samplesPerSecond: Double(samples) / max(seconds, 1e-9),
            studentLoss: phase.trainsStudent ? studentLoss : teacherLoss, teacherLoss: hasTeacher ? teacherLoss : nil,
            distillationLoss: hasTeacher && phase.trainsStudent ? step.losses.distillation / weight : nil,
            studentAUC: estimates.student, teacherAUC: hasTeacher ? estimates.teacher : nil,
            learningRate: Double(step.plan.learningRate), lambda: step.plan.lambda)
    }
}
