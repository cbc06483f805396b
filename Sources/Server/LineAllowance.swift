import Synchronization

/// Lets so many log lines a second through, and counts the others so that they can be told of in one line: where
/// requests are shed by the thousand, a line for each would cost a good part of what shedding saves.
final class LineAllowance: Sendable {
    private struct State {
        var since: ContinuousClock.Instant?
        var written = 0
        var heldBack = 0
    }

    private let perSecond: Int
    private let state = Mutex(State())

    init(perSecond: Int) {
        precondition(perSecond > 0, "LineAllowance: \(perSecond) lines a second")
        self.perSecond = perSecond
    }

    /// Whether a line may be written now; if not, it is counted.
    func take(at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { state in
            if state.since.map({ now - $0 >= .seconds(1) }) ?? true {
                state.since = now
                state.written = 0
            }
            guard state.written < perSecond else {
                state.heldBack += 1
                return false
            }
            state.written += 1
            return true
        }
    }

    /// How many lines were held back and not told of before; 0 while their second is not over, unless it is the `end`.
    func heldBack(at now: ContinuousClock.Instant = .now, isEnd: Bool = false) -> Int {
        state.withLock { state in
            guard state.heldBack > 0, isEnd || state.since.map({ now - $0 >= .seconds(1) }) ?? true else { return 0 }
            defer { state.heldBack = 0 }
            return state.heldBack
        }
    }
}
