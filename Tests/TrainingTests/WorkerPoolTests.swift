import Synchronization
import Testing

@testable import Training

@Suite("A pool of workers")
struct WorkerPoolTests {
    @Test("runs a job once on every thread, one job after the other, and tells its first error")
    func everyThread() throws {
        struct Oops: Error {}
        let pool = WorkerPool(count: 3)
        let calls = Mutex([Int](repeating: 0, count: 3))
        for _ in 0..<5 { try pool.run { index in calls.withLock { $0[index] += 1 } } }
        #expect(calls.withLock { $0 } == [5, 5, 5])
        #expect(throws: Oops.self) { try pool.run { index in if index == 1 { throw Oops() } } }
        try pool.run { index in calls.withLock { $0[index] += 1 } }
        #expect(calls.withLock { $0 } == [6, 6, 6])
    }

    @Test("lets go of a job that is done: a run whose jobs hold its pool is freed, tables and all")
    func letsGo() throws {
        weak var pool: WorkerPool?
        func run() throws {
            let mine = WorkerPool(count: 2)
            pool = mine
            try mine.run { _ in withExtendedLifetime(mine) {} }
        }
        try run()
        #expect(pool == nil)
    }
}
