import Foundation
import TensorFiles
import Testing
import Training

/// A run of some hundred steps, with a checkpoint every few of them.
@Suite("A run in a process that is stopped")
struct InterruptionTests {
    static let run = "--set training.epochs=12 --set training.workers=2 --set training.checkpoint_every=7"

    let files: TinyFiles
    init() throws { files = try TinyFiles() }

    private func start(_ arguments: String) throws -> Program {
        try Program(arguments.split(separator: " ").map(String.init), in: files.path)
    }

    private func result(_ folder: String) throws -> (tensors: [String: [UInt8]], test: SplitReport?) {
        let names = try FileManager.default.contentsOfDirectory(atPath: files("\(folder)/checkpoints"))
        let newest = try #require(names.filter { $0.hasPrefix("step-") }.max())
        let file = try SafetensorsFile(path: files("\(folder)/checkpoints/\(newest)"))
        return (
            try Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, Array(try file.bytes($0.name))) }),
            try RunFolder(files(folder)).readSummary().test
        )
    }

    @Test("by kill -9 at random moments, and resumed, ends in the bits of one that was not", arguments: [1, 2, 3] as [UInt64])
    func killed(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let began = ContinuousClock.now
        #expect(try files.hindsight("train run.yaml --output whole \(Self.run)").code == 0)
        let whole = (ContinuousClock.now - began) / .seconds(1)
        var kills = 0
        while true {
            // What a person does: go on where there is something to go on from.
            let resume = files.exists("killed/run.json") ? "--resume" : ""
            let program = try start("train run.yaml --output killed \(Self.run) \(resume)")
            let patience = kills < 6 ? Double.random(in: 0.01...0.7, using: &random) * whole : 60
            if let output = program.end(within: patience) {
                #expect(output.code == 0, "seed \(seed), after \(kills) kills: \(output.err)")
                break
            }
            program.kill(SIGKILL)
            let code = program.end(within: 10)?.code
            if code == 0 { break }  // It had just ended by itself.
            #expect(code == -SIGKILL)
            kills += 1
            guard kills <= 6 else { break }
        }
        let (one, other) = (try result("whole"), try result("killed"))
        #expect(one.tensors == other.tensors, "seed \(seed), \(kills) kills")
        #expect(one.test == other.test, "seed \(seed), \(kills) kills")
        let left = try FileManager.default.contentsOfDirectory(atPath: files("killed/checkpoints"))
        #expect(left.filter { $0.hasSuffix(".partial") }.isEmpty)
    }

    @Test("by Ctrl-C or by SIGTERM writes a checkpoint, says how to go on, and leaves with 130", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        #expect(try files.hindsight("train run.yaml --output whole \(Self.run)").code == 0)
        // The same run, but with validation often enough to take a while.
        let arguments = "train run.yaml --output stopped \(Self.run)"
        var output = try files.hindsight("check run.yaml")
        for attempt in 0..<20 {
            let program = try start(arguments)
            #expect(program.wait(within: 30) { program.err.contains("epoch 1  step") })
            program.kill(signal)
            output = try #require(program.end(within: 30))
            // A machine in a hurry may have finished before it was asked to stop.
            if output.code == 130 { break }
            #expect(output.code == 0, "attempt \(attempt): \(output.err)")
        }
        #expect(output.code == 130)
        #expect(output.err.contains("interrupted;") && output.err.contains("--resume"))
        #expect(!files.exists("stopped/metrics.json"))
        #expect(output.out.isEmpty)
        let resumed = try files.hindsight(arguments + " --resume")
        #expect(resumed.code == 0, "\(resumed.err)")
        #expect(resumed.err.contains("going on at step"))
        let (one, other) = (try result("whole"), try result("stopped"))
        #expect(one.tensors == other.tensors)
        #expect(one.test == other.test)
    }

    @Test("by Ctrl-C in a comparison leaves with 130 and goes on with what is done")
    func comparison() throws {
        let arguments = "compare run.yaml --methods baseline,pfd --seeds 1 \(Self.run)"
        let program = try start(arguments)
        #expect(program.wait(within: 30) { files.exists("runs/tiny/pfd/seed-3/checkpoints") })
        program.kill(SIGINT)
        let output = try #require(program.end(within: 30))
        guard output.code != 0 else { return }  // It had finished already.
        #expect(output.code == 130)
        let again = try files.hindsight(arguments)
        #expect(again.code == 0)
        #expect(
            again.err.contains("Baseline, seed 3: finished before, kept")
                || again.err.contains("Baseline, seed 3: going on from its checkpoint"), "\(again.err)")
    }

    @Test("--resume of a finished run changes nothing")
    func finished() throws {
        #expect(try files.hindsight("train run.yaml").code == 0)
        let before = try files.text("runs/tiny/metrics.json")
        let again = try files.hindsight("train run.yaml --resume")
        #expect(again.code == 0, "\(again.err)")
        #expect(try files.text("runs/tiny/metrics.json") == before)
    }
}
