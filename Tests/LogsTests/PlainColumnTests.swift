import Foundation
import Schema
import Testing

@testable import Logs

@Suite("Plain columns")
struct PlainColumnTests {
    @Test("Columns written as they lie in memory read back as those written value by value")
    func sameRows() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("plain-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let ids: [Int32] = (0..<500).map { $0 * 7 % 31 }
        let big: [Int64] = ids.map { Int64($0) << 33 }
        let prices: [Float] = ids.map { Float($0) / 4 }
        let lists: [[Int32]] = ids.map { (0..<$0 % 4).map { $0 + 1 } }
        let offsets = lists.reduce(into: [Int32(0)]) { $0.append($0.last! + Int32($1.count)) }
        func file(_ name: String, _ columns: [ColumnValues]) throws -> String {
            let path = folder.appendingPathComponent(name).path
            let writer = try TableWriter(path: path)
            // Two row groups, and nothing of the first left over in the second.
            for _ in 0..<2 { try writer.write(zip(["id", "big", "price", "list"], columns).map { ($0, $1) }) }
            try writer.close()
            return path
        }
        let plain = try file(
            "plain.parquet",
            [
                .plainInt32(ids), .plainInt64(big), .plainFloat(prices),
                .plainInt32Lists(offsets: offsets, values: lists.flatMap { $0 }),
            ])
        let boxed = try file("boxed.parquet", [.int32(ids), .int64(big), .float(prices), .int32Lists(lists)])
        func batches(_ path: String) throws -> [Batch] {
            func encoding(_ name: String, _ bag: BagPooling? = nil) -> FeatureEncoding {
                FeatureEncoding(name: name, encoding: .vocabulary(minCount: 1, maxSize: nil), dimension: 2, bag: bag)
            }
            let schema = FeatureSchema(
                regular: [
                    RegularFeature(encoding("id"), side: .user), RegularFeature(encoding("big"), side: .item),
                    RegularFeature(encoding("list", .mean), side: .item),
                ], labels: [Label(name: "price", kind: .continuous)])
            let dataset = try Dataset(logs: LogsConfiguration(train: [path]), schema: schema, baseFolder: folder)
            let source = try dataset.batches(.train, encoder: try dataset.fitEncoder(), batchSize: 300, shuffle: false)
            var all: [Batch] = []
            while let batch = try source.next() { all.append(batch) }
            return all
        }
        let found = try batches(plain)
        #expect(found == (try batches(boxed)))
        #expect(found.flatMap { $0.targets.labels[0] } == prices + prices)
    }
}
