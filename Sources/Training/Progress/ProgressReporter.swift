import Foundation

/// Shows where a run stands. One thread uses a reporter at a time.
///
/// `report` may be called every step: reporters limit their own rate, by the clock they were given. The first
/// report of a phase and its last step always show. Nothing here fails a run: output that can't be written is lost.
public protocol ProgressReporter {
    mutating func report(_ progress: TrainingProgress)
    /// Shows a line that stays, such as a warning or the path of a checkpoint.
    mutating func note(_ message: String)
    /// Shows the latest report if it was held back, and leaves the output at the start of a line.
    mutating func finish()
}

/// Which face the progress shows.
public enum ProgressStyle: String, Sendable {
    /// One line, redrawn in place.
    case terminal
    /// A line now and then.
    case plain
    /// One JSON object a line.
    case json
    case none

    /// JSON when asked for; the bar on a terminal that can redraw a line; else plain lines.
    public static func detect(wantsJSON: Bool, isTerminal: Bool, environment: [String: String])
        -> ProgressStyle
    {
        if wantsJSON { return .json }
        return isTerminal && environment["TERM"] != "dumb" ? .terminal : .plain
    }

    /// The reporter of this style on the process's own streams: JSON on standard output, the others on standard error.
    public func reporter() -> any ProgressReporter {
        let started = ContinuousClock.now
        let seconds = { (ContinuousClock.now - started) / .seconds(1) }
        switch self {
        case .terminal:
            return TerminalProgress(
                width: { terminalWidth(of: STDERR_FILENO) ?? 80 }, seconds: seconds,
                write: { writeAll($0, to: STDERR_FILENO) })
        case .plain: return PlainProgress(seconds: seconds, write: { writeAll($0, to: STDERR_FILENO) })
        case .json: return JSONProgress(seconds: seconds, write: { writeAll($0, to: STDOUT_FILENO) })
        case .none: return NoProgress()
        }
    }

    /// The style that suits this process: standard error decides whether there is a terminal.
    public static func current(wantsJSON: Bool) -> ProgressStyle {
        detect(
            wantsJSON: wantsJSON, isTerminal: isatty(STDERR_FILENO) == 1,
            environment: ProcessInfo.processInfo.environment)
    }
}

/// Shows nothing.
public struct NoProgress: ProgressReporter {
    public init() {}
    public mutating func report(_ progress: TrainingProgress) {}
    public mutating func note(_ message: String) {}
    public mutating func finish() {}
}

/// Columns of the terminal behind a descriptor; nil when it is none.
private func terminalWidth(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
}

/// Writes text in as few calls as the system allows, unbuffered, so that a redrawn line is never seen half.
private func writeAll(_ text: String, to descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
    }
}
