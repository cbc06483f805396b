import Foundation
import Retrieval

/// Unit vectors in random directions, for items and for queries.
struct RandomVectors {
  let dimension: Int
  let items: [Float]
  let queries: [Float]

  init(items: Int, queries: Int, dimension: Int, seed: UInt64 = 5) {
    var random = SplitMix64(state: seed)
    self.dimension = dimension
    self.items = Self.rows(items, dimension, &random)
    self.queries = Self.rows(queries, dimension, &random)
  }

  static func rows(_ count: Int, _ dimension: Int, _ random: inout SplitMix64) -> [Float] {
    var rows = [Float](repeating: 0, count: count * dimension)
    for row in 0..<count {
      var squares: Float = 0
      for i in row * dimension..<(row + 1) * dimension {
        // The sum of four uniform numbers is near enough to normal for directions.
        let bits = random.next()
        var sum: Float = -2
        for part in 0..<4 { sum += Float(bits >> UInt64(16 * part) & 0xffff) * 0x1p-16 }
        rows[i] = sum
        squares += sum * sum
      }
      let over = 1 / max(squares, .leastNormalMagnitude).squareRoot()
      for i in row * dimension..<(row + 1) * dimension { rows[i] *= over }
    }
    return rows
  }
}

/// Our index, a batch of queries after another.
final class IndexContender: Contender {
  private let index: ItemIndex
  private let batches: [[Float]]
  private let batchSize: Int
  private let topK: Int
  private let threads: Int
  private var position = 0

  init(_ index: ItemIndex, _ vectors: RandomVectors, topK: Int, batch: Int, threads: Int) {
    self.index = index
    self.topK = topK
    self.threads = threads
    batchSize = batch
    let width = batch * vectors.dimension
    batches = stride(from: 0, to: vectors.queries.count - width + 1, by: width).map {
      Array(vectors.queries[$0..<$0 + width])
    }
  }

  func slice(seconds: Double) throws -> Slice {
    let start = Instant.now()
    let end = start.wall + seconds
    var done = 0
    while Instant.now().wall < end {
      let results = try index.search(
        batch: batches[position % batches.count], topK: topK, threads: threads)
      precondition(results.count == batchSize && results[0].ids.count == topK)
      position += 1
      done += batchSize
    }
    return Slice(samples: Double(done), took: Instant.now() - start)
  }
}

/// faiss's exact index in a process of its own.
final class FaissContender: Contender {
  struct Greeting: Decodable {
    var faiss: String
    /// The best items of the first query.
    var ids: [[Int64]]
  }
  let greeting: Greeting
  private let peer: LinePeer

  init(vectors: String, queries: String, topK: Int, batch: Int, threads: Int, _ options: Options) throws {
    peer = try LinePeer([
      options.python, options.folder.appendingPathComponent("peers/faiss_peer.py").path,
      "--vectors", vectors, "--queries", queries, "--top-k", "\(topK)", "--batch", "\(batch)",
      "--threads", "\(threads)",
    ])
    greeting = try peer.read(Greeting.self)
  }

  func slice(seconds: Double) throws -> Slice { try peer.slice(seconds: seconds) }
}

/// A process that says one line when it is ready and answers each line of seconds with one line of figures.
final class LinePeer {
  private struct Answer: Decodable {
    var samples, seconds, processor_seconds: Double
  }
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var pending = Data()

  /// Starts the peer on the cores that this thread may use.
  init(_ command: [String]) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.standardInput = input
    process.standardOutput = output
    try process.run()
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  func slice(seconds: Double) throws -> Slice {
    try input.fileHandleForWriting.write(contentsOf: Data("\(seconds)\n".utf8))
    let answer = try read(Answer.self)
    return Slice(
      samples: answer.samples, took: Instant(wall: answer.seconds, processor: answer.processor_seconds))
  }

  func read<Value: Decodable>(_ type: Value.Type) throws -> Value {
    while true {
      if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
        let line = Data(pending[pending.startIndex..<end])
        pending = Data(pending[(end + 1)...])
        return try JSONDecoder().decode(type, from: line)
      }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw BenchmarkError("a peer ended; its message is above") }
      pending.append(more)
    }
  }
}
