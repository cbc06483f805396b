import Foundation
import Testing

@testable import Training

@Suite("A run that was stopped and resumed")
struct ResumeTests {
    static let runs = [
        ["distillation.method=baseline", "training.workers=2"],
        ["distillation.method=pfd+md", "training.workers=2"],
        ["distillation.method=pfd+md", "distillation.manner=ind_async", "training.workers=2"],
        ["distillation.manner=share*_sync", "distillation.except=[user]"],
        ["distillation.method=pfd", "distillation.lambda={from: 0, to: 1, over: {fraction: 0.5}}"],
        ["distillation.method=lupi", "training.mode=asynchronous", "training.workers=1"],
        ["distillation.method=md", "training.optimiser.kind=adam", "training.optimiser.learning_rate=0.001"],
    ]

    @Test("ends in the bits of the run that was not, across epochs and phases", arguments: runs)
    func stops(overrides: [String]) throws {
        let folder = try TemporaryFolder()
        let whole = try TinyRun(in: folder, overrides, output: "whole")
        let parts = try TinyRun(in: folder, overrides, output: "parts")
        guard case .finished(let summary) = try whole.train() else {
            Issue.record("the run did not finish")
            return
        }
        // Inside an epoch, before, at and after its end; with two phases the same again in the second.
        let epoch = TinyRun.stepsPerEpoch
        let inPhase = [1, 2, epoch - 1, epoch, epoch + 1, 2 * epoch - 1, 2 * epoch]
        let stops = inPhase + (summary.steps > TinyRun.totalSteps ? inPhase.map { $0 + TinyRun.totalSteps } : [])
        for (number, stop) in stops.enumerated() {
            let outcome = try parts.train(resume: number > 0, stopAt: stop)
            guard case .interrupted(let checkpoint) = outcome else {
                Issue.record("step \(stop) of \(summary.steps) did not interrupt: \(outcome)")
                return
            }
            #expect(checkpoint == parts.checkpoints.first)
        }
        try parts.train(resume: true)
        expectSame(try whole.result(), try parts.result())
    }

    @Test(
        "training.steps ends every phase there, and a run that was stopped on the way ends in the same bits",
        arguments: ["ind_sync", "ind_async"])
    func cutShort(manner: String) throws {
        let folder = try TemporaryFolder()
        let steps = TinyRun.stepsPerEpoch + 5
        let overrides = ["training.steps=\(steps)", "training.epochs=3", "distillation.manner=\(manner)", "training.checkpoint_every=6"]
        let whole = try TinyRun(in: folder, overrides, output: "whole")
        let parts = try TinyRun(in: folder, overrides, output: "parts")
        guard case .finished(let summary) = try whole.train() else {
            Issue.record("the run did not finish")
            return
        }
        #expect(summary.steps == steps * (manner == "ind_async" ? 2 : 1))
        for (number, stop) in [3, TinyRun.stepsPerEpoch, steps - 1].enumerated() {
            try parts.train(resume: number > 0, stopAt: stop)
        }
        try parts.train(resume: true)
        expectSame(try whole.result(), try parts.result())
        // More steps than the epochs have change nothing.
        let roomy = try TinyRun(in: folder, ["training.steps=1000"], output: "roomy")
        let plain = try TinyRun(in: folder, output: "plain")
        try roomy.train()
        try plain.train()
        expectSame(try roomy.result(), try plain.result())
    }

    @Test("ends in the same bits from each of its checkpoints, as after a kill", arguments: [runs[1], runs[2]])
    func everyCheckpoint(overrides: [String]) throws {
        let folder = try TemporaryFolder()
        let keeping = overrides + ["training.checkpoint_every=5", "training.keep_checkpoints=1000"]
        let whole = try TinyRun(in: folder, keeping)
        try whole.train()
        let expected = try whole.result()
        let checkpoints = whole.checkpoints
        #expect(checkpoints.count > 7)
        // Newest first: each time one more is taken away.
        for newest in checkpoints.dropFirst() {
            for file in whole.checkpoints where file > newest { try FileManager.default.removeItem(atPath: file) }
            try FileManager.default.removeItem(atPath: "\(whole.runFolder.path)/metrics.json")
            try whole.train(resume: true)
            expectSame(expected, try whole.result(), "from \(newest)")
        }
    }

    @Test("counts its steps on from where it stopped")
    func counts() throws {
        let tiny = try TinyRun(in: try TemporaryFolder())
        try tiny.train(stopAt: 20)
        var steps: [Int] = []
        var resumedAt: Int?
        try tiny.train(
            resume: true,
            watch: { event in
                if case .step(let progress) = event { steps.append(progress.step) }
                if case .started(_, _, let at) = event { resumedAt = at }
            })
        #expect(resumedAt == 20)
        #expect(steps == Array(21...TinyRun.totalSteps))
    }

    @Test("when it had finished is left as it is")
    func finished() throws {
        let tiny = try TinyRun(in: try TemporaryFolder())
        guard case .finished(let first) = try tiny.train(), case .finished(let second) = try tiny.train(resume: true) else {
            Issue.record("the run did not finish")
            return
        }
        #expect(first == second)
        #expect(try tiny.runFolder.readSummary() == first)
    }

    @Test("after its last checkpoint but before its metrics gets the same metrics")
    func metrics() throws {
        let tiny = try TinyRun(in: try TemporaryFolder())
        try tiny.train()
        let expected = try tiny.result()
        try FileManager.default.removeItem(atPath: "\(tiny.runFolder.path)/metrics.json")
        try tiny.train(resume: true)
        expectSame(expected, try tiny.result())
    }

    @Test("before its first checkpoint starts over, and ends in the same bits")
    func noCheckpointYet() throws {
        let folder = try TemporaryFolder()
        let whole = try TinyRun(in: folder, output: "whole")
        try whole.train()
        let killed = try TinyRun(in: folder, output: "killed")
        try RunSession(killed.checked).prepareFolder()
        try killed.train(resume: true)
        expectSame(try whole.result(), try killed.result())
    }

    @Test("but never begun is refused")
    func neverBegun() throws {
        let tiny = try TinyRun(in: try TemporaryFolder())
        #expect(complaint { try tiny.train(resume: true) }.contains("train a run into it first"))
    }
}
