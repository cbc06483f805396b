import Evaluation
import Training

/// Keeps a run's TensorBoard event file: losses, running AUCs and rates every few steps, exact metrics when
/// a split is evaluated.
final class EventFile {
    private let writer: EventFileWriter
    private static let stepsPerPoint = 10

    init(folder: String) {
        writer = EventFileWriter(directory: folder) { printError("warning: \($0)") }
    }

    deinit { writer.close() }

    func record(_ event: TrainingEvent) {
        switch event {
        case .step(let progress) where progress.step % Self.stepsPerPoint == 0:
            var scalars = [
                EventScalar("loss/student", Float(progress.studentLoss)),
                EventScalar("schedule/learning_rate", Float(progress.learningRate)),
                EventScalar("schedule/lambda", Float(progress.lambda)),
                EventScalar("speed/samples_per_second", Float(progress.samplesPerSecond)),
            ]
            let optional = [
                ("loss/teacher", progress.teacherLoss), ("loss/distillation", progress.distillationLoss),
                ("running_auc/student", progress.studentAUC), ("running_auc/teacher", progress.teacherAUC),
            ]
            scalars += optional.compactMap { tag, value in value.map { EventScalar(tag, Float($0)) } }
            writer.add(scalars, step: progress.step)
        case .evaluated(let report, let step):
            let sides = [("student", report.student)] + (report.teacher.map { [("teacher", $0)] } ?? [])
            let scalars = sides.flatMap { who, metrics in
                MetricKind.allCases.compactMap { kind in
                    metrics[kind]?.value.map { EventScalar("\(report.split)_\(kind.rawValue)/\(who)", Float($0)) }
                }
            }
            writer.add(scalars, step: step)
        default: break
        }
    }
}
