import Evaluation
import Foundation
import TensorFiles

/// Writes all faces of a study's results into a folder.
///
///     results.json  results.csv  results.md     numbers; equal runs give equal bytes
///     times.json    times.md                    what it took
///     report.html                               all of it, in one file that needs no other
public struct ReportWriter {
    let results: StudyResults
    let times: StudyTimes
    /// The exact command, for the report's reader.
    let command: String

    public init(_ results: StudyResults, times: StudyTimes, command: String) {
        self.results = results
        self.times = times
        self.command = command
    }

    public func write(into folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try JSON.write(results, to: "\(folder)/results.json")
        try atomicWrite(CSVReport(results: results).text, to: "\(folder)/results.csv")
        try atomicWrite(MarkdownReport(results: results).text, to: "\(folder)/results.md")
        try JSON.write(times, to: "\(folder)/times.json")
        try atomicWrite("# \(results.name): time and memory\n\n" + TimeTable(times).table.markdown, to: "\(folder)/times.md")
        try atomicWrite(HTMLReport(results: results, times: times, command: command).text, to: "\(folder)/report.html")
    }

    /// The verdicts, as plain text.
    public var verdicts: String { results.comparisons.map(\.sentence).joined(separator: "\n") }

    /// The tables, as plain text.
    public var tables: String {
        PaperShapedTables(results: results, times: times).all.map { table in
            var text = TextTable(table.headers)
            for row in table.rows { text.add(row.map { $0.replacing("**", with: "") }) }
            return "\(table.title)\n\(text.rendered())"
        }.joined(separator: "\n\n")
    }

    /// What to look at before believing it.
    public var warnings: [String] {
        results.diagnoses.filter { $0.level != .good }.map { "\($0.subject): \($0.sentence)" }
    }
}

/// Time and memory of every arm.
struct TimeTable {
    let table: ReportTable

    init(_ times: StudyTimes) {
        var table = ReportTable(
            "Time and memory",
            note: "Training one run, mean over seeds, \(counted(times.workers, "worker")) each, "
                + "\(counted(times.parallel, "run")) side by side on \(counted(times.processors, "core")); the process took at "
                + "most \(mebibytes(times.peakResidentBytes)). Memory: values and optimiser state of one run.",
            ["Arm", "Time", "Relative", "Samples/s", "Memory"])
        for arm in times.arms {
            table.add([
                arm.label, seconds(arm.seconds), arm.relative.map(relative) ?? "–", grouped(Int(arm.samplesPerSecond)),
                mebibytes(arm.parameterBytes),
            ])
        }
        self.table = table
    }
}

/// `12.3 MiB`
func mebibytes(_ bytes: Int) -> String { String(format: "%.1f MiB", Double(bytes) / 1_048_576) }
