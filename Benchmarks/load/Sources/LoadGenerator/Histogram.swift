/// Counts durations in buckets whose width grows with the value, as HdrHistogram does: every percentile is right to
/// one part in 128, from a nanosecond to an hour, and recording costs an increment.
public struct Histogram: Sendable {
  /// Values below `2 * half` have a bucket each; above, every doubling is divided into `half` buckets.
  private static let half = 128
  private static let halfBits = 7
  /// Longer durations are counted as this: 2^42 ns, 73 minutes. `maximum` stays exact.
  static let limit: UInt64 = 1 << 42

  private var counts = [UInt64](repeating: 0, count: Histogram.bucket(of: Histogram.limit) + 1)
  public private(set) var count: UInt64 = 0
  public private(set) var maximum: UInt64 = 0
  private var sum = 0.0

  public init() {}

  /// The number of the bucket that holds `value`, which is at most `limit`.
  static func bucket(of value: UInt64) -> Int {
    let shift = max(0, 63 - value.leadingZeroBitCount - halfBits)
    return shift * half + Int(value >> UInt64(shift))
  }

  /// The largest value of a bucket.
  static func upperBound(of bucket: Int) -> UInt64 {
    guard bucket >= 2 * half else { return UInt64(bucket) }
    let shift = UInt64(bucket / half - 1)
    return (UInt64(bucket) - shift * UInt64(half) + 1) << shift - 1
  }

  public mutating func record(nanoseconds value: UInt64) {
    counts[Self.bucket(of: min(value, Self.limit))] += 1
    count += 1
    sum += Double(value)
    maximum = max(maximum, value)
  }

  public mutating func merge(_ other: Histogram) {
    for (i, more) in other.counts.enumerated() { counts[i] += more }
    count += other.count
    sum += other.sum
    maximum = max(maximum, other.maximum)
  }

  /// The smallest recorded value, rounded up within its bucket, that this share of the values does not exceed; nil
  /// when there are none.
  /// - Parameter share: 0.99 for p99.
  public func percentile(_ share: Double) -> UInt64? {
    guard count > 0 else { return nil }
    let rank = min(count, max(1, UInt64((share * Double(count)).rounded(.up))))
    var seen: UInt64 = 0
    for (bucket, more) in counts.enumerated() where more > 0 {
      seen += more
      // The last bucket also holds what is longer than the limit.
      if seen >= rank { return bucket == counts.count - 1 ? maximum : min(Self.upperBound(of: bucket), maximum) }
    }
    return maximum
  }

  /// In nanoseconds; nil when nothing was recorded.
  public var mean: Double? { count > 0 ? sum / Double(count) : nil }
}
