import Foundation
import Schema

@testable import Logs

/// A folder that goes away with the test.
final class TemporaryFolder {
    let url: URL
    init() {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("logs-\(UUID().uuidString)")
        try! FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(at: url) }
    func path(_ name: String) -> String { url.appendingPathComponent(name).path }
    func write(_ text: String, to name: String) throws {
        let file = url.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }
}

/// One row of invented logs.
struct SampleRow {
    var request: Int64
    var time: Int64
    var user: Int64?
    var age: Double?
    var item: String?
    var price: Float?
    var tags: [String]?
    var gap: Double?
    var click: Int32
    var history: [String?]
    var historyAge: [Int64?]
}

enum SampleLogs {
    static let schema = FeatureSchema(
        regular: [
            RegularFeature(.init(name: "user", encoding: .vocabulary(minCount: 1, maxSize: nil), dimension: 4), side: .user),
            RegularFeature(.init(name: "age", encoding: .quantiles(buckets: 4), dimension: 2), side: .user),
            RegularFeature(.init(name: "item", encoding: .vocabulary(minCount: 2, maxSize: nil), dimension: 4), side: .item),
            RegularFeature(.init(name: "price", encoding: .boundaries([1, 2.5, 10]), dimension: 2), side: .item),
            RegularFeature(.init(name: "tags", encoding: .hash(buckets: 50), dimension: 2, bag: .mean), side: .item),
        ],
        privileged: [
            PrivilegedFeature(.init(name: "gap", encoding: .quantiles(buckets: 4), dimension: 2), privilege: .interacted)
        ],
        sequence: BehaviourSequence(
            name: "history", length: 3,
            fields: [
                .init(
                    name: "history_item", column: "history", encoding: .vocabulary(minCount: 2, maxSize: nil), table: "item",
                    dimension: 4),
                .init(name: "history_age", encoding: .boundaries([10, 100]), dimension: 2),
            ]),
        labels: [Label(name: "click")], requestColumn: "request", groupColumn: "user", timestampColumn: "time")

    /// Requests of 1 to 6 rows, with nulls of all kinds.
    static func rows(_ count: Int, seed: UInt64 = 7) -> [SampleRow] {
        var generator = SeededGenerator(seed: seed)
        func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &generator) }
        var rows: [SampleRow] = []
        var request: Int64 = 100
        while rows.count < count {
            let user: Int64? = pick(15) == 0 ? nil : Int64(pick(12)) - 2
            let age: Double? = pick(10) == 0 ? nil : Double(pick(60)) / 2
            let length = pick(6)
            // In CSV a list of one missing value is an empty list: no such list here.
            let history = (0..<length).map { _ in length > 1 && pick(12) == 0 ? nil : "item \(pick(9))" }
            let ages = (0..<length).map { _ in Int64?(Int64(pick(200))) }
            for _ in 0...pick(6) {
                let number = pick(9)
                rows.append(
                    SampleRow(
                        request: request, time: 1000 + request, user: user, age: age,
                        item: number == 8 ? nil : "item \(number)",
                        price: number == 7 ? nil : Float(number) * 1.25, tags: number == 3 ? nil : ["t\(number)", "all"],
                        gap: pick(7) == 0 ? nil : Double(pick(100)) / 8, click: Int32(pick(2)), history: history,
                        historyAge: ages))
            }
            request += 1
        }
        return Array(rows.prefix(count))
    }

    static func columns(_ rows: [SampleRow]) -> [(name: String, values: ColumnValues)] {
        [
            ("request", .int64(rows.map(\.request))), ("time", .int64(rows.map(\.time))), ("user", .int64(rows.map(\.user))),
            ("age", .double(rows.map(\.age))), ("item", .text(rows.map(\.item))), ("price", .float(rows.map(\.price))),
            ("tags", .textLists(rows.map(\.tags))), ("gap", .double(rows.map(\.gap))), ("click", .int32(rows.map(\.click))),
            ("history", .textLists(rows.map(\.history))), ("history_age", .int64Lists(rows.map(\.historyAge))),
        ]
    }

    /// Parquet or Arrow, by extension; `groupRows` rows a row group.
    static func write(_ rows: [SampleRow], to path: String, groupRows: Int = 97) throws {
        let writer = try TableWriter(path: path, format: path.hasSuffix(".parquet") ? .parquet : .arrow)
        var start = 0
        repeat {
            let end = min(rows.count, start + groupRows)
            try writer.write(columns(Array(rows[start..<end])))
            start = end
        } while start < rows.count
        try writer.close()
    }

    static func csv(_ rows: [SampleRow], delimiter: String = ",") -> String {
        let header = ["request", "time", "user", "age", "item", "price", "tags", "gap", "click", "history", "history_age"]
        func text(_ value: (some CustomStringConvertible)?) -> String { value?.description ?? "" }
        let lines = rows.map { row in
            [
                text(row.request), text(row.time), text(row.user), text(row.age), row.item.map { "\"\($0)\"" } ?? "",
                text(row.price), row.tags?.joined(separator: "|") ?? "", text(row.gap), text(row.click),
                row.history.map { $0 ?? "" }.joined(separator: "|"),
                row.historyAge.map { text($0) }.joined(separator: "|"),
            ].joined(separator: delimiter)
        }
        return ([header.joined(separator: delimiter)] + lines).joined(separator: "\n") + "\n"
    }

    static func jsonLines(_ rows: [SampleRow]) -> String {
        func json(_ value: (some CustomStringConvertible)?) -> String { value?.description ?? "null" }
        func quoted(_ value: String?) -> String { value.map { "\"\($0)\"" } ?? "null" }
        return rows.map { row in
            """
            {"request": \(row.request), "extra": {"a": [1, {"b": "}"}]}, "time": \(row.time), "user": \(json(row.user)), \
            "age": \(json(row.age)), "item": \(quoted(row.item)), "price": \(json(row.price)), \
            "tags": \(row.tags.map { "[" + $0.map { quoted($0) }.joined(separator: ",") + "]" } ?? "null"), \
            "gap": \(json(row.gap)), "click": \(row.click), "history": [\(row.history.map { quoted($0) }.joined(separator: ","))], \
            "history_age": [\(row.historyAge.map { json($0) }.joined(separator: ", "))]}

            """
        }.joined()
    }
}

extension BatchSource {
    func all() throws -> [Batch] {
        var result: [Batch] = []
        while let batch = try next() { result.append(batch) }
        return result
    }
}

/// A batch with every sample on its own: what deduplication must not change.
struct PlainSample: Equatable {
    var columns: [[Int32]]
    var sequence: [[Int32]]
    var privileged: [[Int32]]
    var labels: [Float]
    var request: UInt64
}

extension Batch {
    func samples(_ schema: FeatureSchema) -> [PlainSample] {
        func values(_ column: EncodedColumn, _ entity: Int) -> [Int32] {
            guard let offsets = column.offsets else { return [column.ids[entity]] }
            return Array(column.ids[Int(offsets[entity])..<Int(offsets[entity + 1])])
        }
        return (0..<count).map { n in
            let user = Int(regular.userIndex[n]), item = Int(regular.itemIndex[n])
            let columns = zip(schema.regular, regular.columns).map { feature, column in
                values(column, feature.side == .user ? user : feature.side == .item ? item : n)
            }
            let sequence = regular.sequence.map { s in
                s.fields.map { Array($0[Int(s.offsets[user])..<Int(s.offsets[user + 1])]) }
            }
            return PlainSample(
                columns: columns, sequence: sequence ?? [], privileged: privileged.columns.map { values($0, n) },
                labels: targets.labels.map { $0[n] }, request: targets.requests[n])
        }
    }
}

/// The error that `body` throws.
func problem(_ body: () throws -> Void) -> LogsError? {
    do {
        try body()
        return nil
    } catch { return error as? LogsError }
}

func dataset(
    _ folder: TemporaryFolder, train: [String], validation: SplitPoint? = nil, test: SplitPoint? = nil,
    onBadRow: BadRowPolicy = .fail, window: Int = 64, schema: FeatureSchema = SampleLogs.schema, format: LogFormat = .auto,
    delimiter: String? = nil, lineLimit: Int = 1 << 20, memoryBudget: Int = 1 << 30
) throws -> Dataset {
    try Dataset(
        logs: LogsConfiguration(
            train: train, validationSplit: validation, testSplit: test, format: format, delimiter: delimiter,
            onBadRow: onBadRow, shuffleWindow: window),
        schema: schema, baseFolder: folder.url, lineLimit: lineLimit, memoryBudget: memoryBudget)
}
