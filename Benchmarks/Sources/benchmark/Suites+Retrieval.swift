import Foundation
import Retrieval

/// Coarse ranking beside faiss: 100,000 items x 128, the best 1000, exactly.
struct RetrievalSuite {
  let options: Options
  let log: (String) -> Void

  private let topK = 1000
  private let dimension = 128

  func rows() throws -> [Row] {
    let vectors = RandomVectors(
      items: 100_000, queries: 512, dimension: dimension)
    let folder = try TemporaryFolder()
    let (items, queries) = (folder.path("vectors.npy"), folder.path("queries.npy"))
    try NumPy.write(vectors.items, columns: dimension, to: items)
    try NumPy.write(vectors.queries, columns: dimension, to: queries)
    let index = try ItemIndex(
      dimension: dimension, ids: (0..<Int64(vectors.items.count / dimension)).map { $0 },
      vectors: vectors.items, threads: Cores.count)

    var rows: [Row] = []
    for (batch, threads) in [(1, 1), (64, 1), (1, 2), (64, 2)] where threads <= Cores.count {
      rows.append(
        try Cores.using(threads) {
          let ours = IndexContender(index, vectors, topK: topK, batch: batch, threads: threads)
          let faiss = try FaissContender(
            vectors: items, queries: queries, topK: topK, batch: batch, threads: threads, options)
          try check(index, vectors, faiss.greeting)
          return try compare(
            "top-1000-of-100k-batch-\(batch)", ours, faiss,
            peerName: "faiss IndexFlatIP \(faiss.greeting.faiss)", threads: threads)
        })
    }
    if Cores.count >= 2 {
      rows.append(
        try Cores.using(2) {
          try compare(
            "top-1000-of-100k-two-cores",
            IndexContender(index, vectors, topK: topK, batch: 1, threads: 2),
            IndexContender(index, vectors, topK: topK, batch: 1, threads: 1),
            peerName: "hindsight, one core", threads: 2)
        })
    }
    return rows
  }

  /// The same answers: faiss sums in float, in another order, so that items a hair apart may change places.
  private func check(_ index: ItemIndex, _ vectors: RandomVectors, _ faiss: FaissContender.Greeting)
    throws
  {
    let query = Array(vectors.queries.prefix(dimension))
    let best = try index.search(query, topK: topK)
    guard best == (try index.snapshot.searchExhaustively(query, topK: topK)).with(best) else {
      throw BenchmarkError("the scan is not exact")
    }
    let common = Set(best.ids).intersection(faiss.ids[0]).count
    guard common >= topK - 3 else { throw BenchmarkError("faiss finds \(topK - common) others") }
  }

  private func compare(
    _ name: String, _ ours: any Contender, _ peer: any Contender, peerName: String, threads: Int
  ) throws -> Row {
    let slices = try takeTurns([ours, peer], rounds: options.rounds, seconds: options.sliceSeconds)
    let rates = slices.map { $0.map { $0.rate(options.clock, threads: threads) } }
    let row = Row(
      name: name, threads: threads, ours: rates[0].median, peer: rates[1].median, peerName: peerName,
      ratio: zip(rates[0], rates[1]).map { $0 / $1 }.median, unit: "queries/s",
      note: "\((1000 / rates[0].median).digits(2)) ms a query")
    log(Table.line(row))
    return row
  }
}

extension SearchResult {
  /// With what finding took, which differs from way to way, taken from another.
  fileprivate func with(_ other: SearchResult) -> SearchResult {
    var copy = self
    copy.rescored = other.rescored
    return copy
  }
}

/// A folder that goes away with this object.
final class TemporaryFolder {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("hindsight-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }
  func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}

/// NumPy's .npy, version 1.0.
enum NumPy {
  static func write(_ values: [Float], columns: Int, to path: String) throws {
    var header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (\(values.count / columns), \(columns)), }"
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    let length = UInt16(header.utf8.count)
    var data = Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xff), UInt8(length >> 8)])
    data += Data(header.utf8)
    values.withUnsafeBytes { data.append(contentsOf: $0) }
    try data.write(to: URL(fileURLWithPath: path))
  }
}
