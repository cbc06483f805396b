import Foundation
import Testing

@testable import LoadGenerator

@Suite struct ArrivalsTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func `Gaps have the mean and the spread of a Poisson process`(seed: UInt64) {
    var arrivals = Arrivals(start: 1_000, perSecond: 500, seed: seed)
    var (last, gaps): (UInt64, [Double]) = (1_000, [])
    for _ in 0..<40_000 {
      gaps.append(Double(arrivals.next - last))
      last = arrivals.next
      arrivals.advance()
    }
    let mean = gaps.reduce(0, +) / 40_000
    let deviation = (gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 40_000).squareRoot()
    // Standard error of the mean: a 200th; five of them.
    #expect(abs(mean / 2e6 - 1) < 0.025, "seed \(seed)")
    #expect(abs(deviation / mean - 1) < 0.05, "seed \(seed)")
    // The chance that a gap is longer than the mean is 1/e.
    #expect(abs(Double(gaps.count { $0 > 2e6 }) / 40_000 - exp(-1)) < 0.0125, "seed \(seed)")
  }

  @Test func `A seed repeats its arrivals`() {
    var (one, two) = (Arrivals(start: 5, perSecond: 10, seed: 3), Arrivals(start: 5, perSecond: 10, seed: 3))
    for _ in 0..<100 {
      #expect(one.next == two.next)
      one.advance()
      two.advance()
    }
  }
}
