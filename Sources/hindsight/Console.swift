import Evaluation
import Foundation
import Logs
import Schema
import Training

/// Shows a run to a person (progress on standard error, results on standard output) or to a program (`--json`).
final class Console {
    private let options: OutputOptions
    private var progress: any ProgressReporter

    init(_ options: OutputOptions) {
        self.options = options
        let style: ProgressStyle =
            options.quiet && !options.json ? .none : ProgressStyle.current(wantsJSON: options.json)
        progress = style.reporter()
    }

    func warn(_ text: String) { printError("warning: \(text)") }

    func note(_ text: String) {
        if options.quiet && !options.json { return }
        progress.note(text)
    }

    /// A line of results on standard output; with `--json` it goes to standard error.
    func say(_ text: String) {
        progress.finish()
        if options.json { printError(text) } else { print(text) }
    }

    func show(_ event: TrainingEvent) {
        switch event {
        case .started(let totalSteps, let samples, let resumedAt):
            let from = resumedAt > 0 ? ", going on at step \(resumedAt)" : ""
            note("training on \(samples) samples, \(totalSteps) steps\(from)")
        case .warning(let text): warn(text)
        case .step(let step): progress.report(step)
        case .evaluated(let report, let step):
            let student = report.student[.auc]?.value.map { "student AUC " + format($0) } ?? "student AUC undefined"
            let teacher = report.teacher?[.auc]?.value.map { ", teacher AUC " + format($0) } ?? ""
            note("step \(step): \(report.split) \(student)\(teacher)")
        case .checkpoint(let path, let step): note("step \(step): checkpoint \(path)")
        }
    }

    /// The last word of a run.
    func show(_ summary: RunSummary, folder: String) {
        progress.finish()
        if options.json {
            printJSON(["event": "finished", "folder": folder], adding: summary)
            return
        }
        for report in [summary.validation, summary.test].compactMap({ $0 }) {
            print("\n\(report.split) (\(report.student.samples) samples)\n\(metricsTable(report).rendered())")
        }
        print(
            """

            \(summary.samples) samples in \(String(format: "%.1f", summary.trainingSeconds)) s \
            (\(Int(summary.samplesPerSecond)) samples/s). Written to \(folder).
            """)
    }
}

/// Warns of what `on_bad_row: skip` has left out, if anything.
func warn(of rows: BadRowLog?) {
    guard let rows, rows.total > 0 else { return }
    let reasons = rows.countsByReason.sorted { $0.key < $1.key }.map { "\($0.value) x \($0.key)" }
    printError(
        "warning: \(rows.total) bad rows left out, kept in \(rows.sideFile.relativePath): "
            + reasons.joined(separator: "; "))
}

/// Metrics as rows, student and teacher as columns, each value with its interval.
func metricsTable(_ report: SplitReport) -> TextTable {
    var table = TextTable(["metric", "student"] + (report.teacher == nil ? [] : ["teacher"]))
    for kind in MetricKind.allCases {
        guard let student = report.student[kind] else { continue }
        table.add([kind.title, format(student)] + (report.teacher.map { [$0[kind].map(format) ?? "–"] } ?? []))
    }
    return table
}

func format(_ value: Double) -> String { String(format: "%.4f", value) }

func format(_ estimate: Estimate) -> String {
    guard let value = estimate.value else { return "undefined: \(estimate.undefined ?? "")" }
    guard let interval = estimate.interval else { return format(value) }
    return "\(format(value)) [\(format(interval.lower)), \(format(interval.upper))]"
}

/// One line of JSON on standard output: `fields` and the value's own keys.
func printJSON(_ fields: [String: String], adding value: some Encodable) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    guard let data = try? encoder.encode(value),
        var object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
    else { return }
    for (key, text) in fields { object[key] = text }
    guard
        let line = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
    else { return }
    FileHandle.standardOutput.write(line + Data("\n".utf8))
}
