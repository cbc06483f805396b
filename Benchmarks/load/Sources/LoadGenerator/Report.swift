import Foundation

/// What a run saw. Encoded as JSON, it is the tool's only output.
public struct LoadReport: Codable, Sendable {
  /// Milliseconds.
  public struct Latency: Codable, Sendable {
    public var count: UInt64
    public var mean, p50, p90, p99, p999, maximum: Double

    init?(_ histogram: Histogram) {
      guard let mean = histogram.mean else { return nil }
      func milliseconds(_ share: Double) -> Double { Double(histogram.percentile(share)!) * 1e-6 }
      count = histogram.count
      self.mean = mean * 1e-6
      (p50, p90) = (milliseconds(0.5), milliseconds(0.9))
      (p99, p999) = (milliseconds(0.99), milliseconds(0.999))
      maximum = Double(histogram.maximum) * 1e-6
    }
  }

  /// Requests that no answer came to, by reason.
  public struct Failures: Codable, Sendable, Equatable {
    /// The connection could not be made.
    public var connect = 0
    /// It was closed before the answer was complete.
    public var reset = 0
    public var timeout = 0
    /// What came was no HTTP.
    public var malformed = 0
    /// No connection was free before the timeout.
    public var unsent = 0

    public var total: Int { connect + reset + timeout + malformed + unsent }
  }

  /// Resident memory in MiB.
  public struct Memory: Codable, Sendable {
    public var first, maximum, last: Double
  }

  /// Of arrivals that were measured: from the end of the warm-up until sending stopped.
  public var seconds: Double
  public var requests = 0
  /// Answers with status 200.
  public var ok = 0
  public var okPerSecond: Double
  public var statuses: [String: Int] = [:]
  public var failures = Failures()
  /// From arrival to the last byte of the answer.
  public var latency: Latency?
  /// The same for answers with another status.
  public var otherLatency: Latency?
  /// From arrival to the first byte sent: the generator's own delay, and its wait for a free connection.
  public var delay: Latency?
  /// Answers with status 200 in each second.
  public var timeline: [Int] = []
  public var tally: [String: Int] = [:]
  /// Connections made, and the most that were open.
  public var connected = 0
  public var openConnections = 0
  public var memory: Memory?
  /// Processor seconds of the server, and of the generator.
  public var serverProcessorSeconds: Double?
  public var ownProcessorSeconds = 0.0

  public func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return try encoder.encode(self)
  }
}
