import Evaluation
import Foundation
import Training

/// Student and teacher on the validation split, at one step of a run.
public struct ValidationPoint: Sendable, Codable, Equatable {
    public var step: Int
    public var studentAUC: Double?
    public var studentLogLoss: Double?
    public var teacherAUC: Double?
    public var teacherLogLoss: Double?
}

/// What validation said during a run: `validation.jsonl`, a line each time. A run that was killed says some of it
/// again; a line that was cut short is none.
struct ValidationLog {
    static let name = "validation.jsonl"
    let path: String

    init(folder: String, startOver: Bool) {
        path = "\(folder)/\(Self.name)"
        if startOver { try? FileManager.default.removeItem(atPath: path) }
    }

    func record(_ report: SplitReport, step: Int) {
        guard report.split == "validation" else { return }
        let point = ValidationPoint(
            step: step, studentAUC: report.student[.auc]?.value, studentLogLoss: report.student[.logLoss]?.value,
            teacherAUC: report.teacher?[.auc]?.value, teacherLogLoss: report.teacher?[.logLoss]?.value)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let line = try? encoder.encode(point) else { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // The newline comes first: the line before may have been cut short.
        let bytes = Data("\n".utf8) + line
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }

    /// By step, each once.
    static func read(folder: String) -> [ValidationPoint] {
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { return [] }
        var points: [Int: ValidationPoint] = [:]
        for line in data.split(separator: UInt8(ascii: "\n")) {
            guard let point = try? JSONDecoder().decode(ValidationPoint.self, from: Data(line)) else { continue }
            points[point.step] = point
        }
        return points.values.sorted { $0.step < $1.step }
    }
}
