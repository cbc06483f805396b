import Foundation

/// A power of two of locks, each on a cache line of its own; uncontended, one costs about 20 ns.
final class LockStripes: @unchecked Sendable {
    // SAFETY: a pthread mutex may be used from any thread and must not move; these never do.
    private let base: UnsafeMutableRawPointer
    let count: Int
    private static let stride = 64 * ((MemoryLayout<pthread_mutex_t>.size + 63) / 64)

    init(count: Int) {
        precondition(count > 0 && count & (count - 1) == 0, "LockStripes: \(count) is no power of two")
        self.count = count
        base = .allocate(byteCount: count * Self.stride, alignment: 64)
        for index in 0..<count {
            (base + index * Self.stride).bindMemory(to: pthread_mutex_t.self, capacity: 1)
            pthread_mutex_init(self[index], nil)
        }
    }

    deinit {
        for index in 0..<count { pthread_mutex_destroy(self[index]) }
        base.deallocate()
    }

    private subscript(index: Int) -> UnsafeMutablePointer<pthread_mutex_t> {
        (base + index * Self.stride).assumingMemoryBound(to: pthread_mutex_t.self)
    }

    func lock(_ index: Int) { pthread_mutex_lock(self[index]) }
    func tryLock(_ index: Int) -> Bool { pthread_mutex_trylock(self[index]) == 0 }
    func unlock(_ index: Int) { pthread_mutex_unlock(self[index]) }

    /// Calls `body` once for each of `indices` that is `wanted`, holding that lock. Takes those first that are
    /// free, so that workers that come at the same time pass each other instead of queueing.
    func forEach(_ indices: Range<Int>, where wanted: (Int) -> Bool, _ body: (Int) -> Void) {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: indices.count) { busy in
            var busyCount = 0
            for index in indices where wanted(index) {
                if tryLock(index) {
                    body(index)
                    unlock(index)
                } else {
                    busy[busyCount] = Int32(index)
                    busyCount += 1
                }
            }
            for index in busy[..<busyCount] {
                lock(Int(index))
                body(Int(index))
                unlock(Int(index))
            }
        }
    }

    /// Calls `body` holding all locks, taken in order.
    func withAll<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        for index in 0..<count { lock(index) }
        defer { for index in 0..<count { unlock(index) } }
        return try body()
    }
}
