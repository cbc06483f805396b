import Foundation
import Schema
import TensorFiles

/// Encoded blocks on disk: epochs and sweeps over them decode nothing.
///
/// A folder of one safetensors file a block (mapped, not read), the encoder, and a manifest that names what all of it
/// was made from. `check(against:)` refuses a folder made from other logs or another schema.
///
/// SAFETY: blocks are opened under the lock.
public final class PreparedDataset: BatchProvider, @unchecked Sendable {
    public let folder: URL
    public let schema: FeatureSchema
    public let encoder: FittedEncoder
    private let manifest: Manifest
    private let columns: SchemaColumns
    private let rows: [String: Int]
    private let lock = NSLock()
    private var opened: [String: EncodedBlock] = [:]

    struct Manifest: Codable {
        struct Input: Codable, Equatable {
            var path: String
            var bytes: Int
            var modified: Double
        }
        struct Part: Codable {
            var rows: Int
            var blocks: [String]
            var positives: Int
            var negatives: Int
        }
        static let format = "hindsight-prepared-1"
        var format = Manifest.format
        var schema: FeatureSchema
        var logs: LogsConfiguration
        var encoder: String
        var inputs: [Input]
        var splits: [String: Part]
    }

    /// Opens a folder that `Dataset.prepare` made.
    public init(opening folder: URL) throws {
        self.folder = folder
        let url = folder.appendingPathComponent("manifest.json")
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw LogsError(.noSuchFile, file: folder.path, detail: "no shards there; prepare them first")
        }
        do {
            manifest = try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: url))
        } catch {
            throw LogsError(.unreadable, file: url.path, expected: "a folder made by prepare", detail: "\(error)")
        }
        guard manifest.format == Manifest.format else {
            throw LogsError(.staleCache, file: url.path, expected: Manifest.format, found: manifest.format)
        }
        schema = manifest.schema
        columns = try SchemaColumns(schema, readsTime: false)
        encoder = try FittedEncoder(contentsOf: folder.appendingPathComponent("encoder.json"))
        rows = encoder.tableRows
        guard encoder.digest == manifest.encoder else {
            throw LogsError(.staleCache, file: folder.path, expected: "encoder \(manifest.encoder)", found: encoder.digest)
        }
    }

    public static func open(_ folder: URL) throws -> PreparedDataset { try PreparedDataset(opening: folder) }

    /// Throws `staleCache` unless this was prepared from just these logs with just this schema.
    public func check(against dataset: Dataset) throws {
        func stale(_ what: String) -> LogsError {
            LogsError(.staleCache, file: folder.path, detail: "\(what) since it was prepared; prepare again")
        }
        guard manifest.schema == dataset.schema else { throw stale("the schema has changed") }
        guard manifest.logs == dataset.logs else { throw stale("the logs' configuration has changed") }
        let now = try dataset.inputs()
        guard manifest.inputs.map(\.path) == now.map(\.path) else { throw stale("the list of log files has changed") }
        for (before, after) in zip(manifest.inputs, now) where before != after { throw stale("\(after.path) has changed") }
    }

    public func rowCount(_ split: Split) throws -> Int { manifest.splits[split.rawValue]?.rows ?? 0 }

    public func classes(_ split: Split) throws -> ClassCheck {
        let part = manifest.splits[split.rawValue]
        return ClassCheck(positives: part?.positives ?? 0, negatives: part?.negatives ?? 0)
    }

    /// As `Dataset.batches`. `encoder` must be the one that the folder was prepared with.
    public func batches(
        _ split: Split, encoder: FittedEncoder, batchSize: Int, seed: UInt64 = 0, shuffle: Bool,
        deduplicate: Bool = true, permutePrivileged: UInt64? = nil
    ) throws -> any BatchSource {
        guard encoder == self.encoder else {
            throw LogsError(.staleCache, file: folder.path, detail: "it was prepared with another encoder; prepare again")
        }
        guard let part = manifest.splits[split.rawValue], part.rows > 0 else {
            throw LogsError(.emptySplit, file: folder.path, detail: "there is no \(split.rawValue) split")
        }
        return BatchReader(
            blocks: PreparedBlocks(self, part.blocks), schema: schema, batchSize: batchSize, seed: seed, shuffles: shuffle,
            deduplicates: deduplicate, requestGroup: manifest.logs.requestGroup, permutePrivileged: permutePrivileged)
    }

    func block(_ name: String) throws -> EncodedBlock {
        try lock.withLock {
            if let known = opened[name] { return known }
            let block = try EncodedBlock(
                mapping: folder.appendingPathComponent(name).path, columns: columns, tableRows: rows)
            opened[name] = block
            return block
        }
    }
}

private final class PreparedBlocks: BlockSource {
    private let dataset: PreparedDataset
    private let names: [String]
    private var position = 0

    init(_ dataset: PreparedDataset, _ names: [String]) {
        self.dataset = dataset
        self.names = names
    }
    func rewind() { position = 0 }
    func next() throws -> EncodedBlock? {
        guard position < names.count else { return nil }
        defer { position += 1 }
        return try dataset.block(names[position])
    }
}

extension Dataset {
    /// Encodes every split once and for all into `folder`, which is made, or replaced file by file. The manifest comes
    /// last: a preparation that was cut short is no prepared dataset.
    @discardableResult
    public func prepare(encoder: FittedEncoder, into folder: URL) throws -> PreparedDataset {
        let files = FileManager.default
        try files.createDirectory(at: folder, withIntermediateDirectories: true)
        let manifestURL = folder.appendingPathComponent("manifest.json")
        try? files.removeItem(at: manifestURL)
        for old in try files.contentsOfDirectory(atPath: folder.path) where old.hasSuffix(".block.safetensors") {
            try files.removeItem(at: folder.appendingPathComponent(old))
        }
        let before = try inputs()
        var parts: [String: PreparedDataset.Manifest.Part] = [:]
        for split in Split.allCases {
            guard let plan = try plan(split) else { continue }
            var part = PreparedDataset.Manifest.Part(rows: 0, blocks: [], positives: 0, negatives: 0)
            let blocks = StreamedBlocks(
                self, plan, try ChunkEncoder(columns: columns, encoder: encoder), window: max(1, logs.shuffleWindow))
            while let block = try blocks.next() {
                let digits = String(part.blocks.count)
                let number = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
                let name = "\(split.rawValue)-\(number).block.safetensors"
                try block.write(to: folder.appendingPathComponent(name).path)
                part.blocks.append(name)
                part.rows += block.count
                if let labels = block.labels.first {
                    let positives = (0..<block.count).reduce(0) { $0 + (labels[$1] > 0 ? 1 : 0) }
                    part.positives += positives
                    part.negatives += block.count - positives
                }
            }
            parts[split.rawValue] = part
        }
        guard let train = parts[Split.train.rawValue], train.rows > 0 else {
            throw LogsError(.emptySplit, file: trainFiles.first?.path, detail: "the train split is empty")
        }
        guard try inputs() == before else {
            throw LogsError(.staleCache, file: folder.path, detail: "the logs changed while they were prepared")
        }
        try encoder.write(to: folder.appendingPathComponent("encoder.json"))
        let coder = JSONEncoder()
        coder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let manifest = PreparedDataset.Manifest(
            schema: schema, logs: logs, encoder: encoder.digest, inputs: before, splits: parts)
        try atomicWrite(try coder.encode(manifest), to: manifestURL.path)
        return try PreparedDataset(opening: folder)
    }

    func inputs() throws -> [PreparedDataset.Manifest.Input] {
        try (trainFiles + validationFiles + testFiles).map { file in
            var status = stat()
            guard stat(file.path, &status) == 0 else {
                throw LogsError(.noSuchFile, file: file.path, detail: String(cString: strerror(errno)))
            }
            let seconds = Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) * 1e-9
            return .init(path: file.path, bytes: Int(status.st_size), modified: seconds)
        }
    }
}
