import ArgumentParser
import Logs
import Training

struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a trained run on a split or on other logs: AUC, GAUC, log-loss, NE, PCOC, ECE with intervals.")

    @Argument(help: "The run's output folder.", completion: .directory)
    var folder: String

    @Option(help: "Other logs (file, glob or folder) instead of the run's test split.")
    var data: [String] = []

    @Option(help: "The split to measure.")
    var split = Split.test

    @OptionGroup var outputOptions: OutputOptions

    func run() throws {
        try reportingFailures {
            let (session, split) = try openRun(folder, data: data, split: split)
            let scores = try session.trainedEngine().score(session.ordered(split), teacher: true)
            let report = try scores.report(
                session.run, split: data.isEmpty ? split.rawValue : data.joined(separator: ", "),
                resamples: session.run.evaluation.resamples)
            warn(of: session.badRows)
            if outputOptions.json {
                printJSON(["event": "evaluated"], adding: report)
            } else {
                print("\(report.split) (\(report.student.samples) samples)\n\(metricsTable(report).rendered())")
            }
        }
    }
}
