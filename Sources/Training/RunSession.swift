import Foundation
import Logs
import Schema
import TensorFiles

/// A run file, its logs and its folder brought together: what `train`, `evaluate` and `predict` start from.
public final class RunSession {
    public let run: RunConfiguration
    public let logs: any BatchProvider
    public let encoder: FittedEncoder
    public let folder: RunFolder
    public let runHash: String

    /// Opens the logs and learns (or, when resuming, reads) the encoder.
    ///
    /// - Parameter prepared: a folder that `prepare` wrote from just these logs, to read instead of decoding.
    public convenience init(_ checked: CheckedRun, resume: Bool = false, prepared: String? = nil) throws {
        let run = checked.configuration
        let folder = RunFolder(run.output)
        let dataset = try Self.open(run.logs, schema: run.schema, badRows: folder.badRows)
        if let prepared {
            let shards = try PreparedDataset.open(URL(fileURLWithPath: prepared))
            try shards.check(against: dataset)
            try self.init(checked, logs: shards, encoder: shards.encoder)
        } else {
            try self.init(checked, logs: dataset, encoder: resume ? try folder.readEncoder() : try dataset.fitEncoder())
        }
        if resume, try folder.readRecord().runHash != runHash { throw TrainingError.otherRun(path: folder.path) }
    }

    /// A run over logs that are open already: the runs of a comparison share decoded batches.
    public init(_ checked: CheckedRun, logs: any BatchProvider, encoder: FittedEncoder) throws {
        run = checked.configuration
        try Worker.requireProcessor(for: run.training.precision)
        folder = RunFolder(run.output)
        self.logs = logs
        self.encoder = encoder
        runHash = "\(try RunFile.hash(run))-\(encoder.digest)"
        for split in Split.allCases where run.logs.has(split) {
            try logs.requireRows(split)
            try requireBothClasses(split)
        }
    }

    /// A finished (or interrupted) run, from its folder.
    ///
    /// - Parameters:
    ///   - data: other logs to read instead of the run's own, as its test split.
    ///   - reads: the columns that have to be there.
    public init(folder path: String, data: [String]? = nil, reads: Columns = .all) throws {
        folder = RunFolder(path)
        let record = try folder.readRecord()
        run = record.configuration
        encoder = try folder.readEncoder()
        var logs = data.map(record.configuration.logs.reading(test:)) ?? record.configuration.logs
        // Scores have one line a row: a row left out would move all that follow.
        if reads != .all { logs.onBadRow = .fail }
        self.logs = try Self.open(
            logs, schema: record.configuration.schema.keeping(reads), badRows: folder.evaluatedBadRows)
        runHash = record.runHash
    }

    /// Which columns logs must have to be scored.
    public enum Columns: Sendable {
        /// Everything that training reads.
        case all
        /// Inputs without labels: regular and privileged features.
        case inputs
        /// What is there when serving: regular features only.
        case regularInputs
    }

    private static func open(_ logs: LogsConfiguration, schema: FeatureSchema, badRows: URL) throws -> Dataset {
        try Dataset(logs: logs, schema: schema, baseFolder: here, badRowFile: badRows)
    }

    private static var here: URL { URL(fileURLWithPath: FileManager.default.currentDirectoryPath) }

    /// Ranking metrics, and training, are undefined on one class.
    private func requireBothClasses(_ split: Split) throws {
        guard run.schema.labels[0].kind == .binary else { return }
        if let problem = try logs.classes(split).problem(split: split, label: run.schema.labels[0].column) {
            throw problem
        }
    }

    /// The rows that `on_bad_row: skip` has left out so far; nil when the logs were prepared.
    public var badRows: BadRowLog? { (logs as? Dataset)?.badRows }

    /// Starts a new run in the folder, forgetting an earlier one there.
    public func prepareFolder() throws {
        try folder.create()
        try folder.clear()
        try encoder.write(to: folder.encoder)
        var recorded = run
        recorded.logs = run.logs.relative(to: Self.here)
        try folder.write(RunFolder.Record(configuration: recorded, runHash: runHash))
    }

    /// The split's batches; training is shuffled by the run's seed, the others are in file order.
    public func batches(_ split: Split) throws -> any BatchSource {
        try logs.batches(
            split, encoder: encoder, batchSize: run.training.batchSize, seed: run.seed, shuffle: split == .train,
            deduplicate: true, permutePrivileged: permutation)
    }

    /// The split's batches in file order, whatever the split.
    public func ordered(_ split: Split) throws -> any BatchSource {
        try logs.batches(
            split, encoder: encoder, batchSize: run.training.batchSize, seed: run.seed, shuffle: false,
            deduplicate: true, permutePrivileged: permutation)
    }

    /// The seed of the control that gives every sample another's privileged features.
    private var permutation: UInt64? { run.distillation.control == .permuted ? run.seed : nil }

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
            train: try batches(.train), trainRows: try logs.rowCount(.train),
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

    /// The same logs by absolute paths, so that they are found from wherever the run is evaluated.
    func relative(to folder: URL) -> LogsConfiguration {
        func absolute(_ path: String) -> String {
            path.hasPrefix("/") ? path : folder.appendingPathComponent(path).standardized.path
        }
        var other = self
        other.train = train.map(absolute)
        other.validation = validation.map(absolute)
        other.test = test.map(absolute)
        return other
    }

    /// The same kind of logs, with these files as the test split.
    func reading(test files: [String]) -> LogsConfiguration {
        var other = self
        other.train = files
        other.validation = []
        other.test = files
        other.validationSplit = nil
        other.testSplit = nil
        other.trainWindow = nil
        return other
    }
}

extension FeatureSchema {
    /// The schema of logs that need not have the other columns.
    func keeping(_ columns: RunSession.Columns) -> FeatureSchema {
        guard columns != .all else { return self }
        var schema = self
        // A score depends on the features alone: requests, groups and times are for training and metrics.
        schema.requestColumn = nil
        schema.groupColumn = nil
        schema.timestampColumn = nil
        schema.labels = []
        schema.weightColumn = nil
        schema.softLabelColumn = nil
        if columns == .regularInputs { schema.privileged = [] }
        return schema
    }
}
