import Synchronization

/// The latencies of the newest requests, for people who look at the page; monitoring reads the histograms.
final class RecentLatency: Sendable {
    struct Summary: Sendable, Equatable {
        var requests: Int
        var perSecond: Double
        /// Milliseconds; nil without requests.
        var p50, p90, p99, worst: Double?
    }

    private struct State {
        var ring: [(at: ContinuousClock.Instant, milliseconds: Float)] = []
        var next = 0
    }

    private let capacity: Int
    private let span: Duration
    private let state = Mutex(State())

    init(capacity: Int = 8_192, span: Duration = .seconds(60)) {
        self.capacity = capacity
        self.span = span
    }

    func add(milliseconds: Double, at now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            if state.ring.count < capacity {
                state.ring.append((now, Float(milliseconds)))
            } else {
                state.ring[state.next] = (now, Float(milliseconds))
                state.next = (state.next + 1) % capacity
            }
        }
    }

    func summary(at now: ContinuousClock.Instant = .now) -> Summary {
        let recent = state.withLock { $0.ring }.filter { now - $0.at <= span }
        guard let oldest = recent.map(\.at).min() else { return Summary(requests: 0, perSecond: 0) }
        let sorted = recent.map(\.milliseconds).sorted()
        func quantile(_ share: Double) -> Double {
            Double(sorted[min(sorted.count - 1, Int((share * Double(sorted.count)).rounded(.up)) - 1)])
        }
        let seconds = max(1, (now - oldest).seconds)
        return Summary(
            requests: sorted.count, perSecond: Double(sorted.count) / seconds, p50: quantile(0.5), p90: quantile(0.9),
            p99: quantile(0.99), worst: sorted.last.map { Double($0) })
    }
}

extension Duration {
    var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
    var milliseconds: Double { seconds * 1_000 }
}
