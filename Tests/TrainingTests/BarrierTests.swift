import Foundation
import Logs
import Synchronization
import Testing

@testable import Training

@Suite("Workers that meet")
struct BarrierTests {
    @Test("let nobody on before all have come, early ones asleep or not", arguments: [0, 200, 5_000])
    func meets(delay: UInt32) throws {
        let threads = 4
        let rounds = delay > 0 ? 20 : 2_000
        let barrier = Barrier(count: threads)
        let arrivals = Atomic(0)
        let early = Atomic(0)
        try WorkerPool(count: threads).run { index in
            for round in 1...rounds {
                // Someone else is late each round.
                if delay > 0, round % threads == index { usleep(delay) }
                arrivals.add(1, ordering: .relaxed)
                barrier.wait()
                if arrivals.load(ordering: .relaxed) < round * threads { early.add(1, ordering: .relaxed) }
                barrier.wait()
            }
        }
        #expect(arrivals.load(ordering: .relaxed) == rounds * threads)
        #expect(early.load(ordering: .relaxed) == 0)
    }

    /// Fails at one batch.
    final class Broken: BatchSource {
        struct Failure: Error {}
        private let source: any BatchSource
        private var left: Int

        init(_ source: any BatchSource, after batches: Int) {
            self.source = source
            left = batches
        }

        func next() throws -> Batch? {
            guard left > 0 else { throw Failure() }
            left -= 1
            return try source.next()
        }

        func seek(epoch: Int, batches: Int) throws { try source.seek(epoch: epoch, batches: batches) }
    }

    @Test("all end when the logs fail", arguments: ["synchronous", "asynchronous"], [1, 3])
    func failingSource(mode: String, workers: Int) throws {
        let tiny = try TinyRun(in: try TemporaryFolder(), ["training.mode=\(mode)", "training.workers=\(workers)"])
        #expect(throws: Broken.Failure.self) { try tiny.train(wrap: { Broken($0, after: 6) }) }
    }
}
