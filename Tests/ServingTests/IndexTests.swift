import Foundation
import Logs
import ModelPackage
import Testing

@testable import Serving
@testable import hindsight

@Suite struct IndexTests {
    private func itemFile(_ tiny: TinyRun, _ rows: [Int]) throws -> String {
        let path = tiny.path("items-\(rows.count).jsonl")
        let lines = rows.map { "{\"item_id\": \"item \($0)\", \"price\": \(Double($0) * 0.7), \"tags\": [\"t\($0)\"]}" }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test func itemVectorsAreThoseThatServingComputes() throws {
        let model = try Model(.sharedCTR)
        let table = try ItemTable([itemFile(model.tiny, [0, 1, 2, 3, 4])], id: nil, model: model.package, batchSize: 2)
        #expect(table.ids == (0..<5).map { "item \($0)" })
        let expected = try model.scorer.itemVectors(items)
        #expect(zip(table.vectors, expected).allSatisfy { abs($0 - $1) <= 1e-6 } && table.vectors.count == expected.count)

        let path = "\(model.package.path)/\(ItemVectors.fileName)"
        try ItemVectors.write(table.vectors, ids: table.ids, of: model.package, to: path)
        let read = try ItemVectors(path: path, package: model.package)
        #expect(read.ids == table.ids && Array(read.vectors) == table.vectors)
        // Items beside the package do not touch it.
        _ = try ModelPackage(path: model.package.path)
    }

    @Test func itemVectorsOfAnotherModelAreRefused() throws {
        let model = try Model(.sharedCTR)
        let other = try Model(.plainCTR)
        let path = model.tiny.path("items.safetensors")
        try ItemVectors.write([Float](repeating: 0, count: 16), ids: ["a", "b"], of: model.package, to: path)
        #expect { try ItemVectors(path: path, package: other.package) } throws: {
            ($0 as? PackageError)?.problem == .otherVersion
        }
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect { try ItemVectors(path: path, package: model.package) } throws: {
            ($0 as? PackageError)?.problem == .contentHash
        }
    }

    @Test func anItemThatComesTwiceIsRefused() throws {
        let model = try Model(.sharedCTR)
        #expect(throws: LogsError.self) {
            try ItemTable([itemFile(model.tiny, [0, 1, 0])], id: nil, model: model.package)
        }
        #expect(throws: PackageError.self) {
            try ItemTable([itemFile(model.tiny, [0])], id: nil, model: try Models.cvr.get().package)
        }
    }
}
