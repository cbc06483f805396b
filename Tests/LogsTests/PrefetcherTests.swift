import Synchronization
import Testing

@testable import Logs

@Suite("Reading ahead")
struct PrefetcherTests {
    /// Says when it goes away.
    final class Token: Sendable {
        let onEnd: @Sendable () -> Void
        init(_ onEnd: @escaping @Sendable () -> Void) { self.onEnd = onEnd }
        deinit { onEnd() }
    }

    final class Flag: Sendable { let raised = Atomic(false) }

    @Test("lets go of its producer before it says that it has stopped")
    func close() {
        for _ in 0..<500 {
            let gone = Flag()
            var token: Token? = Token { gone.raised.store(true, ordering: .sequentiallyConsistent) }
            let ahead = RunningAhead(depth: 1) { [token] in withExtendedLifetime(token) { 1 } }
            token = nil
            ahead.start()
            _ = try? ahead.next()
            ahead.close()
            let isGone = gone.raised.load(ordering: .sequentiallyConsistent)
            #expect(isGone)
        }
    }
}
