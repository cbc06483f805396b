import Foundation
import Logs
import Schema
import Serving

@testable import ModelPackage

/// A served directory of a few kilobytes with every kind of encoding, a sequence, bags, prices and categories; never
/// trained, and the same at every run.
enum TinyModel {
    static let user: FeatureValues = [
        "user_id": .integer(3), "age": .number(7.5), "history_item": .list([.text("item 1"), .text("item 2")]),
        "history_gap": .list([.integer(5), .integer(50)]),
    ]
    static let candidates: [FeatureValues] = (0..<3).map {
        ["item_id": .text("item \($0)"), "price": .number(Double($0)), "tags": .list([.text("t\($0)")])]
    }

    /// A new folder that only this process uses, in memory where there is such a place.
    static func folder() throws -> String {
        let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        let folder = "\(parent)/hindsight-fuzz-\(getpid())-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Writes `<folder>/package`, a click model alone, and `<folder>/served`, the same with items and a conversion model.
    static func write(to folder: String) throws {
        try package(.ctr, to: "\(folder)/package")
        try package(.cvr, to: "\(folder)/cvr")
        let lines = (0..<5).map {
            #"{"item_id": "item \#($0)", "price": \#($0), "tags": ["t\#($0)", "t"], "kind": "kind \#($0 % 2)", "euros": \#($0 + 1)}"#
        }
        let items = "\(folder)/items.jsonl"
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: items))
        try ServedDirectory.index(
            "\(folder)/package", items: [items], columns: .init(price: "euros", category: "kind"),
            parts: [.cvr: .copy(from: "\(folder)/cvr")], out: "\(folder)/served")
    }

    private static func schema(_ task: RankingTask) -> ServingSchema {
        func ids(_ name: String, _ table: String? = nil) -> FeatureEncoding {
            FeatureEncoding(name: name, encoding: .vocabulary(minCount: 1, maxSize: nil), table: table, dimension: 4)
        }
        var regular = [
            RegularFeature(ids("user_id"), side: .user),
            RegularFeature(
                FeatureEncoding(name: "age", encoding: .quantiles(buckets: 3), dimension: 2, missing: .error), side: .user),
            RegularFeature(FeatureEncoding(name: "country", encoding: .categories(["de", "fr"]), dimension: 2), side: .user),
            RegularFeature(ids("item_id"), side: .item),
            RegularFeature(FeatureEncoding(name: "price", encoding: .boundaries([1, 2.5]), dimension: 2), side: .item),
            RegularFeature(FeatureEncoding(name: "tags", encoding: .hash(buckets: 5), dimension: 2, bag: .mean), side: .item),
        ]
        if task == .cvr {
            regular.append(
                RegularFeature(
                    FeatureEncoding(name: "distance", encoding: .quantiles(buckets: 3), dimension: 2), side: .interaction))
        }
        return ServingSchema(
            regular: regular,
            sequence: BehaviourSequence(
                name: "history", length: 3,
                fields: [
                    ids("history_item", "item_id"),
                    FeatureEncoding(name: "history_gap", encoding: .boundaries([10]), dimension: 2),
                ]))
    }

    private static func package(_ task: RankingTask, to path: String) throws {
        let schema = schema(task)
        let encodings = schema.regular.map(\.encoding) + schema.sequence!.fields
        var names: [String] = []
        for encoding in encodings where !names.contains(encoding.table) { names.append(encoding.table) }
        let fitted = names.map { name in
            FittedTable(
                name: name, encoding: encodings.first { $0.table == name }!.encoding,
                values: name == "item_id" ? (0..<5).map { "item \($0)" } : ["1", "2", "3"], cuts: [1, 5])
        }
        let student = StudentDescription(
            task: task, layers: [6, 4], scale: 5, learnedScale: task == .ctr, batchNorm: true, leakySlope: 0.01,
            attention: .init(heads: 2, headDimension: 2, feedForward: 4),
            tables: fitted.map { table in
                .init(
                    name: table.name, encoder: table.name, rows: table.rows,
                    dimension: encodings.first { $0.table == table.name }!.dimension,
                    storage: table.name == "user_id" ? .int8 : table.name == "price" ? .bfloat16 : .float32)
            },
            featureTables: schema.regular.map { feature in names.firstIndex(of: feature.encoding.table)! },
            fieldTables: schema.sequence!.fields.map { field in names.firstIndex(of: field.table)! })
        let sizes = Dictionary(
            uniqueKeysWithValues: ModelPackage.tensors(student, schema).map { tensor in
                (tensor.name, (type: tensor.elementType, count: tensor.shape.reduce(1, *)))
            })
        var state: UInt64 = 7
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
        defer { buffer.deallocate() }
        try PackageWriter.write(
            to: path, schema: schema, encoder: FittedEncoder(tables: fitted), student: student
        ) { name in
            let (type, count) = sizes[name]!
            for i in 0..<count {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                // Above 0: variances are among them.
                let value = Float(state >> 40) / Float(1 << 24) + 0.01
                switch type {
                case .int8: buffer.storeBytes(of: Int8(value * 100), toByteOffset: i, as: Int8.self)
                case .bfloat16: buffer.storeBytes(of: UInt16(value.bitPattern >> 16), toByteOffset: 2 * i, as: UInt16.self)
                default: buffer.storeBytes(of: value, toByteOffset: 4 * i, as: Float.self)
                }
            }
            let width = type == .int8 ? 1 : type == .bfloat16 ? 2 : 4
            return UnsafeRawBufferPointer(rebasing: buffer[..<(count * width)])
        }
    }
}
