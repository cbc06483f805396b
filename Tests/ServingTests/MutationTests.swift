import Foundation
import Logs
import ModelPackage
import TensorFiles
import Testing

@testable import Serving
@testable import hindsight

/// Damage that hashes do not show: a served directory is changed at random and *sealed again*, so that the readers
/// behind the hashes meet it. It is refused, or it answers; it never traps.
@Suite struct MutationTests {
    #if DEBUG
        private static let cases = 25
    #else
        private static let cases = 400
    #endif

    @Test(arguments: 0..<8 as Range<UInt64>) func aSealedMutantIsRefusedOrAnswers(_ part: UInt64) throws {
        var generator = SeededGenerator(seed: 1000 + part)
        let source = try ServedFolder.shared.get()
        let path = try source.copy("mutant-\(part)-\(UUID().uuidString)")
        let names = [
            "manifest.json", "schema.json", "encoder.json", "weights.safetensors", "items.safetensors", "items.safetensors",
            "fine/cvr/manifest.json", "fine/cvr/schema.json", "fine/cvr/encoder.json", "fine/cvr/weights.safetensors",
        ]
        let whole = Dictionary(uniqueKeysWithValues: try Set(names).map { ($0, try data("\(source.path)/\($0)")) })
        var (refused, opened, answered) = (0, 0, 0)
        for _ in 0..<Self.cases {
            let name = names.randomElement(using: &generator)!
            var bytes = whole[name]!
            for _ in 0..<Int.random(in: 1...3, using: &generator) { Mutation.apply(to: &bytes, &generator) }
            try bytes.write(to: URL(fileURLWithPath: "\(path)/\(name)"))
            try Seal.renew(path)
            do {
                let model = try RankingModel(path: path)
                opened += 1
                do throws(ServingError) {
                    try model.warm()
                    _ = try model.rank(RankRequest(user: user, topK: 40, coarseTopK: 40, categories: ["kind 1", "kind 2", ""]))
                    _ = try model.rank(RankRequest(user: user, candidates: .ids(["item 3", "item 4", "x"]), topK: 3))
                    _ = try model.score([ScoreRequest(user: user, candidates: items)], head: .cvr)
                    try model.upsert([ItemUpsert(id: "item 3", features: items[0], price: 1)])
                    _ = model.remove(ids: ["item 5"])
                    answered += 1
                } catch {
                    #expect(!error.description.isEmpty)
                }
            } catch let error as PackageError {
                refused += 1
                #expect(!error.description.isEmpty)
            }
            for (name, bytes) in whole { try bytes.write(to: URL(fileURLWithPath: "\(path)/\(name)")) }
        }
        // Both ends are reached, or nothing was tested.
        #expect(refused > Self.cases / 8 && opened > 0 && answered > 0, "\(refused) refused, \(opened) opened, \(answered) answered")
    }

    private func data(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
}

/// One small change of a file, by what kinds of damage find faults: bits, cuts, copies, and numbers that are too large.
enum Mutation {
    static func apply(to data: inout Data, _ generator: inout SeededGenerator) {
        guard data.count > 16 else { return }
        func place() -> Int { Int.random(in: 0..<data.count, using: &generator) }
        // The first bytes of a tensor file, and JSON, are where structure is.
        let at = Bool.random(using: &generator) ? place() : Int.random(in: 0..<min(data.count, 4096), using: &generator)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: data[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: data[at] = UInt8.random(in: 0...255, using: &generator)
        case 2: data = data.prefix(at)
        case 3:
            let end = min(data.count, at + Int.random(in: 1...64, using: &generator))
            data.replaceSubrange(at..<end, with: [])
        case 4:
            let from = place(), end = min(data.count, from + Int.random(in: 1...64, using: &generator))
            data.insert(contentsOf: Data(data[from..<end]), at: at)
        default: changeNumber(in: &data, from: at, &generator)
        }
    }

    /// The next number of a JSON text becomes another.
    private static func changeNumber(in data: inout Data, from: Int, _ generator: inout SeededGenerator) {
        func isDigit(_ i: Int) -> Bool { (48...57).contains(data[i]) }
        guard let start = (from..<data.count).first(where: isDigit) else { return }
        let end = (start..<data.count).first { !isDigit($0) } ?? data.count
        let others = ["0", "1", "-1", "2", "255", "65536", "2147483648", "9223372036854775807", "1e308", "1e-320", "7", "16777217"]
        data.replaceSubrange(start..<end, with: Data(others.randomElement(using: &generator)!.utf8))
    }
}

/// Makes hashes and versions fit the files as they are, as far as those can still be read.
enum Seal {
    static func renew(_ path: String) throws {
        for folder in [path, "\(path)/fine/cvr"] { try? renewManifest(folder) }
        try? renewItems(path)
    }

    private static func renewManifest(_ folder: String) throws {
        let url = URL(fileURLWithPath: "\(folder)/manifest.json")
        var manifest = try JSONDecoder().decode(PackageManifest.self, from: Data(contentsOf: url))
        for name in manifest.files.keys {
            guard let data = try? Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")) else { continue }
            manifest.files[name] = .init(bytes: data.count, sha256: SHA256.digest(of: data))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        manifest.version = ""
        manifest.version = SHA256.digest(of: try encoder.encode(manifest))
        try encoder.encode(manifest).write(to: url)
    }

    /// The versions and the digest that the item file names, in place: all are 64 digits.
    private static func renewItems(_ path: String) throws {
        let items = "\(path)/\(ItemFile.fileName)"
        let file = try SafetensorsFile(path: items)
        var contents: [String: String] = [:]
        for tensor in file.tensors { contents[tensor.name] = SHA256.treeDigest(of: try file.bytes(tensor.name), threads: 1) }
        var fresh = ["sha256": ItemFile.digest(file.tensors) { contents[$0] ?? "" }]
        for (key, folder) in [("model", path), (FinePart.cvr.folder, "\(path)/fine/cvr")] {
            let manifest = try? JSONDecoder().decode(
                PackageManifest.self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/manifest.json")))
            if let manifest { fresh[key] = manifest.version }
        }
        var data = try Data(contentsOf: URL(fileURLWithPath: items))
        for (key, value) in fresh {
            guard let old = file.metadata[key], old.utf8.count == value.utf8.count,
                let range = data.range(of: Data("\"\(key)\":\"\(old)\"".utf8))
            else { continue }
            data.replaceSubrange(range, with: Data("\"\(key)\":\"\(value)\"".utf8))
        }
        try data.write(to: URL(fileURLWithPath: items))
    }
}
