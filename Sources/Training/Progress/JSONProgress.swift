import Foundation

/// One JSON object a line, for programs. Every object has `event`; the kinds are:
///
/// | `event` | keys |
/// |---|---|
/// | `progress` | `phase`, `epoch`, `step`, `total_steps`, `samples`, `samples_per_second`, `seconds_left`, `student_loss`, `teacher_loss`, `distillation_loss`, `student_auc`, `teacher_auc`, `learning_rate`, `lambda` |
/// | `note` | `message` |
/// | `finish` | none |
///
/// Keys come in this order and all are always there; what is unknown, NaN or infinite is `null`. A `progress`
/// comes at most once in `secondsBetweenEvents`, and for the first and last step of every phase.
public struct JSONProgress: ProgressReporter {
    private let seconds: () -> Double
    private let write: (String) -> Void
    private let secondsBetweenEvents: Double

    private var latest: TrainingProgress?
    private var isLatestShown = true
    private var lastEvent = -Double.infinity

    /// - Parameters:
    ///   - seconds: a clock that never goes back.
    ///   - write: takes whole lines.
    public init(
        secondsBetweenEvents: Double = 1, seconds: @escaping () -> Double, write: @escaping (String) -> Void
    ) {
        self.secondsBetweenEvents = secondsBetweenEvents
        self.seconds = seconds
        self.write = write
    }

    public mutating func report(_ progress: TrainingProgress) {
        let isNewPhase = progress.phase != latest?.phase
        if isNewPhase { showLatest() }
        latest = progress
        isLatestShown = false
        if isNewPhase || progress.isLastOfPhase || seconds() - lastEvent >= secondsBetweenEvents {
            showLatest()
        }
    }

    public mutating func note(_ message: String) {
        write(#"{"event":"note","message":\#(Self.json(message))}"# + "\n")
    }

    public mutating func finish() {
        showLatest()
        write(#"{"event":"finish"}"# + "\n")
        latest = nil
    }

    private mutating func showLatest() {
        guard let latest, !isLatestShown else { return }
        write(Self.line(for: latest) + "\n")
        lastEvent = seconds()
        isLatestShown = true
    }

    static func line(for progress: TrainingProgress) -> String {
        let pairs: [(String, String)] = [
            ("event", json("progress")),
            ("phase", json(progress.phase)),
            ("epoch", "\(progress.epoch)"),
            ("step", "\(progress.step)"),
            ("total_steps", progress.totalSteps.map { "\($0)" } ?? "null"),
            ("samples", "\(progress.samples)"),
            ("samples_per_second", json(progress.samplesPerSecond)),
            ("seconds_left", json(progress.secondsLeft)),
            ("student_loss", json(progress.studentLoss)),
            ("teacher_loss", json(progress.teacherLoss)),
            ("distillation_loss", json(progress.distillationLoss)),
            ("student_auc", json(progress.studentAUC)),
            ("teacher_auc", json(progress.teacherAUC)),
            ("learning_rate", json(progress.learningRate)),
            ("lambda", json(progress.lambda)),
        ]
        return "{" + pairs.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }

    private static func json(_ number: Double?) -> String {
        guard let number, number.isFinite else { return "null" }
        return "\(number)"
    }

    private static func json(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        // A Swift string is valid Unicode, so it always has a JSON form.
        return String(decoding: try! encoder.encode(text), as: UTF8.self)
    }
}
