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
        if let prepared = study.prepared {
            guard sizes == [.all] else {
                throw StudyError(.configuration, prepared, "holds all of the training split, and the study wants parts of it")
            }
            // As the run file names its logs: so do the shards.
            let run = try RunFile.read(path: study.runFile, overrides: study.overrides).validated()
            let session = try RunSession(run, prepared: prepared)
            self.parts = [.all: try Self.part(run.configuration, session.logs, session.encoder)]
            return
        }
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
        return try part(run, shards, shards.encoder)
    }

    private static func part(
        _ run: RunConfiguration, _ provider: any BatchProvider, _ encoder: FittedEncoder
    ) throws -> Part {
        var probe = run
        probe.distillation = DistillationConfiguration()
        let session = try RunSession(try probe.validated(), logs: provider, encoder: encoder)
        return Part(
            provider: provider, encoder: encoder,
            logs: OpenedLogs(
                trainRows: try provider.rowCount(.train), samplesPerRequest: try session.samplesPerRequest(),
                tableRows: encoder.tableRows))
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
