import ArgumentParser
import Foundation
import Study

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Judge finished runs side by side: tables, intervals, curves, calibration, as HTML, Markdown, CSV and JSON.",
        discussion: """
            Takes run folders of `hindsight train`, or one study folder, whose runs so far are judged without training \
            more. Runs must have been made from logs with the same test split.

              hindsight report runs/first runs/first-baseline --out report
            """)

    @Argument(help: "Run folders, or one study folder.", completion: .directory)
    var folders: [String]

    @Option(help: "The folder to write to (default: report, or the study's).", completion: .directory)
    var out: String?

    @Option(help: "Features that part the test split, with commas (default: two with few values).")
    var segments: String?

    @OptionGroup var outputOptions: OutputOptions

    func run() throws {
        try reportingFailures {
            let console = StudyConsole(outputOptions)
            let command = "hindsight report \(folders.joined(separator: " "))"
            if folders.count == 1, let record = StudyRecord(folder: folders[0]) {
                var study = record.study
                // A study folder may have been moved since.
                study.output = folders[0]
                let runner = try StudyRunner(study) { _ in }
                guard let outcome = try runner.run(trains: false) else { throw Exit.interrupted }
                return try console.finish(outcome, folder: out ?? folders[0], command: command)
            }
            let name = folders.count == 1 ? (folders[0] as NSString).lastPathComponent : "\(folders.count) runs"
            let runs = RunCollection(
                folders, name: name, segments: segments?.split(separator: ",").map(String.init))
            let outcome = try runs.outcome { console.note($0) }
            try console.finish(outcome, folder: out ?? "report", command: command)
        }
    }
}
