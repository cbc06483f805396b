import Foundation
import Logs
import Testing

@testable import Training

@Suite("Two trainings of one run")
struct ReproducibilityTests {
    static let modes = [
        ["training.mode=synchronous", "training.workers=1"], ["training.mode=synchronous", "training.workers=2"],
        ["training.mode=synchronous", "training.workers=3"], ["training.mode=asynchronous", "training.workers=1"],
    ]

    @Test("end in the same bits, with synchronous workers or one asynchronous worker", arguments: modes)
    func reproducible(mode: [String]) throws {
        let folder = try TemporaryFolder()
        let one = try TinyRun(in: folder, mode, output: "one")
        let other = try TinyRun(in: folder, mode, output: "other")
        try one.train()
        try other.train()
        expectSame(try one.result(), try other.result())
    }

    @Test("differ when the seed does, so that equality means something")
    func seeds() throws {
        let folder = try TemporaryFolder()
        let one = try TinyRun(in: folder, output: "one")
        let other = try TinyRun(in: folder, ["seed=4"], output: "other")
        try one.train()
        try other.train()
        #expect(try one.tensors() != other.tensors())
    }

    @Test("see every sample of every epoch, with many asynchronous workers", arguments: [2, 4])
    func asynchronous(workers: Int) throws {
        let tiny = try TinyRun(in: try TemporaryFolder(), ["training.mode=asynchronous", "training.workers=\(workers)"])
        guard case .finished(let summary) = try tiny.train() else {
            Issue.record("the run did not finish")
            return
        }
        #expect(summary.samples == TinyRun.epochs * 1080)
        #expect(summary.test?.student[.auc]?.value != nil)
        #expect(summary.test?.teacher?[.auc]?.value != nil)
    }

    @Test("end in the same bits, from prepared shards and from the logs")
    func prepared() throws {
        let folder = try TemporaryFolder()
        let decoded = try TinyRun(in: folder, output: "decoded")
        let prepared = try TinyRun(in: folder, output: "prepared")
        let session = try RunSession(decoded.checked)
        let dataset = try #require(session.logs as? Dataset)
        try dataset.prepare(encoder: session.encoder, into: URL(fileURLWithPath: folder("shards")))
        try decoded.train()
        try prepared.train(prepared: folder("shards"))
        expectSame(try decoded.result(), try prepared.result())
    }

    @Test("end in the same bits, whether or not validation and checkpoints come in between")
    func barriers() throws {
        let folder = try TemporaryFolder()
        let plain = try TinyRun(in: folder, ["training.workers=2"], output: "plain")
        let busy = try TinyRun(
            in: folder, ["training.workers=2", "training.checkpoint_every=3", "evaluation.every_steps=4"], output: "busy")
        try plain.train()
        try busy.train()
        expectSame(try plain.result(), try busy.result())
    }
}
