import Foundation
import Layers
import Logs
import ModelPackage
import Schema
import Serving

/// A served directory in the paper's shapes with invented weights and items: what a request costs does not depend on
/// what was learnt.
struct ServingFixture {
  let folder = Result { try TemporaryFolder() }
  let path: String
  let items: Int
  static let width = 128

  /// - Parameter vocabulary: whether item ids go through a vocabulary of all items, as after training; otherwise they
  ///   are hashed.
  init(items: Int, vocabulary: Bool = true, fine: Bool = true, seed: UInt64 = 3) throws {
    self.items = items
    let folder = try self.folder.get()
    path = folder.path("served")
    var random = SplitMix64(state: seed)
    try Self.package(.ctr, items: items, vocabulary: vocabulary, to: path, &random)
    var parts: [FinePart: ModelPackage] = [:]
    if fine {
      try Self.package(.cvr, items: items, vocabulary: vocabulary, to: "\(path)/fine/cvr", &random)
      parts[.cvr] = try ModelPackage(path: "\(path)/fine/cvr")
    }
    let package = try ModelPackage(path: path)
    let rows = parts.mapValues { part in
      part.schema.regular.indices.filter { part.schema.regular[$0].side == .item }.map { place in
        let table = Int32(part.student.tables[part.student.featureTables[place]].rows)
        return EncodedColumn(ids: (0..<items).map { _ in Int32.random(in: 0..<table, using: &random) })
      }
    }
    let contents = ItemFileContents(
      ids: (0..<items).map(Self.id), vectors: RandomVectors.rows(items, Self.width, &random),
      prices: (0..<items).map { Double(1 + $0 % 100) }, categories: (0..<items).map { "category \($0 % 500)" },
      rows: rows)
    try ItemFile.write(
      contents, of: package, parts: parts, to: "\(path)/\(ItemFile.fileName)", threads: Cores.count)
  }

  static func id(_ item: Int) -> String { "item-\(item)" }

  /// A user with a history of 50 events.
  static func user(_ number: Int, items: Int) -> FeatureValues {
    var random = SplitMix64(state: UInt64(number))
    func list(_ make: (Int) -> FeatureValue) -> FeatureValue {
      .list((0..<50).map { _ in make(Int.random(in: 0..<items, using: &random)) })
    }
    var user: FeatureValues = [
      "user_id": .integer(Int64(number)), "history_item_id": list { .text(id($0)) },
      "history_item_1": list { .integer(Int64($0 % 1000)) }, "history_age": list { .integer(Int64($0 % 1000)) },
      "history_dwell": list { .integer(Int64($0 % 1000)) },
    ]
    for i in 1..<8 { user["user_\(i)"] = .integer(Int64.random(in: 0..<1000, using: &random)) }
    return user
  }

  private static func package(
    _ task: RankingTask, items: Int, vocabulary: Bool, to path: String, _ random: inout SplitMix64
  ) throws {
    var schema = ServingSchema(Workload.schema(length: 50))
    let ids: Encoding = vocabulary ? .vocabulary(minCount: 1, maxSize: nil) : .hash(buckets: items)
    func encoding(_ table: String) -> Encoding {
      table == "item_id" ? ids : .hash(buckets: table == "user_id" ? 100_000 : 1000)
    }
    for i in schema.regular.indices {
      schema.regular[i].encoding.encoding = encoding(schema.regular[i].encoding.table)
    }
    for i in schema.sequence!.fields.indices {
      schema.sequence!.fields[i].encoding = encoding(schema.sequence!.fields[i].table)
    }
    let names = Array(Set(schema.regular.map(\.encoding.table) + schema.sequence!.fields.map(\.table))).sorted()
    let encoder = FittedEncoder(
      tables: names.map {
        FittedTable(
          name: $0, encoding: encoding($0), values: $0 == "item_id" && vocabulary ? (0..<items).map(id) : [])
      })
    let rows = encoder.tableRows
    let student = StudentDescription(
      task: task, layers: task == .ctr ? [512, 256, width] : [512, 256, 128], scale: 5, learnedScale: false,
      batchNorm: true, leakySlope: 0.01,
      attention: .init(heads: 4, headDimension: 32, feedForward: 4 * schema.sequence!.width),
      tables: names.map { .init(name: $0, encoder: $0, rows: rows[$0]!, dimension: 16) },
      featureTables: schema.regular.map { names.firstIndex(of: $0.encoding.table)! },
      fieldTables: schema.sequence!.fields.map { names.firstIndex(of: $0.table)! })
    let layout = StudentNetwork(student, schema).layout
    let values = layout.initialValues(seed: random.next())
    let largest = student.tables.map { $0.rows * $0.dimension }.max()!
    let table = (0..<largest).map { _ in Float(Int64(bitPattern: random.next()) >> 40) * 0x1p-26 }
    try values.withUnsafeBytes { dense in
      try table.withUnsafeBytes { table in
        _ = try PackageWriter.write(to: path, schema: schema, encoder: encoder, student: student) { name in
          if let entry = layout.entries.first(where: { "dense/\($0.name)" == name }) {
            return UnsafeRawBufferPointer(
              rebasing: dense[entry.slot.offset * 4..<(entry.slot.offset + entry.slot.count) * 4])
          }
          let own = student.tables.first { "tables/\($0.name)" == name }!
          return UnsafeRawBufferPointer(rebasing: table[..<(own.rows * own.dimension * 4)])
        }
      }
    }
  }
}
