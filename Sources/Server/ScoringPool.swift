import Dispatch
import Foundation
import Synchronization

/// A fixed number of threads that decode and score, and a queue in front of them that is never longer than agreed.
///
/// Requests are counted before they are decoded: what does not fit is refused at once, for the price of its HTTP head.
/// A job whose deadline has passed when its turn comes is not begun. Neither event loops nor the threads of Swift's
/// concurrency ever do this work, so health and metrics answer under any load.
final class ScoringPool: Sendable {
    /// Does the work, and returns what tells the one who waits for it.
    private typealias Job = @Sendable (_ waited: Duration) -> @Sendable () -> Void

    private struct State {
        /// Jobs in the order they came, as a ring.
        var jobs: [(job: Job, since: ContinuousClock.Instant)?]
        var first = 0
        var count = 0
        var running = 0
        var isStopped = false
    }

    let workers: Int
    let queueLimit: Int
    private let state: Mutex<State>
    private let available = DispatchSemaphore(value: 0)

    /// Starts the threads; they end with `stop()`.
    init(workers: Int, queueLimit: Int) {
        precondition(workers > 0 && queueLimit >= 0, "ScoringPool: \(workers) workers, a queue of \(queueLimit)")
        self.workers = workers
        self.queueLimit = queueLimit
        state = Mutex(State(jobs: Array(repeating: nil, count: workers + queueLimit)))
        for number in 0..<workers {
            let thread = Thread { [self] in work() }
            thread.name = "hindsight-score-\(number)"
            thread.start()
        }
    }

    /// Requests that wait, and requests that are being worked on.
    var load: (waiting: Int, running: Int) { state.withLock { ($0.count, $0.running) } }

    /// Whether one more would be refused now: for those who would rather not receive its body first.
    var isFull: Bool { state.withLock { $0.count + $0.running >= workers + queueLimit } }

    /// What those are told who find it full.
    var overloaded: APIError {
        APIError(.overloaded, "\(workers) requests run and \(queueLimit) wait already; come again")
    }

    /// Runs `work` on one of the threads, or throws `overloaded` at once, or `deadline` when its turn comes too late.
    /// - Parameter waited: told how long the job waited, whether it was begun or not.
    func run<Result: Sendable>(
        before deadline: ContinuousClock.Instant, waited: @escaping @Sendable (Duration) -> Void = { _ in },
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let isIn = submit { duration in
                waited(duration)
                guard ContinuousClock.now < deadline else {
                    return {
                        continuation.resume(
                            throwing: APIError(.deadline, "the request's time was over before its work could begin"))
                    }
                }
                let result = Swift.Result { try work() }
                return { continuation.resume(with: result) }
            }
            if !isIn {
                continuation.resume(throwing: overloaded)
            }
        }
    }

    private func submit(_ job: @escaping Job) -> Bool {
        let isIn = state.withLock { state in
            guard !state.isStopped, state.count + state.running < workers + queueLimit else { return false }
            state.jobs[(state.first + state.count) % state.jobs.count] = (job, .now)
            state.count += 1
            return true
        }
        if isIn { available.signal() }
        return isIn
    }

    private func work() {
        while true {
            available.wait()
            let next = state.withLock { state -> (job: Job, since: ContinuousClock.Instant)? in
                guard state.count > 0 else { return nil }
                defer {
                    state.jobs[state.first] = nil
                    state.first = (state.first + 1) % state.jobs.count
                    state.count -= 1
                    state.running += 1
                }
                return state.jobs[state.first]
            }
            // Woken without a job: the pool was stopped.
            guard let next else { return }
            let tell = next.job(.now - next.since)
            // The place is free before the answer is out: who asks again on the same connection finds it.
            state.withLock { $0.running -= 1 }
            tell()
        }
    }

    /// Refuses new jobs, finishes those that wait, and lets the threads end.
    func stop() {
        state.withLock { $0.isStopped = true }
        for _ in 0..<workers { available.signal() }
    }
}
