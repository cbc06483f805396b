/// A line every five seconds or every five per cent, for logs and pipes:
///
///     train epoch 2  step 4500/10000 (45 %)  576000 samples  12.3k samples/s  ETA 1:23  loss 0.1234  teacher 0.1120 ...
public struct PlainProgress: ProgressReporter {
    private let seconds: () -> Double
    private let write: (String) -> Void
    private let secondsBetweenLines: Double
    private let fractionBetweenLines: Double

    private var latest: TrainingProgress?
    private var isLatestShown = true
    private var lastLine = -Double.infinity
    private var lastFraction = 0.0

    /// - Parameters:
    ///   - seconds: a clock that never goes back.
    ///   - write: takes the text to show.
    public init(
        secondsBetweenLines: Double = 5, fractionBetweenLines: Double = 0.05,
        seconds: @escaping () -> Double, write: @escaping (String) -> Void
    ) {
        self.secondsBetweenLines = secondsBetweenLines
        self.fractionBetweenLines = fractionBetweenLines
        self.seconds = seconds
        self.write = write
    }

    public mutating func report(_ progress: TrainingProgress) {
        let isNewPhase = progress.phase != latest?.phase
        if isNewPhase { finish() }
        latest = progress
        isLatestShown = false
        // The slack is for 0.24 - 0.19, which is a little less than 0.05.
        let isDue =
            seconds() - lastLine >= secondsBetweenLines
            || (progress.fraction ?? 0) - lastFraction >= fractionBetweenLines - 1e-9
        if isNewPhase || progress.isLastOfPhase || isDue { show() }
    }

    public mutating func note(_ message: String) { write(message + "\n") }

    public mutating func finish() {
        if !isLatestShown { show() }
        latest = nil
    }

    private mutating func show() {
        guard let latest else { return }
        write(Self.line(for: latest) + "\n")
        lastLine = seconds()
        lastFraction = latest.fraction ?? 0
        isLatestShown = true
    }

    static func line(for progress: TrainingProgress) -> String {
        var fields = ["\(progress.phase) epoch \(progress.epoch)"]
        let total = progress.totalSteps.map { "/\($0)" } ?? ""
        let share = progress.fraction.map { " (" + ProgressText.percent($0).drop { $0 == " " } + ")" } ?? ""
        fields.append("step \(progress.step)\(total)\(share)")
        fields.append("\(progress.samples) samples")
        fields.append(ProgressText.rate(progress.samplesPerSecond))
        if let left = progress.secondsLeft { fields.append("ETA " + ProgressText.duration(seconds: left)) }
        fields.append("loss " + ProgressText.number(progress.studentLoss))
        if let loss = progress.teacherLoss { fields.append("teacher loss " + ProgressText.number(loss)) }
        if let loss = progress.distillationLoss {
            fields.append("distillation loss " + ProgressText.number(loss))
        }
        if let auc = progress.studentAUC { fields.append("AUC " + ProgressText.number(auc)) }
        if let auc = progress.teacherAUC { fields.append("teacher AUC " + ProgressText.number(auc)) }
        fields.append("lr \(progress.learningRate)")
        if progress.distillationLoss != nil { fields.append("lambda \(progress.lambda)") }
        return fields.joined(separator: "  ")
    }
}
