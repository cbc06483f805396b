import Foundation
import Synchronization

/// Work that must not take time from requests.
enum LowPriority {
    /// Runs `body` on a thread of its own that the scheduler puts behind all others, and waits for it.
    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        let box = Box<Result>()
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            // On Linux a thread has a nice value of its own, and 0 means the calling thread. That it cannot be had is
            // no reason not to load.
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
            let result = Swift.Result { try body() }
            box.outcome.withLock { $0 = result }
            done.signal()
        }
        done.wait()
        return try box.outcome.withLock { $0! }.get()
    }

    private final class Box<Value: Sendable>: Sendable {
        let outcome = Mutex<Swift.Result<Value, any Error>?>(nil)
    }
}
