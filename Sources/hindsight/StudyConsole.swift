import Evaluation
import Foundation
import Study
import Synchronization
import Training

/// Shows a study: one line for the whole that is redrawn on a terminal, lines now and then elsewhere, or JSON.
final class StudyConsole: Sendable {
    private let style: ProgressStyle
    private let quiet: Bool
    private let json: Bool
    private let state = Mutex(State())

    private struct State {
        var lastShown = DispatchTime(uptimeNanoseconds: 0)
        var isLineOpen = false
        var warned: Set<String> = []
        /// Runs in flight and their running AUC.
        var running: [Int: String] = [:]
    }

    init(_ options: OutputOptions) {
        quiet = options.quiet && !options.json
        json = options.json
        style = quiet ? .none : ProgressStyle.current(wantsJSON: options.json)
    }

    func warn(_ text: String) { state.withLock { line("warning: \(text)", &$0) } }
    func note(_ text: String) {
        if quiet { return }
        if json { return printJSON(["event": "note", "message": text], adding: Empty()) }
        state.withLock { line(text, &$0) }
    }

    func show(_ event: StudyEvent) {
        switch event {
        case .note(let text): note(text)
        case .run(let run, let news): show(run, news)
        }
    }

    private func show(_ run: RunProgress, _ news: RunNews) {
        switch news {
        case .kept: told(run, "finished before, kept")
        case .started(let resumed): if resumed { told(run, "going on from its checkpoint") }
        case .warning(let text):
            // Other runs have the same to say.
            if state.withLock({ $0.warned.insert(text).inserted }) { warn("\(run.label): \(text)") }
        case .failed(let text): warn("\(run.label): \(text)")
        case .finished(let student, let teacher):
            told(
                run,
                "student AUC \(student.map(format) ?? "undefined")" + (teacher.map { ", teacher AUC \(format($0))" } ?? ""))
        case .stepped(let progress): step(run, progress)
        }
    }

    private func told(_ run: RunProgress, _ text: String) {
        if json {
            return printJSON(
                ["event": "run", "run": run.label, "message": text, "finished": "\(run.study.finished)", "runs": "\(run.runs)"],
                adding: Empty())
        }
        if quiet { return }
        state.withLock { state in
            state.running[run.number] = nil
            line("[\(run.study.finished)/\(run.runs)] \(run.label): \(text)", &state)
        }
    }

    private func step(_ run: RunProgress, _ progress: TrainingProgress) {
        guard style != .none else { return }
        state.withLock { state in
            let now = DispatchTime.now()
            state.running[run.number] = run.label
            let seconds = Double(now.uptimeNanoseconds - state.lastShown.uptimeNanoseconds) * 1e-9
            guard seconds >= (style == .terminal ? 0.2 : 10) else { return }
            state.lastShown = now
            let left = run.study.secondsLeft.map { ", \(duration($0)) left" } ?? ""
            let whole = "\(run.study.finished)/\(run.runs) runs, \(Int(run.study.share * 100)) %\(left)"
            switch style {
            case .json:
                printJSON(
                    [
                        "event": "progress", "run": run.label, "finished": "\(run.study.finished)", "runs": "\(run.runs)",
                        "share": String(format: "%.4f", run.study.share),
                    ], adding: Empty())
            case .terminal:
                FileHandle.standardError.write(
                    Data("\r\u{1B}[2K\(whole): \(state.running.values.sorted().joined(separator: " | "))".prefix(200).utf8))
                state.isLineOpen = true
            default: printError("\(whole): \(state.running.values.sorted().joined(separator: " | "))")
            }
        }
    }

    private func line(_ text: String, _ state: inout State) {
        if state.isLineOpen { FileHandle.standardError.write(Data("\r\u{1B}[2K".utf8)) }
        state.isLineOpen = false
        printError(text)
    }

    /// Judges, writes and prints what a study or a set of runs found.
    ///
    /// - Parameter table: printed in place of the study's own tables and warnings.
    func finish(_ outcome: StudyOutcome, folder: String, command: String, table: String? = nil) throws {
        let results = try outcome.results()
        let writer = ReportWriter(results, times: try outcome.times(), command: command)
        try writer.write(into: folder)
        if json { return printJSON(["event": "finished", "folder": folder], adding: results) }
        state.withLock { if $0.isLineOpen { line("", &$0) } }
        print(table ?? writer.tables)
        if !writer.verdicts.isEmpty { print("\n" + writer.verdicts) }
        if table == nil, !writer.warnings.isEmpty { print("\nBefore you believe it:\n" + writer.warnings.joined(separator: "\n")) }
        print("\nWritten to \(folder): report.html, results.json, results.csv, results.md, times.json.")
    }

    private func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e7 else { return "long" }
        let whole = Int(seconds)
        return whole < 3600
            ? "\(whole / 60):\(String(format: "%02d", whole % 60))"
            : "\(whole / 3600):\(String(format: "%02d", whole / 60 % 60)):\(String(format: "%02d", whole % 60))"
    }
}

private struct Empty: Encodable {}
