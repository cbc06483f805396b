import Foundation
import Schema
import TensorFiles
import Testing

@testable import ModelPackage
@testable import hindsight

@Suite struct SHA256Tests {
    /// FIPS 180-4's own examples (NIST, "Secure Hash Standard: examples with intermediate values").
    @Test func agreesWithTheStandardsExamples() {
        let examples = [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ]
        for (text, digest) in examples { #expect(SHA256.digest(of: Data(text.utf8)) == digest) }
    }

    @Test func piecesGiveTheDigestOfTheWhole() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let whole = SHA256.digest(of: Data(bytes))
        for size in [1, 55, 56, 63, 64, 65, 127, 128, 129, 999] {
            var hash = SHA256()
            for start in stride(from: 0, to: bytes.count, by: size) {
                Array(bytes[start..<min(bytes.count, start + size)]).withUnsafeBytes { hash.update($0) }
            }
            #expect(hash.finish() == whole, "pieces of \(size)")
        }
    }
}

@Suite struct ModelPackageTests {
    /// The wall, in bytes.
    @Test(arguments: TinyRun.Kind.allCases) func holdsNothingOfTheTrainingSide(_ kind: TinyRun.Kind) throws {
        let tiny = try TinyRun(kind)
        let (path, _) = try tiny.export()
        let run = try Data(contentsOf: URL(fileURLWithPath: tiny.run.output + "/run.json"))
        for secret in TinyRun.secrets { #expect(run.range(of: Data(secret.utf8)) != nil, "the run names \(secret)") }
        let banned =
            TinyRun.secrets + ["teacher", "student/", "shared/", "adagrad", "_state", "dense_steps", "privileged", "label", "lambda"]
        let files = try FileManager.default.contentsOfDirectory(atPath: path)
        #expect(Set(files) == ["manifest.json", "schema.json", "encoder.json", "weights.safetensors"])
        for file in files {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(file)"))
            for word in banned { #expect(bytes.range(of: Data(word.utf8)) == nil, "\(file) holds '\(word)'") }
        }
        // Every byte of the weights is a tensor that the student reads: dense parameters and tables, nothing else.
        let package = try ModelPackage(path: path)
        let expected = ModelPackage.tensors(package.student, package.schema)
        let file = try SafetensorsFile(path: "\(path)/weights.safetensors")
        #expect(Set(file.tensors.map(\.name)) == Set(expected.map(\.name)))
        #expect(file.metadata.isEmpty)
        let read = Set(package.student.featureTables + package.student.fieldTables)
        #expect(read == Set(package.student.tables.indices))
        #expect(Set(package.encoder.tables.map(\.name)) == Set(package.student.tables.map(\.encoder)))
    }

    @Test func keepsTheStudentsCopyAndTheSharedTableApart() throws {
        let tiny = try TinyRun(.sharedExceptItemCTR)
        let package = try ModelPackage(path: try tiny.export().path)
        #expect(package.student.tables.map(\.encoder).count { $0 == "item_id" } == 2)
    }

    @Test func equalContentHasEqualVersions() throws {
        let tiny = try TinyRun(.sharedCTR)
        #expect(try tiny.export("a").version == tiny.export("b").version)
        #expect(try TinyRun(.sharedCTR, seed: 12).export().version != tiny.export("c").version)
    }

    @Test func anExistingPathIsLeftAlone() throws {
        let tiny = try TinyRun(.sharedCTR)
        try tiny.export()
        #expect { try tiny.export() } throws: { ($0 as? PackageError)?.problem == .exists }
        let left = try FileManager.default.contentsOfDirectory(atPath: tiny.folder.path)
        #expect(!left.contains { $0.hasSuffix(".partial") })
    }

    @Test func anExportThatFailsLeavesNothing() throws {
        let tiny = try TinyRun(.sharedCTR)
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try TrainedStudent(folder: tiny.run.output).write(to: tiny.path("failed")) { _ in throw Stop() }
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: tiny.folder.path)
        #expect(!left.contains { $0.contains("failed") })
    }

    @Test func everyDamagedByteIsFound() throws {
        let tiny = try TinyRun(.sharedCVR)
        let (path, _) = try tiny.export()
        var generator = RepeatableGenerator(seed: 5)
        for name in ["manifest.json", "schema.json", "encoder.json", "weights.safetensors"] {
            let file = URL(fileURLWithPath: "\(path)/\(name)")
            let whole = try Data(contentsOf: file)
            for _ in 0..<25 {
                var damaged = whole
                let at = Int.random(in: 0..<whole.count, using: &generator)
                damaged[at] ^= UInt8.random(in: 1...255, using: &generator)
                try damaged.write(to: file)
                #expect(throws: PackageError.self, "\(name), byte \(at)") { try ModelPackage(path: path) }
                try whole.prefix(at).write(to: file)
                #expect(throws: PackageError.self, "\(name), cut at \(at)") { try ModelPackage(path: path) }
            }
            // No error tells of our own types.
            try Data().write(to: file)
            #expect { try ModelPackage(path: path) } throws: { ($0 as? PackageError).map { !$0.expected.contains("_") } == true }
            try FileManager.default.removeItem(at: file)
            #expect(throws: PackageError.self) { try ModelPackage(path: path) }
            try whole.write(to: file)
        }
        _ = try ModelPackage(path: path)
    }

    /// Hashes keep accidents out; these packages have the right hashes and are wrong all the same.
    @Test func aManifestThatLiesWithTheRightHashesIsRefused() throws {
        let tiny = try TinyRun(.sharedCTR)
        let (path, _) = try tiny.export()
        let good = try ModelPackage(path: path).manifest
        let lies: [(inout PackageManifest) -> Void] = [
            { $0.student.layers = [] }, { $0.student.layers = [16, .max] }, { $0.student.layers = [16, 4] },
            { $0.student.layers[0] = -3 }, { $0.student.task = .cvr }, { $0.student.attention = nil },
            { $0.student.attention?.heads = .max }, { $0.student.attention?.feedForward = 0 },
            { $0.student.tables[0].rows = 1 << 40 }, { $0.student.tables[0].rows -= 1 },
            { $0.student.tables[0].dimension = 7 }, { $0.student.tables[0].name = "other" },
            { $0.student.tables[1].encoder = "other" }, { $0.student.featureTables[0] = 99 },
            { $0.student.featureTables[0] = -1 }, { $0.student.featureTables = [] }, { $0.student.fieldTables = [] },
            { $0.student.batchNorm = false }, { $0.student.learnedScale = true }, { $0.formatVersion = 2 },
            { $0.format = "zip" }, { $0.files["items.exe"] = $0.files["schema.json"] }, { $0.files = [:] },
        ]
        for (number, lie) in lies.enumerated() {
            var manifest = good
            lie(&manifest)
            manifest.version = try manifest.contentVersion()
            try canonicalJSON(manifest).write(to: URL(fileURLWithPath: "\(path)/manifest.json"))
            #expect(throws: PackageError.self, "lie \(number)") { try ModelPackage(path: path) }
        }
    }

    @Test func weightsThatAreNotFiniteAreRefused() throws {
        let tiny = try TinyRun(.sharedCTR)
        let package = try ModelPackage(path: try tiny.export().path)
        let bad = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1 << 16)
        bad.initialize(repeating: .nan)
        defer { bad.deallocate() }
        #expect {
            try PackageWriter.write(
                to: tiny.path("nan"), schema: package.schema, encoder: package.encoder, student: package.student
            ) { name in
                let bytes = try package.weights.bytes(name)
                guard name == "dense/user.0.weight" else { return bytes }
                return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bad).prefix(bytes.count))
            }
        } throws: { ($0 as? PackageError)?.problem == .notFinite }
        #expect(!FileManager.default.fileExists(atPath: tiny.path("nan")))
    }
}

/// Seeded, so that a failure can be repeated.
struct RepeatableGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 33)
    }
}
