import ArgumentParser
import Foundation
import Logs
import ModelPackage
import Schema
import Serving
import TensorFiles

struct Index: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compute a package's item mappings, add fine rankers, and so make it a directory to serve.",
        discussion: """
            Reads a table of items with the models' item-side features, one row an item, and writes \
            items.safetensors into the package, bound to the versions of all its networks. --cvr and --fine-ctr copy \
            packages in that score the survivors of coarse ranking. --numpy and --parquet write the item vectors for \
            FAISS, Milvus and the like.

              hindsight index packages/retail-ctr --items items.parquet
              hindsight index packages/ctr --items items.parquet --cvr packages/cvr --price price --out serving/v2
            """)

    @Argument(help: "The model package: a CTR student.", completion: .directory)
    var package: String

    @Option(help: "The items: file, glob or folder.")
    var items: [String]

    @Option(help: "The column that names an item (default: the first item-side feature's).")
    var id: String?

    @Option(help: "The column with an item's price, a factor of the fine ranking's score.")
    var price: String?

    @Option(help: "The column with an item's category, for filters.")
    var category: String?

    @Option(help: "A CVR package whose scores multiply those of clicks; 'none' removes the one that is there.")
    var cvr: String?

    @Option(help: "A package that scores clicks of the survivors in place of the coarse student; 'none' removes it.")
    var fineCtr: String?

    @Option(help: "Write a directory of its own, which must not exist, instead of into the package.", completion: .directory)
    var out: String?

    @Option(help: "Write the vectors as NumPy too: [items, width] float32; ids go beside it as <name>.ids.npy.")
    var numpy: String?

    @Option(help: "Write ids and vectors as Parquet too.")
    var parquet: String?

    func run() throws {
        try reportingPackageFailures {
            func change(_ option: String?) -> ServedDirectory.PartChange {
                option.map { $0 == "none" ? .remove : .copy(from: $0) } ?? .keep
            }
            let (table, version) = try ServedDirectory.index(
                package, items: items, columns: .init(id: id, price: price, category: category),
                parts: [.cvr: change(cvr), .ctr: change(fineCtr)], out: out,
                threads: ProcessInfo.processInfo.activeProcessorCount)
            let width = table.vectors.count / max(1, table.ids.count)
            if let numpy { try writeNumPy(table, width: width, to: numpy) }
            if let parquet { try writeParquet(table, width: width, to: parquet) }
            for (feature, count) in table.unknown.sorted(by: { $0.key < $1.key }) {
                printError("warning: \(count) of \(table.ids.count) items have a value of '\(feature)' not seen in training")
            }
            print("\(table.ids.count) items x \(width). Written to \(out ?? package), served version \(version).")
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
