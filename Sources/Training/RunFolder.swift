import Foundation
import Logs
import Schema
import TensorFiles

/// The folder a run writes to:
///
///     run.json          the resolved configuration and its hash
///     encoder.json      vocabularies and cut points, as learnt from the training split
///     checkpoints/      step-<n>.safetensors
///     metrics.json      the summary of a finished run
///     bad-rows.jsonl    rows that `on_bad_row: skip` left out
///     events.out.*      TensorBoard
public struct RunFolder: Sendable {
    public let path: String

    public init(_ path: String) { self.path = path }

    var checkpoints: CheckpointStore { CheckpointStore(folder: "\(path)/checkpoints") }
    public var hasCheckpoint: Bool { !checkpoints.list().isEmpty }

    /// What `run.json` holds.
    public struct Record: Codable, Sendable {
        public var hindsight = "1"
        public var configuration: RunConfiguration
        public var runHash: String
    }

    var encoder: URL { URL(fileURLWithPath: "\(path)/encoder.json") }
    var badRows: URL { URL(fileURLWithPath: "\(path)/bad-rows.jsonl") }
    /// Those met by `evaluate`, which must not replace those of training.
    var evaluatedBadRows: URL { URL(fileURLWithPath: "\(path)/bad-rows-evaluated.jsonl") }

    public func readEncoder() throws -> FittedEncoder {
        guard FileManager.default.fileExists(atPath: encoder.path) else {
            throw TrainingError.runFolder(path: path, problem: "has no encoder.json; train a run into it first")
        }
        return try FittedEncoder(contentsOf: encoder)
    }

    public func create() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Removes what an earlier run left, so that nothing of it can be taken for this one's.
    public func clear() throws {
        for file in checkpoints.list() + ["\(path)/metrics.json", "\(path)/run.json"]
        where FileManager.default.fileExists(atPath: file) {
            try FileManager.default.removeItem(atPath: file)
        }
    }

    public func write(_ record: Record) throws { try write(record, "run.json") }
    public func write(_ summary: RunSummary) throws { try write(summary, "metrics.json") }

    public func readRecord() throws -> Record { try read(Record.self, "run.json", "train a run into it first") }
    public func readSummary() throws -> RunSummary {
        try read(RunSummary.self, "metrics.json", "the run has not finished; resume it")
    }

    private func write(_ value: some Encodable, _ name: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        try atomicWrite(try encoder.encode(value), to: "\(path)/\(name)")
    }

    private func read<Value: Decodable>(_ type: Value.Type, _ name: String, _ advice: String) throws -> Value {
        let file = "\(path)/\(name)"
        guard let data = FileManager.default.contents(atPath: file) else {
            throw TrainingError.runFolder(path: path, problem: "has no \(name); \(advice)")
        }
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        do {
            return try decoder.decode(type, from: data)
        } catch {
            throw TrainingError.checkpoint(path: file, problem: "is not readable as \(type): \(error)")
        }
    }
}
