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
        let table = try ItemTable([itemFile(model.tiny, [0, 1, 2, 3, 4])], model: model.package, batchSize: 2)
        #expect(table.ids == (0..<5).map { "item \($0)" })
        let expected = try model.scorer.itemVectors(items)
        #expect(zip(table.vectors, expected).allSatisfy { abs($0 - $1) <= 1e-6 } && table.vectors.count == expected.count)

        let path = "\(model.package.path)/\(ItemFile.fileName)"
        try ItemFile.write(table.contents, of: model.package, to: path)
        let read = try ItemFile(path: path, package: model.package)
        #expect(read.allIds == table.ids && Array(read.vectors) == table.vectors)
        #expect(table.ids.map { read.number(of: $0) } == [0, 1, 2, 3, 4])
        for stranger in ["", "item", "item 5", "item 00"] { #expect(read.number(of: stranger) == nil) }
        // Items beside the package do not touch it.
        _ = try ModelPackage(path: model.package.path)
    }

    @Test func itemVectorsOfAnotherModelAreRefused() throws {
        let model = try Model(.sharedCTR)
        let other = try Model(.plainCTR)
        let path = model.tiny.path("items.safetensors")
        let contents = ItemFileContents(ids: ["a", "b"], vectors: [Float](repeating: 0, count: 16))
        try ItemFile.write(contents, of: model.package, to: path)
        #expect { try ItemFile(path: path, package: other.package) } throws: {
            ($0 as? PackageError)?.problem == .otherVersion
        }
        // Not a byte of it may differ.
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<60 {
            var bytes = whole
            let at = Int.random(in: 0..<whole.count, using: &generator)
            bytes[at] ^= UInt8.random(in: 1...255, using: &generator)
            try bytes.write(to: URL(fileURLWithPath: path))
            #expect(throws: PackageError.self, "byte \(at)") { try ItemFile(path: path, package: model.package) }
            try whole.prefix(at).write(to: URL(fileURLWithPath: path))
            #expect(throws: PackageError.self, "cut at \(at)") { try ItemFile(path: path, package: model.package) }
        }
    }

    @Test func anItemThatComesTwiceIsRefused() throws {
        let model = try Model(.sharedCTR)
        #expect(throws: LogsError.self) {
            try ItemTable([itemFile(model.tiny, [0, 1, 0])], model: model.package)
        }
        #expect(throws: PackageError.self) {
            try ItemTable([itemFile(model.tiny, [0])], model: try Models.cvr.get().package)
        }
    }
}

@Suite struct ServedWallTests {
    /// The wall, in bytes, for everything that a served directory holds.
    @Test func aServedDirectoryHoldsNothingOfTheTrainingSide() throws {
        let folder = try ServedFolder.shared.get()
        let banned = TinyRun.secrets + ["teacher", "student/", "shared/", "adagrad", "_state", "dense_steps", "privileged", "label", "lambda"]
        var files: Set<String> = []
        for case let name as String in try #require(FileManager.default.enumerator(atPath: folder.path)) {
            var isFolder: ObjCBool = false
            let path = "\(folder.path)/\(name)"
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else { continue }
            files.insert(name)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            for word in banned { #expect(bytes.range(of: Data(word.utf8)) == nil, "\(name) holds '\(word)'") }
        }
        let own = ["manifest.json", "schema.json", "encoder.json", "weights.safetensors"]
        #expect(files == Set(own + own.map { "fine/cvr/\($0)" } + ["items.safetensors"]))
    }

    @Test func indexingAgainKeepsReplacesAndRemovesFineRankers() throws {
        let folder = try ServedFolder.shared.get()
        let path = try folder.copy("again-\(UUID().uuidString)")
        let columns = ItemTable.Columns(price: "euros", category: "kind")
        let first = try ServedDirectory(path: path).version
        #expect(try ServedDirectory.index(path, items: [folder.items], columns: columns).version == first)
        let without = try ServedDirectory.index(path, items: [folder.items], columns: columns, parts: [.cvr: .remove]).version
        let isCoarse = try !RankingModel(path: path).hasFineRanker
        #expect(without != first && isCoarse)
        let copy = ServedDirectory.PartChange.copy(from: try Models.cvr.get().package.path)
        #expect(try ServedDirectory.index(path, items: [folder.items], columns: columns, parts: [.cvr: copy]).version == first)
        #expect(throws: PackageError.self) {
            try ServedDirectory.index(path, items: [folder.items], parts: [.cvr: .copy(from: try Models.ctr.get().package.path)])
        }
        #expect(try ServedDirectory(path: path).version == first)
        #expect(throws: PackageError.self) { try ServedDirectory.index(path, items: [folder.items], out: folder.path) }
    }

    @Test func pricesThatAreNoneAreRefused() throws {
        let folder = try ServedFolder.shared.get()
        for (name, line) in [
            ("negative", "\"euros\": -1"), ("absent", "\"other\": 1"), ("endless", "\"euros\": \"inf\""), ("text", "\"euros\": \"dear\""),
        ] {
            let items = folder.sibling("items-\(name).jsonl")
            try Data("{\"item_id\": \"a\", \"tags\": [\"t\"], \(line)}\n{\"item_id\": \"b\", \"tags\": [\"t\"], \"euros\": 2}\n".utf8)
                .write(to: URL(fileURLWithPath: items))
            #expect(throws: LogsError.self, "\(name)") {
                try ItemTable([items], columns: .init(price: "euros"), model: try Models.ctr.get().package)
            }
        }
    }
}
