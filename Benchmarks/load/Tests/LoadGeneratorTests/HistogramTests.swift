import Testing

@testable import LoadGenerator

@Suite struct HistogramTests {
  private func values(_ count: Int, seed: UInt64) -> [UInt64] {
    var random = SplitMix64(state: seed)
    // Every order of magnitude from a nanosecond to a minute.
    return (0..<count).map { _ in UInt64.random(in: 0...60_000_000_000 >> UInt64.random(in: 0...35, using: &random), using: &random) }
  }

  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
  func `Percentiles are those of the sorted values to one part in 128`(seed: UInt64) {
    let values = values(5_000, seed: seed)
    var histogram = Histogram()
    values.forEach { histogram.record(nanoseconds: $0) }
    let sorted = values.sorted()
    for share in [0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1] {
      let exact = sorted[max(1, Int((share * 5_000).rounded(.up))) - 1]
      let found = histogram.percentile(share)!
      #expect(found >= exact && found - exact <= exact / 128, "seed \(seed), share \(share): \(found), exactly \(exact)")
    }
    #expect(histogram.maximum == sorted.last)
    #expect(abs(histogram.mean! / (values.reduce(0) { $0 + Double($1) } / 5_000) - 1) < 1e-12)
  }

  @Test func `Buckets follow each other without gap or overlap`() {
    var next: UInt64 = 0
    for bucket in 0...Histogram.bucket(of: Histogram.limit) {
      #expect(Histogram.bucket(of: next) == bucket)
      #expect(Histogram.bucket(of: Histogram.upperBound(of: bucket)) == bucket)
      next = Histogram.upperBound(of: bucket) + 1
    }
  }

  @Test func `Merging parts is recording the whole`() {
    let values = values(1_000, seed: 9)
    var whole = Histogram()
    var parts = [Histogram(), Histogram(), Histogram()]
    for (i, value) in values.enumerated() {
      whole.record(nanoseconds: value)
      parts[i % 3].record(nanoseconds: value)
    }
    var merged = Histogram()
    parts.forEach { merged.merge($0) }
    for share in stride(from: 0, through: 1, by: 0.01) {
      #expect(merged.percentile(share) == whole.percentile(share))
    }
    #expect(merged.count == whole.count && merged.maximum == whole.maximum)
  }

  @Test func `Without values there is no percentile, and a day is kept as the maximum`() {
    var histogram = Histogram()
    #expect(histogram.percentile(0.5) == nil && histogram.mean == nil)
    let day: UInt64 = 86_400_000_000_000
    histogram.record(nanoseconds: day)
    #expect(histogram.maximum == day && histogram.percentile(1) == day)
  }
}
