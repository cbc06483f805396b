import ArgumentParser
import Evaluation
import Foundation
import Marketplace
import Schema
import Training

struct RegretCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "regret",
        abstract: "Compare a run, or a file of scores, with the true probabilities of a simulated marketplace.",
        discussion: """
            Prints the Bayes-optimal AUC (that of the true probabilities), the model's, its divergence from the truth, \
            and the share of clicks that ranking by its scores gives away.

              hindsight regret runs/market-ctr --truth market/truth/ctr/day-07
              hindsight regret scores.parquet --label click --truth market/truth/ctr/day-07
            """)

    @Argument(help: "A run's output folder (its test split is scored), or what `hindsight predict` wrote.")
    var scores: String

    @Option(help: "The truth of the scored rows: file, glob or folder of truth/.")
    var truth: [String]

    @Option(help: "The outcome's column in the truth, click or purchase (default: the run's label).")
    var label: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if let label, label != "click", label != "purchase" {
            throw ValidationError("--label: '\(label)' is neither click nor purchase")
        }
    }

    func run() throws {
        try reportingMarketFailures {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: scores, isDirectory: &isFolder) else {
                printError("error: \(scores): no such run folder or file")
                throw Exit.missingFile
            }
            let rows = isFolder.boolValue ? try ofRun() : try ofFile()
            if json { try printRegrets(rows) } else { print(table(rows).rendered()) }
        }
    }

    private typealias Row = (name: String, regret: Regret)

    private func ofRun() throws -> [Row] {
        let session = try RunSession(folder: scores)
        let truth = try MarketTruth(files: truth, label: label ?? session.run.schema.labels[0].column)
        let scored = try session.trainedEngine().score(session.ordered(.test), teacher: true)
        guard scored.labels == truth.outcomes, scored.requests == truth.requests else {
            throw MarketError(
                .mismatch, self.truth.joined(separator: " "), expected: "the truth of the run's test split, row by row",
                found: "\(truth.count) other rows than its \(scored.labels.count)")
        }
        return try known(truth) + [("student", Regret(of: scored.student, against: truth))]
            + (scored.teacher.map { [("teacher", try Regret(of: $0, against: truth))] } ?? [])
    }

    private func ofFile() throws -> [Row] {
        guard let label else {
            throw ValidationError("--label: say click or purchase; a file of scores does not tell")
        }
        let truth = try MarketTruth(files: truth, label: label)
        return try known(truth) + [("scores", Regret(of: readScores(file: scores), against: truth))]
    }

    private func known(_ truth: MarketTruth) throws -> [Row] {
        [
            ("truth, all known", try Regret(of: truth.probabilities, against: truth)),
            ("truth, as a ranker may know it", try Regret(of: truth.relevances, against: truth)),
        ]
    }

    private func table(_ rows: [Row]) -> TextTable {
        var table = TextTable(["scores", "AUC", "log-loss", "divergence", "regret@1", "regret@3"])
        func percent(_ value: Double??) -> String { (value ?? nil).map { String(format: "%.2f %%", 100 * $0) } ?? "–" }
        for (name, regret) in rows {
            table.add([
                name, regret.auc.map(format) ?? "–", String(format: "%.5f", regret.logLoss),
                String(format: "%.5f", regret.divergence), percent(regret.regretAt[1]), percent(regret.regretAt[3]),
            ])
        }
        return table
    }

    private func printRegrets(_ rows: [Row]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let values = Dictionary(uniqueKeysWithValues: rows.map { ($0.name, $0.regret) })
        print(String(decoding: try encoder.encode(values), as: UTF8.self))
    }
}
