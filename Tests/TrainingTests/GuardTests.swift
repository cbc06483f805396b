import Foundation
import Logs
import TensorFiles
import Testing

@testable import Training

@Suite("NaN and infinity")
struct GuardTests {
    /// Passes batches on, but the one at `batch` of every epoch with one weight of infinity.
    final class Poison: BatchSource {
        private let source: any BatchSource
        private let batch: Int
        private var next_ = 0

        init(_ source: any BatchSource, batch: Int) {
            self.source = source
            self.batch = batch
        }

        func next() throws -> Batch? {
            guard var result = try source.next() else { return nil }
            if next_ == batch { result.targets.weights[3] = .infinity }
            next_ += 1
            return result
        }

        func seek(epoch: Int, batches: Int) throws {
            next_ = batches
            try source.seek(epoch: epoch, batches: batches)
        }
    }

    static let modes = [
        ["training.workers=1"], ["training.workers=2"], ["training.mode=asynchronous", "training.workers=1"],
        ["training.mode=asynchronous", "training.workers=3"], ["distillation.manner=ind_async"],
    ]

    @Test("in a batch stop the run by step, epoch and batch (from 1, as progress counts), with the last checkpoint intact", arguments: modes)
    func poisoned(mode: [String]) throws {
        let folder = try TemporaryFolder()
        let overrides = mode + ["training.checkpoint_every=5"]
        let tiny = try TinyRun(in: folder, overrides)
        let words = complaint { try tiny.train(wrap: { Poison($0, batch: 7) }) }
        #expect(words.hasPrefix("step 8 (epoch 1, batch 8): "))
        #expect(words.contains("loss is not finite") || words.contains("gradient of"))
        let checkpoint = try #require(tiny.checkpoints.first)
        #expect(checkpoint.hasSuffix("step-0000000005.safetensors"))
        #expect(words.contains(checkpoint))
        // The run goes on from there when the batch is mended; where it is reproducible, to the same end.
        try tiny.train(resume: true)
        guard mode != Self.modes[3] else { return }
        let whole = try TinyRun(in: folder, overrides, output: "whole")
        try whole.train()
        expectSame(try whole.result(), try tiny.result())
    }

    @Test("in a later epoch are told by that epoch and the whole run's step")
    func laterEpoch() throws {
        let tiny = try TinyRun(in: try TemporaryFolder())
        try tiny.train(stopAt: TinyRun.stepsPerEpoch)
        let words = complaint { try tiny.train(resume: true, wrap: { Poison($0, batch: 2) }) }
        #expect(words.hasPrefix("step 20 (epoch 2, batch 3): "))
    }

    @Test(
        "from an absurd learning rate stop the run before they reach a checkpoint",
        arguments: ["sgd", "adagrad", "adam"], ["baseline", "pfd+md"])
    func absurdRate(optimiser: String, method: String) throws {
        let tiny = try TinyRun(
            in: try TemporaryFolder(),
            [
                "training.optimiser.kind=\(optimiser)", "training.optimiser.learning_rate=1e38",
                "training.optimiser.warmup=1", "training.checkpoint_every=1", "distillation.method=\(method)",
            ])
        let words = complaint { try tiny.train() }
        #expect(words.hasPrefix("step ") && words.contains("not finite") && words.contains("learning_rate"))
        for path in tiny.checkpoints {
            let bad = try tiny.nonFiniteTensors(in: path)
            #expect(bad.isEmpty, "\(path)")
        }
    }
}

extension TinyRun {
    func nonFiniteTensors(in path: String) throws -> [String] {
        let file = try SafetensorsFile(path: path)
        return try file.tensors.filter { $0.elementType == .float32 }.map(\.name).filter { name in
            try file.floats(name).contains { !$0.isFinite }
        }
    }
}
