import Foundation
import ModelPackage
import Testing

@testable import hindsight

/// One score from everything that can give one, as `hindsight parity` compares them.
@Suite struct ServerParityTests {
    @Test(arguments: [TinyRun.Kind.sharedCTR, .sharedCVR])
    func trainerPredictPackageOnnxAndServerGiveTheSameScores(_ kind: TinyRun.Kind) throws {
        let tiny = try TinyRun(kind)
        let package = tiny.path("package")
        let exported = try Program.run(["export", tiny.run.output, "--out", package, "--onnx"], in: tiny.folder.path, within: 120)
        #expect(exported.code == 0, "\(exported.err)")
        let server = try ServerProcess(package, yaml: "authorization: {token_file: token, scope: all}\nlog: {requests: none}\n")
        defer { _ = server.stop() }
        let arguments = [
            "parity", package, "--run", tiny.run.output, "--data", tiny.logs, "--server", server.address, "--token-file", server.file("token"),
        ]
        let said = try Program.run(arguments, in: tiny.folder.path, within: 120)
        #expect(said.code == 0, "\(said.out)\(said.err)")
        for contender in ["hindsight predict", "trainer's batches", "raw requests", "ONNX in onnxruntime", "the running server"] {
            #expect(said.outLines.count { $0.contains(contender) } == 1, "\(contender) in \(said.out)")
        }
        #expect(!said.out.contains("not compared") && said.out.contains("400 samples"), "\(said.out)")
        // Without the token it is told so, and nothing is called equal.
        let closed = try Program.run(Array(arguments.dropLast(2)), in: tiny.folder.path)
        #expect(closed.code != 0 && closed.err.contains("401"), "\(closed.err)")
    }

    /// Equal scores of another version would be luck.
    @Test func aServerOfAnotherVersionIsRefused() throws {
        let tiny = try TinyRun(.sharedCTR)
        let package = try tiny.export().path
        let server = try ServerProcess.shared.get()
        #expect { try ParityReport(package: package, run: tiny.run.output, data: [tiny.logs], samples: 400, server: .init(server.address)) }
            throws: { ($0 as? PackageError)?.problem == .otherVersion }
        #expect(throws: PackageError.self) { try AskedServer("localhost:8080") }
        #expect { try AskedServer("http://127.0.0.1:1").post("v1/score", Data()) } throws: {
            ($0 as? PackageError)?.problem == .unreadable
        }
    }

    /// A comparison that cannot fail compares nothing.
    @Test func anotherModelsScoresAreSeenToDiffer() throws {
        let tiny = try TinyRun(.sharedCTR)
        let other = try TinyRun(.sharedCTR, seed: 12)
        let report = try ParityReport(package: try other.export().path, run: tiny.run.output, data: [tiny.logs], samples: 400)
        #expect(!report.holds && report.rows[0].holds && report.rows[1].largest > 1e-3, "\(report.rows)")
    }
}
