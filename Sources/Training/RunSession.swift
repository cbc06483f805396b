import Foundation
import Logs
import Schema
import TensorFiles

/// A run file, its logs and its folder brought together: what `train`, `evaluate` and `predict` start from.
public final class RunSession {
    public let run: RunConfiguration
    public let dataset: Dataset
    public let encoder: FittedEncoder
    public let folder: RunFolder
    public let runHash: String

    /// Opens the logs and learns (or, when resuming, reads) the encoder.
    public convenience init(_ checked: CheckedRun, resume: Bool = false) throws {
        let run = checked.configuration
        let dataset = try Dataset(
            logs: run.logs, schema: run.schema, baseFolder: Self.here, badRowFile: RunFolder(run.output).badRows)
        try self.init(
            checked, dataset: dataset,
            encoder: resume ? try RunFolder(run.output).readEncoder() : try dataset.fitEncoder())
    }

    /// A run over logs that are open already: the runs of a comparison share decoded batches.
    public init(_ checked: CheckedRun, dataset: Dataset, encoder: FittedEncoder) throws {
        run = checked.configuration
        folder = RunFolder(run.output)
        self.dataset = dataset
        self.encoder = encoder
        runHash = "\(try RunFile.hash(run))-\(encoder.digest)"
        for split in Split.allCases where run.logs.has(split) {
            try dataset.requireRows(split)
            try requireBothClasses(split)
        }
    }

    /// A finished (or interrupted) run, from its folder.
    ///
    /// - Parameter data: other logs to read instead of the run's own, as its test split.
    public init(folder path: String, data: [String]? = nil) throws {
        folder = RunFolder(path)
        let record = try folder.readRecord()
        var run = record.configuration
        if let data { run.logs = run.logs.reading(test: data) }
        self.run = run
        encoder = try folder.readEncoder()
        dataset = try Dataset(logs: run.logs, schema: run.schema, baseFolder: Self.here, badRowFile: folder.badRows)
        runHash = record.runHash
    }

    private static var here: URL { URL(fileURLWithPath: FileManager.default.currentDirectoryPath) }

    /// Ranking metrics, and training, are undefined on one class.
    private func requireBothClasses(_ split: Split) throws {
        guard run.schema.labels[0].kind == .binary else { return }
        if let problem = try dataset.classes(split).problem(split: split, label: run.schema.labels[0].column) {
            throw problem
        }
    }

    /// Starts a new run in the folder, forgetting an earlier one there.
    public func prepareFolder() throws {
        try folder.create()
        try folder.clear()
        try encoder.write(to: folder.encoder)
        try folder.write(RunFolder.Record(configuration: run, runHash: runHash))
    }

    /// The split's batches; training is shuffled by the run's seed, the others are in file order.
    public func batches(_ split: Split) throws -> any BatchSource {
        try dataset.batches(
            split, encoder: encoder, batchSize: run.training.batchSize, seed: run.seed, shuffle: split == .train)
    }

    /// The split's batches in file order, whatever the split.
    public func ordered(_ split: Split) throws -> any BatchSource {
        try dataset.batches(
            split, encoder: encoder, batchSize: run.training.batchSize, seed: run.seed, shuffle: false)
    }

    /// Samples a distinct user side, over the first batches of training: what deduplication saves.
    public func samplesPerRequest(batches: Int = 20) throws -> Double {
        let source = try ordered(.train)
        try source.seek(epoch: 0, batches: 0)
        var (samples, users) = (0, 0)
        for _ in 0..<batches {
            guard let batch = try source.next() else { break }
            samples += batch.count
            users += batch.regular.userCount
        }
        return Double(samples) / Double(max(1, users))
    }

    /// Everything a trainer reads.
    public func data() throws -> RunData {
        RunData(
            train: try batches(.train), trainRows: try dataset.rowCount(.train),
            validation: run.logs.has(.validation) ? try batches(.validation) : nil,
            test: run.logs.has(.test) ? try batches(.test) : nil)
    }

    public func trainer(onEvent: @escaping (TrainingEvent) -> Void) throws -> Trainer {
        Trainer(
            run, tableRows: encoder.tableRows, data: try data(), folder: folder, runHash: runHash, onEvent: onEvent)
    }

    /// An engine with the parameters of the newest checkpoint, ready to score.
    public func trainedEngine() throws -> TrainingEngine {
        let engine = TrainingEngine(run, tableRows: encoder.tableRows)
        _ = try folder.checkpoints.readLatest(into: engine.server, runHash: runHash)
        return engine
    }
}

extension LogsConfiguration {
    /// Whether the run file asks for this split.
    func has(_ split: Split) -> Bool {
        switch split {
        case .train: true
        case .validation: !validation.isEmpty || validationSplit != nil
        case .test: !test.isEmpty || testSplit != nil
        }
    }

    /// The same kind of logs, with these files as the test split.
    func reading(test files: [String]) -> LogsConfiguration {
        var other = self
        other.train = files
        other.validation = []
        other.test = files
        other.validationSplit = nil
        other.testSplit = nil
        return other
    }
}
