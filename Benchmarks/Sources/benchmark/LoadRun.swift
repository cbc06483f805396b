import Foundation

/// One run of the load generator, a process of its own (`Benchmarks/load`).
struct LoadRun: Decodable {
  struct Latency: Decodable { var mean, p50, p90, p99, p999, maximum: Double }
  struct Failures: Decodable {
    var connect, reset, timeout, malformed, unsent: Int
    var total: Int { connect + reset + timeout + malformed + unsent }
  }
  struct Memory: Decodable { var first, maximum, last: Double }

  var seconds: Double
  var requests, ok: Int
  var okPerSecond: Double
  var statuses: [String: Int]
  var failures: Failures
  /// Milliseconds, of answers with status 200.
  var latency: Latency?
  var delay: Latency?
  var timeline: [Int]
  var tally: [String: Int]
  /// MiB
  var memory: Memory?
  var serverProcessorSeconds: Double?
  var ownProcessorSeconds: Double

  /// Requests without an answer of status 200.
  var failed: Int { requests - ok }

  /// - Parameters:
  ///   - rate: arrivals a second; nil: closed loop.
  ///   - interrupts: whether the generator may interrupt the server's threads, to send when it is time to. Where not
  ///     (`SCHED_BATCH`), it takes turns with them: a few milliseconds late and several requests at a time.
  static func measure(
    _ server: ServerProcess, _ bodies: URL, options: Options, rate: Double? = nil, connections: Int, seconds: Double,
    requests: Int? = nil, warmUp: Double = 1, interrupts: Bool = true, seed: Int
  ) throws -> LoadRun {
    var arguments = [
      "--port", "\(server.port)", "--bodies", bodies.path, "--connections", "\(connections)", "--seconds", "\(seconds)",
      "--warm-up", "\(warmUp)", "--process", "\(server.identifier)", "--tally", "version", "--seed", "\(seed)",
    ]
    if let rate { arguments += ["--rate", "\(rate)"] }
    if let requests { arguments += ["--requests", "\(requests)"] }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let command = interrupts ? [options.load.path] : ["/usr/bin/chrt", "--batch", "0", options.load.path]
    return try decoder.decode(LoadRun.self, from: Command.run(command[0], command.dropFirst() + arguments))
  }
}
