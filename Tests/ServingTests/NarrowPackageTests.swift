import Foundation
import ModelPackage
import TensorFiles
import Testing

@testable import Serving
@testable import hindsight

@Suite struct NarrowPackageTests {
    private func export(_ tiny: TinyRun, _ storage: EmbeddingStorage) throws -> ModelPackage {
        let path = tiny.path("package-\(storage.rawValue)")
        try TrainedStudent(folder: tiny.run.output).write(to: path, embeddings: storage)
        return try ModelPackage(path: path)
    }

    @Test(arguments: [TinyRun.Kind.sharedCTR, .sharedCVR])
    func narrowTablesScoreAlmostTheSame(_ kind: TinyRun.Kind) throws {
        let tiny = try TinyRun(kind)
        let whole = try export(tiny, .float32)
        let expected = try StudentScorer(whole).score([ScoreRequest(user: user, candidates: items)])[0]
        for (storage, allowed) in [(EmbeddingStorage.bfloat16, Float(0.02)), (.int8, 0.02)] {
            let package = try export(tiny, storage)
            let scores = try StudentScorer(package).score([ScoreRequest(user: user, candidates: items)])[0]
            let largest = zip(scores, expected).map { abs($0 - $1) }.max()!
            #expect(largest > 0 && largest < allowed, "\(storage): \(largest)")
            #expect(package.version != whole.version)
            let table = package.student.tables[0]
            #expect(
                try package.weights.bytes("tables/\(table.name)").count == table.rows * table.dimension * (storage == .int8 ? 1 : 2))
            let report = try #require(try NarrowingReport(package: package.path, run: tiny.run.output, data: [tiny.logs]))
            #expect(report.samples == 400 && report.largestDifference > 0 && report.largestDifference < Double(allowed))
            #expect(abs(report.auc.float32 - report.auc.package) < 0.02 && report.auc.float32 > 0.5)
        }
    }

    @Test func equalContentHasEqualVersions() throws {
        let tiny = try TinyRun(.sharedCTR)
        let path = tiny.path("again")
        try TrainedStudent(folder: tiny.run.output).write(to: path, embeddings: .int8)
        #expect(try ModelPackage(path: path).version == export(tiny, .int8).version)
    }

    @Test func aPackageWhoseTablesAreOfAnotherTypeThanItSaysIsRefused() throws {
        let tiny = try TinyRun(.sharedCTR)
        let package = try export(tiny, .int8)
        for storage in [EmbeddingStorage.float32, .bfloat16] {
            var student = package.student
            student.tables[0].storage = storage
            let files = package.manifest.files
            let manifest = try PackageManifest(student: student, schema: package.schema, files: files)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let bad = tiny.path("bad-\(storage.rawValue)")
            try FileManager.default.copyItem(atPath: package.path, toPath: bad)
            try encoder.encode(manifest).write(to: URL(fileURLWithPath: "\(bad)/manifest.json"))
            #expect { try ModelPackage(path: bad) } throws: { ($0 as? PackageError)?.problem == .mismatch }
        }
    }
}
