import Foundation
import ModelPackage
import Testing

@testable import Serving
@testable import hindsight

@Suite struct ParityTests {
    @Test(arguments: TinyRun.Kind.allCases) func trainerAndServingGiveTheSameScores(_ kind: TinyRun.Kind) throws {
        let tiny = try TinyRun(kind)
        let report = try ParityReport(package: try tiny.export().path, run: tiny.run.output, data: [tiny.logs], samples: 1000)
        #expect(report.samples == 400)
        #expect(report.rows.map(\.contender) == ["hindsight predict", "package, the trainer's batches", "package, raw requests"])
        for row in report.rows { #expect(row.holds, "\(row)") }
        // The very batches of the trainer go through the very same layers.
        for row in report.rows.prefix(2) { #expect(row.different == 0, "\(row)") }
        #expect(report.remarks.count == 2, "ONNX and a server, said to be left out")
    }

    /// Scores that are all alike would pass every comparison.
    @Test func theScoresComparedAreNotAllAlike() throws {
        let model = try Models.ctr.get()
        let scores = try model.scorer.score([ScoreRequest(user: user, candidates: items)])[0]
        #expect(Set(scores).count == items.count)
        #expect(scores.allSatisfy { $0 > 0 && $0 < 1 })
    }

    @Test func onnxGivesTheSameScores() throws {
        for kind in [TinyRun.Kind.sharedCTR, .learnedScaleCTR, .plainCTR, .sharedCVR, .multiTaskCVR] {
            let tiny = try TinyRun(kind)
            let path = try tiny.export().path
            try OnnxScript().run(["export", path])
            let report = try ParityReport(package: path, run: tiny.run.output, data: [tiny.logs], samples: 1000)
            #expect(report.rows.count == 4 && report.rows[3].contender == "ONNX in onnxruntime")
            #expect(report.holds, "\(kind): \(report.rows)")
        }
    }

    /// Tables in fewer bits move the scores of the package, and of nothing else.
    @Test func everythingAgreesWithAPackageOfNarrowTables() throws {
        for (kind, storage) in [(TinyRun.Kind.sharedCTR, EmbeddingStorage.int8), (.sharedCVR, .bfloat16)] {
            let tiny = try TinyRun(kind)
            let path = tiny.path("narrow")
            try TrainedStudent(folder: tiny.run.output).write(to: path, embeddings: storage)
            try OnnxScript().run(["export", path])
            let report = try ParityReport(package: path, run: tiny.run.output, data: [tiny.logs], samples: 1000)
            #expect(report.holds && report.rows[1].largest > 1e-6 && report.rows[1].largest < 0.1, "\(kind): \(report.rows)")
            #expect(report.rows[2].different == 0 && report.rows[3].largest <= 1e-5, "\(kind): \(report.rows)")
            #expect(report.remarks.contains { $0.contains("rounded") })
        }
    }

    /// Rounding excuses the run's own student alone.
    @Test func narrowTablesOfAnotherRunDisagree() throws {
        let tiny = try TinyRun(.sharedCTR), other = try TinyRun(.sharedCTR, seed: 12)
        let path = other.path("narrow")
        try TrainedStudent(folder: other.run.output).write(to: path, embeddings: .int8)
        let report = try ParityReport(package: path, run: tiny.run.output, data: [tiny.logs], samples: 1000)
        #expect(!report.holds && report.rows[0].holds && !report.rows[1].holds, "\(report.rows)")
    }
}
