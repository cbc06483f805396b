/// What is sent, how fast and for how long. Everything is bounded, and it only ever goes to this machine.
public struct LoadPlan: Sendable {
  public enum Loop: Sendable, Equatable {
    /// Each connection sends its next request when the last one is answered: finds the capacity.
    case closed
    /// Requests arrive at a rate (a second), whatever the server does: what users see.
    case open(rate: Double)
  }

  public var port: UInt16
  public var loop = Loop.closed
  /// Of these there are never more. In an open loop arrivals wait for one, and their latency grows meanwhile.
  public var connections = 16
  /// Sent before anything is measured.
  public var warmUpSeconds = 1.0
  public var seconds = 10.0
  /// Measured requests, if these are sent before the time is over.
  public var requests: Int?
  /// A request without its answer after so long has failed.
  public var timeoutSeconds = 10.0
  public var seed: UInt64 = 1
  /// The server's process, whose memory and processor time are watched.
  public var process: Int32?
  /// A key of JSON answers whose text values are counted, to see which versions answered.
  public var tally: String?

  public init(port: UInt16) { self.port = port }

  /// Traps of typing: a benchmark must end, and must not drown the machine.
  public func check() throws(LoadError) {
    func check(_ name: String, _ value: Double, _ range: ClosedRange<Double>) throws(LoadError) {
      guard range.contains(value) else {
        throw LoadError("--\(name): expected \(range.lowerBound) to \(range.upperBound), found \(value)")
      }
    }
    try check("port", Double(port), 1...65_535)
    try check("connections", Double(connections), 1...4_096)
    try check("warm-up", warmUpSeconds, 0...600)
    try check("seconds", seconds, 0.05...1_800)
    try check("timeout", timeoutSeconds, 0.05...120)
    if let requests { try check("requests", Double(requests), 1...10_000_000) }
    if case .open(let rate) = loop { try check("rate", rate, 0.1...200_000) }
  }
}
