import Foundation
import Kernels
import Synchronization

/// Where threads wait for each other, again and again. Whoever comes early spins for some tens of microseconds before it
/// sleeps: to be woken takes that long too, and workers with equal shares come within that time of each other.
final class Barrier: Sendable {
    private static let spins = 8_000

    private let count: Int
    private let arrived = Atomic(0)
    private let round = Atomic(0)
    private let sleepers = NSCondition()

    init(count: Int) { self.count = count }

    /// Returns when all have come. What any of them wrote before, all of them see after.
    func wait() {
        let mine = round.load(ordering: .relaxed)
        guard arrived.add(1, ordering: .acquiringAndReleasing).newValue < count else {
            arrived.store(0, ordering: .relaxed)
            sleepers.lock()
            round.store(mine + 1, ordering: .releasing)
            sleepers.broadcast()
            sleepers.unlock()
            return
        }
        for _ in 0..<Self.spins {
            if round.load(ordering: .acquiring) != mine { return }
            Processor.pause()
        }
        sleepers.lock()
        while round.load(ordering: .acquiring) == mine { sleepers.wait() }
        sleepers.unlock()
    }
}
