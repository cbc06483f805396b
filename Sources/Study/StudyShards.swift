import Foundation
import Logs
import Schema
import Training

/// The encoded logs of a study, one folder of shards for each data size, prepared once.
struct StudyShards {
    struct Part {
        let provider: any BatchProvider
        let encoder: FittedEncoder
        let logs: OpenedLogs
    }
    let parts: [DataSize: Part]

    init(
        _ study: StudyConfiguration, base: RunConfiguration, sizes: Set<DataSize>, note: (String) -> Void
    ) throws {
        var parts: [DataSize: Part] = [:]
        // The order decides nothing but what is said.
        for size in sizes.sorted(by: { $0.slug < $1.slug }) {
            var run = base
            if size != .all { run.logs.trainWindow = size.window }
            parts[size] = try Self.open(run, target: "\(study.output)/shards/\(size.slug)", note: note)
        }
        self.parts = parts
    }

    private static func open(_ run: RunConfiguration, target: String, note: (String) -> Void) throws -> Part {
        let folder = URL(fileURLWithPath: target)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let dataset = try Dataset(
            logs: run.logs, schema: run.schema, baseFolder: URL(fileURLWithPath: "/"),
            badRowFile: folder.appendingPathComponent("bad-rows.jsonl"))
        let shards: PreparedDataset
        if let kept = try? PreparedDataset.open(folder), (try? kept.check(against: dataset)) != nil {
            shards = kept
        } else {
            note("preparing \(target)")
            shards = try dataset.prepare(encoder: try dataset.fitEncoder(), into: folder)
            if dataset.badRows.total > 0 {
                note("warning: \(dataset.badRows.total) bad rows left out, kept in \(target)/bad-rows.jsonl")
            }
        }
        var probe = run
        probe.distillation = DistillationConfiguration()
        let session = try RunSession(try probe.validated(), logs: shards, encoder: shards.encoder)
        return Part(
            provider: shards, encoder: shards.encoder,
            logs: OpenedLogs(
                trainRows: try shards.rowCount(.train), samplesPerRequest: try session.samplesPerRequest(),
                tableRows: shards.encoder.tableRows))
    }
}

extension LogsConfiguration {
    /// The same logs by absolute paths: shards belong to files, not to the folder a study was started from.
    func absolute() -> LogsConfiguration {
        let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        func absolute(_ path: String) -> String {
            path.hasPrefix("/") ? path : here.appendingPathComponent(path).standardized.path
        }
        var other = self
        other.train = train.map(absolute)
        other.validation = validation.map(absolute)
        other.test = test.map(absolute)
        return other
    }
}
