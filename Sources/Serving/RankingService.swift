import Foundation
import Synchronization

/// Answers requests with one model while the next is loaded: a version is opened, checked and warmed off the request
/// path, then put in the place of the old one by the swap of one reference.
///
///     let service = try RankingService(path: "packages/retail")
///     let answer = try service.rank(RankRequest(user: ["user_id": .integer(17841)], topK: 10))
///     try service.load(path: "packages/retail-2")    // requests go on; the old version keeps serving if this throws
///     try service.rollback()
///
/// A request is answered by the version that was current when it began, from its first stage to its last. Any number of
/// threads may call at once; loads wait for each other.
public final class RankingService: Sendable {
    /// What `rollback` goes back to.
    private enum Previous: Sendable {
        case inMemory(RankingModel)
        case onDisk(path: String, version: String)

        var version: String {
            switch self {
            case .inMemory(let model): model.version
            case .onDisk(_, let version): version
            }
        }
    }

    private struct State: Sendable {
        var current: RankingModel
        var previous: Previous?
    }

    public let limits: ServingLimits
    private let keepsPrevious: Bool
    private let calls: Int
    private let state: Mutex<State>
    private let loading = Mutex<Void>(())
    private let retired = RetiredModels()

    /// Loads and warms the first version.
    /// - Parameters:
    ///   - calls: how many requests at a time to be ready for.
    ///   - keepsPrevious: whether the version before stays in memory, so that `rollback` takes no time and does not
    ///     depend on the disk. Otherwise it is read again, and its directory must still hold it.
    public init(
        path: String, limits: ServingLimits = ServingLimits(), calls: Int = ProcessInfo.processInfo.activeProcessorCount,
        keepsPrevious: Bool = true
    ) throws {
        self.limits = limits
        self.calls = calls
        self.keepsPrevious = keepsPrevious
        let model = try RankingModel(path: path, limits: limits, threads: ProcessInfo.processInfo.activeProcessorCount)
        try model.warm(calls: calls)
        state = Mutex(State(current: model, previous: nil))
    }

    /// The model that new requests are answered by.
    public var current: RankingModel { state.withLock { $0.current } }
    public var previousVersion: String? { state.withLock { $0.previous?.version } }

    // MARK: Requests

    public func rank(_ request: RankRequest) throws(ServingError) -> RankAnswer { try current.rank(request) }

    public func score(_ requests: [ScoreRequest], head: ScoreHead = .model) throws(ServingError) -> ScoreAnswer {
        try current.score(requests, head: head)
    }

    // MARK: Items

    /// Adds and replaces items of the current version, and returns that version. They are not carried over to the
    /// next: a version's items are computed from its own networks.
    @discardableResult
    public func upsert(items: [ItemUpsert]) throws(ServingError) -> String {
        let model = current
        try model.upsert(items)
        return model.version
    }

    /// Removes items from the current version and says how many of these there were.
    @discardableResult
    public func remove(ids: [String]) -> Int { current.remove(ids: ids) }

    // MARK: Versions

    /// Loads a served directory, warms it and makes it current. Returns its version. When it throws, nothing changed.
    ///
    /// The work is done by a thread of lower priority than those that answer; the caller waits for it.
    @discardableResult
    public func load(path: String) throws -> String {
        try loading.withLock { _ in
            let model = try LowPriority.run { [limits, calls] in
                let model = try RankingModel(path: path, limits: limits)
                try model.warm(calls: calls)
                return model
            }
            swap(in: model)
            return model.version
        }
    }

    /// Makes the version before the current one current again; the one it takes the place of can be gone back to in
    /// turn. Returns the version that serves now.
    @discardableResult
    public func rollback() throws -> String {
        try loading.withLock { _ in
            guard let previous = state.withLock({ $0.previous }) else { throw ServingError.noPreviousVersion }
            switch previous {
            case .inMemory(let model): swap(in: model)
            case .onDisk(let path, let version):
                let model = try LowPriority.run { [limits, calls] in
                    let model = try RankingModel(path: path, limits: limits)
                    guard model.version == version else {
                        throw ServingError.badOption(name: path, expected: "version \(version)", found: model.version)
                    }
                    try model.warm(calls: calls)
                    return model
                }
                swap(in: model)
            }
            return current.version
        }
    }

    private func swap(in model: RankingModel) {
        let released = state.withLock { state in
            var released: [RankingModel] = []
            if case .inMemory(let old) = state.previous, old !== model { released.append(old) }
            if !keepsPrevious { released.append(state.current) }
            state.previous =
                keepsPrevious
                ? .inMemory(state.current) : .onDisk(path: state.current.path, version: state.current.version)
            state.current = model
            return released
        }
        retired.release(released)
    }
}

/// Models that nobody will ask again, held until the last request that reads them is through: so that it is not a
/// request that unmaps a large model.
private final class RetiredModels: Sendable {
    private let waiting = Mutex<(models: [RankingModel], isRunning: Bool)>(([], false))

    func release(_ models: [RankingModel]) {
        let starts = waiting.withLock { waiting in
            waiting.models += models
            defer { waiting.isRunning = true }
            return !waiting.isRunning
        }
        if starts { Thread.detachNewThread { self.drain() } }
    }

    private func drain() {
        while true {
            let (released, isDone) = waiting.withLock { waiting -> ([RankingModel], Bool) in
                var released: [RankingModel] = []
                var kept: [RankingModel] = []
                while var model = waiting.models.popLast() {
                    // Not unique: a request still reads it.
                    if isKnownUniquelyReferenced(&model) { released.append(model) } else { kept.append(model) }
                }
                waiting.models = kept
                return (released, kept.isEmpty)
            }
            _ = released
            if isDone && waiting.withLock({ waiting in
                guard waiting.models.isEmpty else { return false }
                waiting.isRunning = false
                return true
            }) {
                return
            }
            usleep(20_000)
        }
    }
}
