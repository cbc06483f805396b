import Foundation
import Synchronization

/// A fixed set of threads that run one job at a time, all of them, and wait for each other. Threads live
/// as long as the pool, so thread-local scratch and JIT caches of the kernels stay warm.
public final class WorkerPool: @unchecked Sendable {
    // Unchecked: `job` is written only while every thread waits on its semaphore.
    public let count: Int
    private var job: (@Sendable (Int) -> Void)?
    private let starts: [DispatchSemaphore]
    private let done = DispatchSemaphore(value: 0)

    public init(count: Int) {
        precondition(count > 0, "WorkerPool: \(count) workers")
        self.count = count
        starts = (0..<count).map { _ in DispatchSemaphore(value: 0) }
        for index in 0..<count {
            let start = starts[index]
            let thread = Thread { [weak self, done] in
                while true {
                    start.wait()
                    guard self?.work(index) == true else { break }
                    done.signal()
                }
            }
            thread.name = "worker-\(index)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    deinit {
        job = nil
        for start in starts { start.signal() }
    }

    /// Whether there was something to do.
    private func work(_ index: Int) -> Bool {
        guard let job else { return false }
        job(index)
        return true
    }

    /// Runs `body(worker)` on every thread and returns when all have finished, and has let go of it. The first error is
    /// rethrown.
    public func run(_ body: @escaping @Sendable (Int) throws -> Void) throws {
        let failure = FirstFailure()
        job = { index in
            do { try body(index) } catch { failure.record(error) }
        }
        for start in starts { start.signal() }
        for _ in 0..<count { done.wait() }
        // Jobs hold who gave them, and so the pool: kept, it would hold itself, workers and tables for ever.
        job = nil
        if let error = failure.error { throw error }
    }

    private final class FirstFailure: Sendable {
        private let stored = Mutex<(any Error)?>(nil)
        var error: (any Error)? { stored.withLock { $0 } }
        func record(_ error: any Error) { stored.withLock { if $0 == nil { $0 = error } } }
    }
}
