import Evaluation
import Synchronization

/// Whether scores are still distributed as they were: as when the model was trained, which its package tells, and as
/// when this version began to serve.
///
/// Every `window` scores are counted in the parts of both distributions and compared by the population stability index
/// (`ScoreDistribution.stabilityIndex`). Below 0.1 nothing has changed, above 0.25 something has: features that arrive
/// empty, another audience, another time of year. It does not say that scores are right.
///
/// What is shown in a ranking is the best of many, and what clients send to be scored is their choice; each has a
/// `ScoreDrift` of its own.
final class ScoreDrift: Sendable {
    struct Report: Sendable, Equatable {
        /// Against the package's distribution; nil until a window is full, and for packages that bring none.
        var packageIndex: Double?
        /// What the package's distribution is of, such as `validation`.
        var packageSource: String?
        /// Against the first window of this version; nil until it and one window after it are full.
        var firstIndex: Double?
        /// The mean of the newest full window, or of what there is.
        var mean: Double?
        var scores: Int
    }

    /// A distribution, and how many scores of the window fell into each of its parts.
    private struct Comparison {
        let expected: ScoreDistribution
        private var counts: [Int]
        private(set) var index: Double?

        init(_ expected: ScoreDistribution) {
            self.expected = expected
            counts = Array(repeating: 0, count: expected.shares.count)
        }

        mutating func add(_ score: Float) { counts[expected.part(of: score)] += 1 }

        mutating func endWindow() {
            index = expected.stabilityIndex(counts)
            counts = Array(repeating: 0, count: counts.count)
        }
    }

    private struct State {
        var version = ""
        var package: Comparison?
        var first: Comparison?
        /// The first window, until it is full.
        var beginning: [Float] = []
        var total = 0
        var inWindow = 0
        var sum = 0.0
        var mean: Double?
    }

    private let window: Int
    private let state = Mutex(State())

    init(window: Int = 10_000) {
        precondition(window >= ScoreDistribution.parts, "ScoreDrift: a window of \(window)")
        self.window = window
    }

    /// - Parameter expected: what the version's package says of its scores.
    func observe(_ scores: some Sequence<Float>, version: String, expected: ScoreDistribution?) {
        state.withLock { state in
            if state.version != version {
                state = State()
                state.version = version
                state.package = expected.map { Comparison($0) }
            }
            for score in scores where score.isFinite { add(score, &state) }
        }
    }

    private func add(_ score: Float, _ state: inout State) {
        state.total += 1
        state.inWindow += 1
        state.sum += Double(score)
        state.package?.add(score)
        if state.first == nil { state.beginning.append(score) } else { state.first?.add(score) }
        guard state.inWindow == window else { return }
        state.mean = state.sum / Double(window)
        state.package?.endWindow()
        if state.first == nil {
            state.first = ScoreDistribution(of: state.beginning, source: "first").map { Comparison($0) }
            state.beginning = []
        } else {
            state.first?.endWindow()
        }
        state.inWindow = 0
        state.sum = 0
    }

    var report: Report {
        state.withLock { state in
            Report(
                packageIndex: state.package?.index, packageSource: state.package?.expected.source,
                firstIndex: state.first?.index,
                mean: state.mean ?? (state.inWindow > 0 ? state.sum / Double(state.inWindow) : nil), scores: state.total)
        }
    }
}
