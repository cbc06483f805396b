/// One line, redrawn in place at most ten times a second:
///
///     train 2  [#######---------]  45 %  4500/10000  12.3k samples/s  ETA 1:23  loss 0.1234  teacher 0.1120  AUC 0.6821
///
/// A narrow terminal first loses its bar's length, then the fields that matter least. The line is overwritten
/// and its rest erased in one write, without clearing it first, so it does not flicker.
public struct TerminalProgress: ProgressReporter {
    private let width: () -> Int
    private let seconds: () -> Double
    private let write: (String) -> Void

    private var latest: TrainingProgress?
    private var isLatestShown = true
    private var lastDraw = -Double.infinity

    private static let secondsBetweenDraws = 0.1
    private static let longestBar = 30
    private static let shortestBar = 8

    /// - Parameters:
    ///   - width: columns of the terminal now.
    ///   - seconds: a clock that never goes back.
    ///   - write: takes the text to show.
    public init(
        width: @escaping () -> Int, seconds: @escaping () -> Double, write: @escaping (String) -> Void
    ) {
        self.width = width
        self.seconds = seconds
        self.write = write
    }

    public mutating func report(_ progress: TrainingProgress) {
        let isNewPhase = progress.phase != latest?.phase
        if isNewPhase, latest != nil { finish() }
        latest = progress
        isLatestShown = false
        let now = seconds()
        if isNewPhase || progress.isLastOfPhase || now - lastDraw >= Self.secondsBetweenDraws {
            draw(at: now)
        }
    }

    public mutating func note(_ message: String) {
        write("\r\u{1B}[K" + message + "\n")
        if latest != nil { draw(at: seconds()) }
    }

    public mutating func finish() {
        guard latest != nil else { return }
        if !isLatestShown { draw(at: seconds()) }
        write("\n")
        latest = nil
    }

    private mutating func draw(at now: Double) {
        guard let latest else { return }
        // The last column stays free: some terminals wrap when it is filled.
        write("\r" + Self.line(for: latest, columns: width() - 1) + "\u{1B}[K")
        lastDraw = now
        isLatestShown = true
    }

    /// The line, at most `columns` characters long.
    static func line(for progress: TrainingProgress, columns: Int) -> String {
        // What goes first when space is short, by rank: 0 never goes.
        var fields: [(rank: Int, text: String)] = [(0, "\(progress.phase) \(progress.epoch)")]
        let barPosition = fields.count
        if let fraction = progress.fraction { fields.append((1, ProgressText.percent(fraction))) }
        fields.append((6, progress.totalSteps.map { "\(progress.step)/\($0)" } ?? "step \(progress.step)"))
        fields.append((4, ProgressText.rate(progress.samplesPerSecond)))
        if let left = progress.secondsLeft {
            fields.append((3, "ETA " + ProgressText.duration(seconds: left)))
        }
        fields.append((2, "loss " + ProgressText.number(progress.studentLoss)))
        if let loss = progress.teacherLoss { fields.append((7, "teacher " + ProgressText.number(loss))) }
        if let auc = progress.studentAUC { fields.append((5, "AUC " + ProgressText.number(auc))) }
        if let auc = progress.teacherAUC { fields.append((8, "teacher " + ProgressText.number(auc))) }

        let length = { fields.reduce(0) { $0 + $1.text.count } + 2 * (fields.count - 1) }
        while length() > columns, let least = fields.indices.max(by: { fields[$0].rank < fields[$1].rank }),
            least > 0
        {
            fields.remove(at: least)
        }
        if let fraction = progress.fraction {
            let cells = min(columns - length() - 4, longestBar)
            if cells >= shortestBar {
                fields.insert((1, ProgressText.bar(fraction, cells: cells)), at: barPosition)
            }
        }
        return String(fields.map(\.text).joined(separator: "  ").prefix(max(columns, 0)))
    }
}
