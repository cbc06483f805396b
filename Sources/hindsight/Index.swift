import ArgumentParser
import Foundation
import Logs
import ModelPackage
import Schema
import Serving
import TensorFiles

struct Index: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compute the item mappings of a package's CTR student and write them beside it.",
        discussion: """
            Reads a table of items with the model's item-side features, one row an item, and writes \
            items.safetensors into the package, bound to the model's version. --numpy and --parquet write the same \
            vectors for FAISS, Milvus and the like.

              hindsight index packages/retail-ctr --items items.parquet
            """)

    @Argument(help: "The model package.", completion: .directory)
    var package: String

    @Option(help: "The items: file, glob or folder.")
    var items: [String]

    @Option(help: "The column that names an item (default: the first item-side feature's).")
    var id: String?

    @Option(help: "Write the vectors as NumPy too: [items, width] float32; ids go beside it as <name>.ids.npy.")
    var numpy: String?

    @Option(help: "Write ids and vectors as Parquet too.")
    var parquet: String?

    func run() throws {
        try reportingPackageFailures {
            let model = try ModelPackage(path: package)
            let table = try ItemTable(items, id: id, model: model)
            let path = "\(package)/\(ItemVectors.fileName)"
            try ItemVectors.write(table.vectors, ids: table.ids, of: model, to: path)
            let width = model.student.vectorWidth ?? 0
            if let numpy { try writeNumPy(table, width: width, to: numpy) }
            if let parquet { try writeParquet(table, width: width, to: parquet) }
            for (feature, count) in table.unknown.sorted(by: { $0.key < $1.key }) {
                printError("warning: \(count) of \(table.ids.count) items have a value of '\(feature)' not seen in training")
            }
            print("\(table.ids.count) items x \(width) for model \(model.version). Written to \(path).")
        }
    }

    private func writeNumPy(_ table: ItemTable, width: Int, to path: String) throws {
        try atomicWrite(NumPyFile.floats(table.vectors, rows: table.ids.count, columns: width), to: path)
        let stem = path.hasSuffix(".npy") ? String(path.dropLast(4)) : path
        try atomicWrite(NumPyFile.texts(table.ids), to: "\(stem).ids.npy")
    }

    private func writeParquet(_ table: ItemTable, width: Int, to path: String) throws {
        let temporary = path + ".part"
        let writer = try TableWriter(path: temporary)
        let vectors = table.ids.indices.map { row in
            Optional(table.vectors[row * width..<(row + 1) * width].map(Optional.some))
        }
        try writer.write([("id", .text(table.ids)), ("vector", .floatLists(vectors))])
        try writer.close()
        guard rename(temporary, path) == 0 else {
            throw PackageError(
                .unreadable, path: path, expected: "the finished file renamed to it", found: String(cString: strerror(errno)))
        }
    }
}

/// A table of items as ids and vectors, in the table's order.
struct ItemTable {
    private(set) var ids: [String] = []
    /// `[ids.count, width]`
    private(set) var vectors: [Float] = []
    /// Items whose value of a feature the model has never seen.
    private(set) var unknown: [String: Int] = [:]

    /// - Throws: on a row without an id, and on an id that comes twice.
    init(_ files: [String], id: String?, model: ModelPackage, batchSize: Int = 4096) throws {
        let features = model.schema.regular.filter { $0.side == .item }
        guard let width = model.student.vectorWidth, let first = features.first else {
            throw PackageError(
                .mismatch, path: model.path, expected: "a ctr model, which has an item mapping", found: model.student.task.rawValue)
        }
        // Ids come through the encoder as well: a vocabulary of all of them, beside the model's own tables.
        let name = FeatureEncoding(
            name: "item id", column: id ?? first.encoding.column, encoding: .vocabulary(minCount: 1, maxSize: nil),
            dimension: 1, missing: .error)
        let named = RegularFeature(name, side: .interaction)
        let logs = LogsConfiguration(train: files)
        let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        let known = try Dataset(logs: logs, schema: FeatureSchema(regular: [named], labels: []), baseFolder: here).fitEncoder()
        let texts = try known.table(name.table).values ?? []

        let scorer = try StudentScorer(model)
        let places = model.schema.regular.indices.filter { model.schema.regular[$0].side == .item }
        let source = try Dataset(logs: logs, schema: FeatureSchema(regular: features + [named], labels: []), baseFolder: here)
            .batches(
                .train, encoder: FittedEncoder(tables: model.encoder.tables + known.tables), batchSize: batchSize, seed: 0,
                shuffle: false, deduplicate: true)
        var seen = Set<Int32>()
        try source.seek(epoch: 0, batches: 0)
        while let batch = try source.next() {
            let rows = batch.regular.columns[features.count].ids
            for row in rows {
                guard row >= 2, seen.insert(row).inserted else {
                    throw LogsError(
                        .badRow, file: files.joined(separator: ", "), row: ids.count + 1, column: name.column,
                        expected: "each item once", found: row >= 2 ? "'\(texts[Int(row) - 2])' again" : "no id")
                }
                ids.append(texts[Int(row) - 2])
            }
            let distinct = try scorer.itemVectors(Self.items(batch.regular, places, model.schema))
            for item in batch.regular.itemIndex.map(Int.init) { vectors += distinct[item * width..<(item + 1) * width] }
            countUnknown(batch.regular, features)
        }
    }

    /// The item columns in the places that the model's schema has for them, without users or samples.
    private static func items(_ inputs: RegularInputs, _ places: [Int], _ schema: ServingSchema) -> RegularInputs {
        var columns = schema.regular.map { EncodedColumn(offsets: $0.encoding.bag == nil ? nil : [0]) }
        for (number, place) in places.enumerated() { columns[place] = inputs.columns[number] }
        return RegularInputs(
            count: 0, userCount: 0, itemCount: inputs.itemCount, userIndex: [], itemIndex: [], columns: columns,
            sequence: schema.sequence.map { EncodedSequence(offsets: [0], fields: $0.fields.map { _ in [] }) })
    }

    private mutating func countUnknown(_ inputs: RegularInputs, _ features: [RegularFeature]) {
        for (number, feature) in features.enumerated() where feature.encoding.bag == nil {
            switch feature.encoding.encoding {
            case .vocabulary, .categories:
                let column = inputs.columns[number].ids
                let count = inputs.itemIndex.reduce(0) { $0 + (column[Int($1)] == 1 ? 1 : 0) }
                if count > 0 { unknown[feature.name, default: 0] += count }
            default: break
            }
        }
    }
}

/// NumPy's .npy, version 1.0.
enum NumPyFile {
    static func floats(_ values: [Float], rows: Int, columns: Int) -> Data {
        header("<f4", shape: "(\(rows), \(columns))") + values.withUnsafeBytes { Data($0) }
    }

    /// Fixed-width Unicode, as NumPy's `<U`.
    static func texts(_ values: [String]) -> Data {
        let width = max(1, values.map(\.unicodeScalars.count).max() ?? 1)
        var words: [UInt32] = []
        words.reserveCapacity(width * values.count)
        for value in values {
            let scalars = value.unicodeScalars.map(\.value)
            words += scalars + [UInt32](repeating: 0, count: width - scalars.count)
        }
        return header("<U\(width)", shape: "(\(values.count),)") + words.withUnsafeBytes { Data($0) }
    }

    private static func header(_ type: String, shape: String) -> Data {
        var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
        text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        let length = UInt16(text.utf8.count)
        return Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xff), UInt8(length >> 8)]) + Data(text.utf8)
    }
}
