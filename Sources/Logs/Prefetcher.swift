import Foundation

/// Runs a producer ahead on a thread of its own, at most `depth` values.
///
/// SAFETY: the condition guards all state; `produce` runs on the thread only, between `start` and `stop`, and is
/// changed by `close` alone, when no thread runs.
final class RunningAhead<Value>: @unchecked Sendable {
    private let condition = NSCondition()
    private let depth: Int
    private var produce: (() throws -> Value?)?
    private var ready: [Value] = []
    private var failure: (any Error)?
    private var isFinished = false
    private var isStopping = false
    private var isRunning = false

    init(depth: Int, produce: @escaping () throws -> Value?) {
        self.depth = max(1, depth)
        self.produce = produce
    }

    func start() {
        condition.withLock {
            isRunning = true
            isFinished = false
            isStopping = false
            failure = nil
            ready.removeAll()
        }
        let thread = Thread { [self] in run() }
        thread.stackSize = 8 << 20
        thread.name = "hindsight-logs"
        thread.start()
    }

    private func run() {
        while true {
            condition.lock()
            while ready.count >= depth, !isStopping { condition.wait() }
            let stop = isStopping
            condition.unlock()
            if stop { break }
            let result = Result { try produce?() }
            condition.lock()
            switch result {
            case .success(let value?): ready.append(value)
            case .success(nil): isFinished = true
            case .failure(let error):
                failure = error
                isFinished = true
            }
            let done = isFinished
            condition.broadcast()
            condition.unlock()
            if done { break }
        }
        condition.withLock {
            isRunning = false
            isFinished = true
            condition.broadcast()
        }
    }

    func next() throws -> Value? {
        condition.lock()
        defer { condition.unlock() }
        while ready.isEmpty, !isFinished { condition.wait() }
        if !ready.isEmpty {
            defer { condition.broadcast() }
            return ready.removeFirst()
        }
        if let failure { throw failure }
        return nil
    }

    /// Stops for good and lets go of the producer. The thread holds this object a moment longer than it runs the
    /// producer: were the producer to go with it, it would go on that thread, perhaps while the process ends.
    func close() {
        stop()
        produce = nil
    }

    /// Returns when the thread no longer touches the producer.
    func stop() {
        condition.lock()
        isStopping = true
        condition.broadcast()
        while isRunning { condition.wait() }
        ready.removeAll()
        condition.unlock()
    }
}

/// Makes the next batches on a background thread while the last one is trained on.
public final class Prefetcher: BatchSource {
    private let source: any BatchSource
    private let ahead: RunningAhead<Batch>
    private var isStarted = false

    /// - Parameter depth: batches made ahead.
    public init(_ source: any BatchSource, depth: Int = 4) {
        self.source = source
        ahead = RunningAhead(depth: depth) { try source.next() }
    }

    deinit { ahead.close() }

    public func next() throws -> Batch? {
        if !isStarted {
            isStarted = true
            ahead.start()
        }
        return try ahead.next()
    }

    public func seek(epoch: Int, batches: Int) throws {
        if isStarted { ahead.stop() }
        isStarted = false
        try source.seek(epoch: epoch, batches: batches)
    }
}

/// Decodes the next block while batches are cut from the last one.
final class PrefetchedBlocks: BlockSource {
    private let source: any BlockSource
    private let ahead: RunningAhead<EncodedBlock>
    private var isStarted = false

    init(_ source: any BlockSource) {
        self.source = source
        ahead = RunningAhead(depth: 1) { try source.next() }
    }

    deinit { ahead.close() }

    func next() throws -> EncodedBlock? {
        if !isStarted {
            isStarted = true
            ahead.start()
        }
        return try ahead.next()
    }

    func rewind() throws {
        if isStarted { ahead.stop() }
        isStarted = false
        try source.rewind()
    }
}
