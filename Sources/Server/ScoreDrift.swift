import Foundation
import Synchronization

/// Whether scores are still distributed as they were when a version began to serve.
///
/// The first `window` scores of a version are its reference and are cut into ten parts of equal size. Every further
/// `window` scores are counted in these parts and compared with it by the population stability index,
///
///     PSI = sum over parts of (now - then) ln(now / then),
///
/// shares clamped to 1e-4. Below 0.1 nothing has changed, above 0.25 something has: features that arrive empty, another
/// audience, another time of year. It does not say that scores are right.
final class ScoreDrift: Sendable {
    struct Report: Sendable, Equatable {
        /// nil until a reference and one window after it are full.
        var stabilityIndex: Double?
        /// The mean of the newest full window, or of what there is.
        var mean: Double?
        var scores: Int
    }

    private struct State {
        var version = ""
        var reference: [Float] = []
        var cuts: [Float] = []
        var expected: [Double] = []
        var counts: [Int] = []
        var total = 0
        var inWindow = 0
        var sum = 0.0
        var mean: Double?
        var stabilityIndex: Double?
    }

    static let parts = 10
    private let window: Int
    private let state = Mutex(State())

    init(window: Int = 10_000) {
        precondition(window >= Self.parts, "ScoreDrift: a window of \(window)")
        self.window = window
    }

    func observe(_ scores: some Sequence<Float>, version: String) {
        state.withLock { state in
            if state.version != version {
                state = State()
                state.version = version
            }
            for score in scores where score.isFinite { add(score, &state) }
        }
    }

    private func add(_ score: Float, _ state: inout State) {
        state.total += 1
        state.inWindow += 1
        state.sum += Double(score)
        if state.cuts.isEmpty {
            state.reference.append(score)
        } else {
            state.counts[Self.part(score, state.cuts)] += 1
        }
        guard state.inWindow == window else { return }
        state.mean = state.sum / Double(window)
        if state.cuts.isEmpty {
            Self.fit(&state)
        } else {
            state.stabilityIndex = Self.stabilityIndex(state.expected, state.counts, window)
            state.counts = Array(repeating: 0, count: Self.parts)
        }
        state.inWindow = 0
        state.sum = 0
    }

    /// Equal scores may make parts unequal, so their shares are counted as well.
    private static func fit(_ state: inout State) {
        let sorted = state.reference.sorted()
        state.cuts = (1..<parts).map { sorted[$0 * sorted.count / parts] }
        var counts = Array(repeating: 0, count: parts)
        for score in sorted { counts[part(score, state.cuts)] += 1 }
        state.expected = counts.map { Double($0) / Double(sorted.count) }
        state.counts = Array(repeating: 0, count: parts)
        state.reference = []
    }

    private static func part(_ score: Float, _ cuts: [Float]) -> Int { cuts.firstIndex { score < $0 } ?? cuts.count }

    static func stabilityIndex(_ expected: [Double], _ counts: [Int], _ total: Int) -> Double {
        zip(expected, counts).reduce(0) { sum, pair in
            let then = max(pair.0, 1e-4), now = max(Double(pair.1) / Double(total), 1e-4)
            return sum + (now - then) * log(now / then)
        }
    }

    var report: Report {
        state.withLock { state in
            Report(
                stabilityIndex: state.stabilityIndex,
                mean: state.mean ?? (state.inWindow > 0 ? state.sum / Double(state.inWindow) : nil), scores: state.total)
        }
    }
}
