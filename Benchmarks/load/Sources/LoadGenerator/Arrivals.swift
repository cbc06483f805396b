import Foundation

/// When requests arrive in an open loop: a Poisson process, as many independent users make.
///
/// Arrivals do not wait for answers. A latency counts from here and not from when the request could be sent, so that
/// a server that stands still is seen by every request that would have come meanwhile ("coordinated omission" is
/// what a generator commits that waits with it).
struct Arrivals {
  /// Nanoseconds on the caller's clock.
  private(set) var next: UInt64
  private let meanGap: Double
  private var random: SplitMix64
  private var exact: Double

  init(start: UInt64, perSecond rate: Double, seed: UInt64) {
    precondition(rate > 0, "Arrivals: \(rate) a second")
    meanGap = 1e9 / rate
    random = SplitMix64(state: seed)
    exact = Double(start)
    next = start
    advance()
  }

  mutating func advance() {
    exact += -log(1 - Double.random(in: 0..<1, using: &random)) * meanGap
    next = UInt64(exact)
  }
}
