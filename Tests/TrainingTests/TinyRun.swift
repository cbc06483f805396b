import Foundation
import Logs
import Schema
import TensorFiles
import Testing

@testable import Training

/// A run over `TinyLogs` that trains in a fraction of a second: 2 epochs of 17 steps, with every kind of input.
struct TinyRun {
    static let epochs = 2
    static let stepsPerEpoch = 17
    static let totalSteps = epochs * stepsPerEpoch

    static let text = """
        name: tiny
        task: ctr
        seed: 3
        logs: {train: train.parquet, test: test.parquet, validation_split: {fraction: 0.1}, shuffle_window: 300}
        columns: {label: click, request: request, group: user, weight: weight, timestamp: time}
        defaults: {dimension: 4, encoding: vocabulary}
        features:
          - {name: user, side: user}
          - {name: country, side: user, encoding: {categories: [pt, no]}, dimension: 2}
          - {name: item, side: item}
          - {name: price, side: item, encoding: {quantiles: 4}, dimension: 2}
          - {name: tags, side: item, encoding: {hash: 50}, dimension: 2, bag: mean}
          - {name: clicks, availability: interacted, encoding: {quantiles: 8}}
          - {name: dwell, availability: post_event, encoding: {boundaries: [2, 5]}, dimension: 2}
        sequence: {name: history, length: 4, fields: [{column: history, table: item}]}
        networks:
          attention: {heads: 2, head_dimension: 3, feed_forward_multiple: 2}
          mapping: [16, 12, 8]
          mlp: [16, 12, 8]
          deep_teacher: [16, 12, 8]
          multi_task: {shared: 16, head: [12, 8]}
        distillation: {method: pfd+md, manner: share_sync, swapping_step: {fraction: 0.2}}
        training:
          batch_size: 64
          epochs: \(epochs)
          mode: synchronous
          optimiser: {learning_rate: 0.05, warmup: {fraction: 0.1}}
        evaluation: {resamples: 10}
        """

    let folder: TemporaryFolder
    let checked: CheckedRun

    /// - Parameters:
    ///   - folder: where logs are written, unless they are there; runs that share it read the same logs.
    ///   - overrides: `key=value`, as on the command line.
    ///   - output: name of the run's folder.
    init(in folder: TemporaryFolder, _ overrides: [String] = [], output: String = "run") throws {
        self.folder = folder
        if !FileManager.default.fileExists(atPath: folder("run.yaml")) {
            try TinyLogs(rows: 1200, seed: 1).write(to: folder("train.parquet"))
            try TinyLogs(rows: 300, seed: 2).write(to: folder("test.parquet"))
            try Data(Self.text.utf8).write(to: URL(fileURLWithPath: folder("run.yaml")))
        }
        let all = overrides + ["output=\(folder(output))"]
        checked = try RunFile.read(path: folder("run.yaml"), overrides: all).validated()
    }

    var runFolder: RunFolder { RunFolder(checked.configuration.output) }
    var checkpoints: [String] { runFolder.checkpoints.list() }

    /// Trains from the beginning, or from the newest checkpoint.
    ///
    /// - Parameters:
    ///   - stopAt: the step (of the whole run, from 1) after which the run is asked to stop.
    ///   - wrap: puts something between the logs and the trainer.
    @discardableResult
    func train(
        resume: Bool = false, stopAt: Int? = nil, prepared: String? = nil, deduplicate: Bool = true,
        wrap: (any BatchSource) -> any BatchSource = { $0 }, watch: @escaping (TrainingEvent) -> Void = { _ in }
    ) throws -> TrainingOutcome {
        let session = try RunSession(checked, resume: resume, prepared: prepared)
        if !resume { try session.prepareFolder() }
        var data = try session.data()
        if !deduplicate {
            data.train = try session.logs.batches(
                .train, encoder: session.encoder, batchSize: session.run.training.batchSize, seed: session.run.seed,
                shuffle: true, deduplicate: false)
        }
        data.train = wrap(data.train)
        let stop = StopFlagBox()
        let trainer = Trainer(
            session.run, tableRows: session.encoder.tableRows, data: data, folder: session.folder,
            runHash: session.runHash
        ) { event in
            if case .step(let progress) = event, progress.step == stopAt { stop.flag?.raise() }
            watch(event)
        }
        stop.flag = trainer.stopFlag
        return try trainer.train(resume: resume)
    }

    /// What a finished run amounts to.
    func result() throws -> Result {
        let summary = try runFolder.readSummary()
        return Result(tensors: try tensors(), validation: summary.validation, test: summary.test)
    }

    /// Every tensor of the newest checkpoint, as bytes.
    func tensors() throws -> [String: [UInt8]] {
        let file = try SafetensorsFile(path: try #require(checkpoints.first))
        var result: [String: [UInt8]] = [:]
        for tensor in file.tensors { result[tensor.name] = Array(try file.bytes(tensor.name)) }
        return result
    }

    /// Scores of the run's student, from its folder alone.
    func scores(of file: String, reads: RunSession.Columns = .all, teacher: Bool = false) throws -> Scores {
        let session = try RunSession(folder: runFolder.path, data: [file], reads: reads)
        return try session.trainedEngine().score(session.ordered(.test), teacher: teacher)
    }

    struct Result {
        var tensors: [String: [UInt8]]
        var validation: SplitReport?
        var test: SplitReport?
    }

    private final class StopFlagBox { var flag: StopFlag? }
}

/// Expects two finished runs to be the same to the last bit; says what differs.
func expectSame(
    _ one: TinyRun.Result, _ other: TinyRun.Result, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let names = Set(one.tensors.keys).union(other.tensors.keys).sorted()
    let different = names.filter { one.tensors[$0] != other.tensors[$0] }
    #expect(different.isEmpty, comment, sourceLocation: sourceLocation)
    #expect(one.validation == other.validation, comment, sourceLocation: sourceLocation)
    #expect(one.test == other.test, comment, sourceLocation: sourceLocation)
}

/// The error that `body` throws, in words; empty when it throws none.
func complaint(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch { return "\(error)" }
}
