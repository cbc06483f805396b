import Evaluation
import Foundation

/// `results.csv`: one line a run, all numbers in full.
struct CSVReport {
    let results: StudyResults

    var text: String {
        let kinds = MetricKind.allCases.filter { $0 != .rmse }
        let header =
            ["arm", "method", "manner", "lambda", "data", "control", "seed", "run_hash", "steps"]
            + kinds.map { "student_\($0.rawValue)" } + kinds.map { "teacher_\($0.rawValue)" }
        var lines = [header.joined(separator: ",")]
        for arm in results.arms {
            for run in arm.runs {
                let description = [
                    arm.label, arm.arm.method.rawValue, arm.arm.manner?.rawValue ?? "", arm.arm.lambda.map(brief) ?? "",
                    arm.arm.data.title, arm.arm.control?.rawValue ?? "", "\(run.seed)", run.runHash, "\(run.steps)",
                ]
                let metrics = kinds.map { run.student?[$0] } + kinds.map { run.teacher?[$0] }
                lines.append((description.map(Self.quoted) + metrics.map { $0.map { "\($0)" } ?? "" }).joined(separator: ","))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func quoted(_ text: String) -> String {
        text.contains { ",\"\n".contains($0) } ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
    }
}
