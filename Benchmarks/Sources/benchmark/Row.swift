import Foundation

/// What figures are about; each part has a place of its own in docs/performance.md.
enum Part: String, CaseIterable {
  case training
  /// Coarse ranking and a whole ranking, in process.
  case ranking
  /// The HTTP server under load.
  case server
}

/// One line of the table: ours, what it is held against, and the floor.
struct Row: Encodable {
  var part = Part.training
  var name: String
  var threads: Int
  var precision = "float32"
  var ours: Double
  var peer: Double
  var peerName: String
  /// Median of the pairs' ratios, which is not quite `ours / peer`.
  var ratio: Double
  /// Counted operations over what the peak would do in that time; nil where nothing is counted.
  var floorFraction: Double?
  var unit = "samples/s"
  var note = ""

  enum CodingKeys: String, CodingKey {
    case name, threads, precision, ours, peer
    case peerName = "peer_name"
    case ratio
    case floorFraction = "floor_fraction"
    case unit, note
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(threads, forKey: .threads)
    try container.encode(precision, forKey: .precision)
    try container.encode(ours, forKey: .ours)
    try container.encode(peer, forKey: .peer)
    try container.encode(peerName, forKey: .peerName)
    try container.encode(ratio, forKey: .ratio)
    try container.encode(floorFraction, forKey: .floorFraction)  // null where there is none
    try container.encode(unit, forKey: .unit)
    try container.encode(note, forKey: .note)
  }
}

/// One line of the roofline table.
struct RooflineRow: Encodable {
  var workload: String
  var family: String
  var milliseconds: Double
  /// Of the whole step.
  var share: Double
  /// Where operations are counted.
  var gigaflops: Double?
  /// Part of the line above it rather than of the step.
  var isPart = false
}

struct Report: Encodable {
  var machine: String
  var clock: String
  var rounds: Int
  var sliceSeconds: Double
  var peakGigaflops: [String: Double] = [:]
  /// Load average when the run started: other work makes every figure worse.
  var load: Double
  var peer: String?
  var rows: [Row] = []
  var roofline: [RooflineRow] = []
  /// The parts that the run was asked for.
  var parts: Set<Part> = []

  enum CodingKeys: String, CodingKey {
    case machine, clock, rounds, sliceSeconds, peakGigaflops, load, peer, rows, roofline
  }

  mutating func add(_ rows: [Row], to part: Part) {
    parts.insert(part)
    self.rows += rows.map {
      var row = $0
      row.part = part
      return row
    }
  }

  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    try encoder.encode(self).write(to: URL(fileURLWithPath: path))
  }
}
