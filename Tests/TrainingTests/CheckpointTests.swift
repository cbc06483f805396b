import Foundation
import Parameters
import TensorFiles
import Testing

@testable import Training

@Suite("Checkpoints of a run")
struct CheckpointTests {
    let folder: TemporaryFolder
    let tiny: TinyRun

    init() throws {
        folder = try TemporaryFolder()
        tiny = try TinyRun(in: folder, ["training.checkpoint_every=10", "training.keep_checkpoints=3"])
    }

    @Test("are kept as many as the run file says, the newest ones")
    func kept() throws {
        try tiny.train()
        // Written at steps 10, 17 (an epoch's end), 20, 30 and 34.
        let names = tiny.checkpoints.map { URL(fileURLWithPath: $0).lastPathComponent }
        #expect(names == [34, 30, 20].map { "step-00000000\($0).safetensors" })
        let all = try FileManager.default.contentsOfDirectory(atPath: tiny.runFolder.checkpoints.folder)
        #expect(Set(all) == Set(names))
    }

    @Test("hold parameters, optimiser state, position and version")
    func contents() throws {
        try tiny.train(stopAt: 13)
        let file = try SafetensorsFile(path: #require(tiny.checkpoints.first))
        #expect(file.metadata["format"] == "hindsight-checkpoint")
        #expect(file.metadata["version"] == "1")
        let position = try JSONDecoder().decode(Position.self, from: Data((file.metadata["position"] ?? "").utf8))
        #expect(position == Position(phase: 0, epoch: 0, batch: 13, step: 13, finished: false))
        for prefix in ["dense/student.", "dense/teacher.", "dense_state/adagrad_sum/", "tables/"] {
            #expect(file.tensors.contains { $0.name.hasPrefix(prefix) }, "\(prefix)")
        }
    }

    @Test("can be read by Python's safetensors", .enabled(if: Python.available != nil, "no Python with safetensors"))
    func python() throws {
        try tiny.train()
        let path = try #require(tiny.checkpoints.first)
        let output = try Python.run(
            """
            import json, sys, numpy as np, safetensors
            with safetensors.safe_open(sys.argv[1], framework="np") as f:
                tensors = {n: f.get_tensor(n) for n in f.keys()}
                print(json.dumps({
                    "metadata": f.metadata(), "finite": all(bool(np.isfinite(t).all()) for t in tensors.values()),
                    "bytes": {n: t.tobytes().hex() for n, t in tensors.items()}}))
            """, path)
        struct Answer: Decodable {
            var metadata: [String: String]
            var finite: Bool
            var bytes: [String: String]
        }
        let answer = try JSONDecoder().decode(Answer.self, from: output)
        let file = try SafetensorsFile(path: path)
        #expect(answer.metadata == file.metadata)
        #expect(answer.finite)
        let ours = try tiny.tensors().mapValues { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
        #expect(answer.bytes == ours)
    }

    @Test("that are damaged are named, with the one before them and what to do", arguments: [0, 7, 1000, -1])
    func damaged(size: Int) throws {
        try tiny.train()
        let newest = try #require(tiny.checkpoints.first)
        let before = try #require(tiny.checkpoints.dropFirst().first)
        let whole = try Data(contentsOf: URL(fileURLWithPath: newest))
        try whole.prefix(size < 0 ? whole.count + size : size).write(to: URL(fileURLWithPath: newest))
        let words = complaint { try tiny.train(resume: true) }
        #expect(words.hasPrefix(newest))
        #expect(words.contains("remove it") && words.contains(before))
        // Doing what it says goes on from the one before, to the same end.
        try FileManager.default.removeItem(atPath: newest)
        try tiny.train(resume: true)
        #expect(try Data(contentsOf: URL(fileURLWithPath: newest)) == whole)
    }

    @Test("that are damaged and alone are named too")
    func damagedAlone() throws {
        try tiny.train(stopAt: 5)
        let only = try #require(tiny.checkpoints.first)
        try Data("no checkpoint".utf8).write(to: URL(fileURLWithPath: only))
        let words = complaint { try tiny.train(resume: true) }
        #expect(words.hasPrefix(only) && words.contains("without --resume"))
    }

    @Test("of another run are refused", arguments: ["seed=9", "training.batch_size=32", "distillation.lambda=0.1"])
    func otherRun(change: String) throws {
        try tiny.train(stopAt: 5)
        let other = try TinyRun(in: folder, [change])
        let words = complaint { try other.train(resume: true) }
        #expect(words.contains("other settings or data"))
    }

    @Test("of a run on other logs are refused")
    func otherLogs() throws {
        try tiny.train(stopAt: 5)
        try TinyLogs(rows: 1200, seed: 77).write(to: folder("train.parquet"))
        let session = try RunSession(tiny.checked)
        #expect(complaint { _ = try session.trainedEngine() }.contains("other settings or data"))
    }

    @Test("of another kind or version are refused")
    func otherKind() throws {
        try tiny.train(stopAt: 5)
        let path = try #require(tiny.checkpoints.first)
        let session = try RunSession(tiny.checked, resume: true)
        let server = TrainingEngine(session.run, tableRows: session.encoder.tableRows).server
        func words(_ metadata: [String: String]) throws -> String {
            try server.write(toFile: path, metadata: metadata)
            return complaint { try tiny.train(resume: true) }
        }
        var metadata = ["format": "hindsight-checkpoint", "version": "1", "run": session.runHash]
        #expect(try words(metadata).contains("no readable position"))
        metadata["position"] = #"{"phase":0,"epoch":0,"batch":-1,"step":0,"finished":false}"#
        #expect(try words(metadata).contains("no readable position"))
        metadata["position"] = #"{"phase":7,"epoch":0,"batch":0,"step":0,"finished":false}"#
        #expect(try words(metadata).contains("a position that this run never has"))
        metadata["version"] = "2"
        #expect(try words(metadata).contains("version 2, expected 1"))
        metadata["format"] = nil
        #expect(try words(metadata).contains("not a checkpoint of Hindsight"))
    }

    @Test("that a kill left half written are cleared away")
    func leftovers() throws {
        try tiny.train(stopAt: 5)
        let partial = "\(tiny.runFolder.checkpoints.folder)/.step-0000000006.safetensors.partial"
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: partial))
        try tiny.train(resume: true)
        #expect(!FileManager.default.fileExists(atPath: partial))
    }
}

/// The interpreter with `safetensors` and `numpy`: `HINDSIGHT_PYTHON`, or the one that bootstrap made.
enum Python {
    static let available: String? = {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let path = ProcessInfo.processInfo.environment["HINDSIGHT_PYTHON"] ?? "\(package)/.deps/venv/bin/python"
        guard FileManager.default.isExecutableFile(atPath: path) else { return nil }
        return (try? execute(path, ["-c", "import safetensors, numpy"])) == nil ? nil : path
    }()

    static func run(_ script: String, _ arguments: String...) throws -> Data {
        try execute(available!, ["-c", script] + arguments)
    }

    struct Failure: Error { let status: Int32 }

    private static func execute(_ path: String, _ arguments: [String]) throws -> Data {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
        return data
    }
}
