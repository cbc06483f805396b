import Foundation

/// The PyTorch peer: a process that works for a slice of time whenever it is told to.
final class PeerContender: Contender {
  /// What the peer says of itself when it is ready.
  struct Greeting: Decodable {
    var parameters: Int
    var embedding_parameters: Int
    var attention: String
    var allocator: String
    var torch: String
  }
  private struct Answer: Decodable {
    var samples, seconds, processor_seconds: Double
  }

  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var pending = Data()
  let greeting: Greeting

  /// Starts the peer on the cores that this thread may use.
  init(_ workload: Workload, deduplicated: Bool, threads: Int, script: URL, python: String) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      [
        python, script.path, "--serve", "--workload", workload.name, "--threads", "\(threads)",
        "--samples-per-request", "\(workload.samplesPerRequest)",
      ] + (deduplicated ? ["--deduplicated"] : [])
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    greeting = try Self.read(Greeting.self, output, &pending)
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  func slice(seconds: Double) throws -> Slice {
    try input.fileHandleForWriting.write(contentsOf: Data("\(seconds)\n".utf8))
    let answer = try Self.read(Answer.self, output, &pending)
    return Slice(
      samples: answer.samples,
      took: Instant(wall: answer.seconds, processor: answer.processor_seconds))
  }

  private static func read<Value: Decodable>(
    _ type: Value.Type, _ pipe: Pipe, _ pending: inout Data
  ) throws -> Value {
    while true {
      if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
        let line = Data(pending[pending.startIndex..<end])
        pending = Data(pending[(end + 1)...])
        return try JSONDecoder().decode(type, from: line)
      }
      let more = pipe.fileHandleForReading.availableData
      guard !more.isEmpty else {
        throw BenchmarkError("the PyTorch peer ended; its message is above")
      }
      pending.append(more)
    }
  }
}

struct BenchmarkError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
