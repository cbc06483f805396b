import ArgumentParser
import Foundation
import Logs
import Schema
import Training

struct Prepare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Encode the logs once into shards that epochs and sweeps read without decoding.",
        discussion: """
              hindsight prepare RUN.yaml --into shards
              hindsight compare RUN.yaml --prepared shards

            The shards belong to these logs and this schema; after either changes they are refused.
            """)

    @OptionGroup var file: RunFileOptions

    @Option(help: "The folder to write to.", completion: .directory)
    var into: String

    func run() throws {
        try reportingFailures {
            let run = try file.load().configuration
            let folder = URL(fileURLWithPath: into)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let dataset = try Dataset(
                logs: run.logs, schema: run.schema,
                baseFolder: URL(fileURLWithPath: FileManager.default.currentDirectoryPath),
                badRowFile: folder.appendingPathComponent("bad-rows.jsonl"))
            let shards = try dataset.prepare(encoder: try dataset.fitEncoder(), into: folder)
            for split in Split.allCases where try shards.rowCount(split) > 0 {
                print("\(split.rawValue): \(try shards.rowCount(split)) samples")
            }
            warn(of: dataset.badRows)
            print("Written to \(into).")
        }
    }
}
