import Logs
import Schema

/// The benchmark's shape, the same as the peer's: batch 1024, k = 50, dimension 16, 10 samples a request, 8 user, 8 item
/// and 8 privileged features, 4 sequence fields of which two read the item's tables.
struct Workload {
  var name: String
  var task: RankingTask
  var method: Method
  var manner: Manner
  var batchSize = 1024
  var samplesPerRequest = 10
  /// k
  var sequenceLength = 50
  /// How long the sequences are, at most k.
  var events = 50
  /// Rows of the user id and of the item id table.
  var idRows = 100_000
  /// Rows of every other table.
  var otherRows = 1000
  var workers = 1
  var synchronousWorkers = false
  var rowWiseAdagrad = false
  var precision = TrainingPrecision.float32

  static let shareStar = Manner(inputs: .shared(except: ["user_id"]), synchronous: true)
  static let share = Manner(inputs: .shared(except: []), synchronous: true)

  static let ctrBaseline = Workload(
    name: "ctr-baseline", task: .ctr, method: .baseline, manner: share)
  static let ctrShareStar = Workload(
    name: "ctr-pfd+md-share*", task: .ctr, method: .pfdMD, manner: shareStar)
  static let cvrBaseline = Workload(
    name: "cvr-baseline", task: .cvr, method: .baseline, manner: share, samplesPerRequest: 1)
  static let cvrShare = Workload(
    name: "cvr-pfd-share", task: .cvr, method: .pfd, manner: share, samplesPerRequest: 1)

  var requests: Int { (batchSize + samplesPerRequest - 1) / samplesPerRequest }

  func with(_ change: (inout Workload) -> Void) -> Workload {
    var copy = self
    change(&copy)
    return copy
  }

  var run: RunConfiguration {
    var distillation = DistillationConfiguration()
    distillation.method = method
    distillation.manner = manner
    var training = TrainingConfiguration()
    training.batchSize = batchSize
    training.workers = workers
    training.precision = precision
    training.synchronous = synchronousWorkers
    training.optimiser.rowWise = rowWiseAdagrad
    return RunConfiguration(
      name: "benchmark", task: task, logs: LogsConfiguration(train: []),
      schema: Self.schema(length: sequenceLength), distillation: distillation, training: training)
  }

  static func schema(length: Int, encoding: Encoding = .hash(buckets: 8)) -> FeatureSchema {
    func feature(_ name: String, table: String? = nil) -> FeatureEncoding {
      FeatureEncoding(name: name, encoding: encoding, table: table, dimension: 16)
    }
    func named(_ first: String, _ rest: String) -> [FeatureEncoding] {
      [feature(first)] + (1..<8).map { feature("\(rest)_\($0)") }
    }
    return FeatureSchema(
      regular: named("user_id", "user").map { RegularFeature($0, side: .user) }
        + named("item_id", "item").map { RegularFeature($0, side: .item) },
      privileged: (0..<8).map {
        PrivilegedFeature(feature("privileged_\($0)"), privilege: .interacted)
      },
      sequence: BehaviourSequence(
        name: "history", length: length,
        fields: [
          feature("history_item_id", table: "item_id"), feature("history_item_1", table: "item_1"),
          feature("history_age"), feature("history_dwell"),
        ]),
      labels: [Label(name: "label")], requestColumn: "request")
  }

  var tableRows: [String: Int] {
    Dictionary(
      uniqueKeysWithValues: Self.schema(length: sequenceLength).tables.map {
        ($0.name, rows(ofTable: $0.name))
      })
  }

  private func rows(ofTable name: String) -> Int { name.hasSuffix("_id") ? idRows : otherRows }

  func batches(_ count: Int = 8) -> [Batch] { (0..<count).map { batch(seed: UInt64($0) + 1) } }

  /// Uniform ids: the worst that a cache can meet.
  private func batch(seed: UInt64) -> Batch {
    var random = SplitMix64(state: seed)
    let (schema, requests) = (run.schema, requests)
    func ids(_ table: String, _ count: Int) -> [Int32] {
      let rows = Int32(rows(ofTable: table))
      return (0..<count).map { _ in Int32.random(in: 0..<rows, using: &random) }
    }
    let fields = schema.sequence!.fields.map { ids($0.table, requests * events) }
    let columns = schema.regular.map {
      EncodedColumn(ids: ids($0.encoding.table, $0.side == .user ? requests : batchSize))
    }
    let privileged = schema.privileged.map { EncodedColumn(ids: ids($0.encoding.table, batchSize)) }
    let labels = (0..<batchSize).map { _ in
      Float.random(in: 0..<1, using: &random) < 0.2 ? Float(1) : 0
    }
    return Batch(
      regular: RegularInputs(
        count: batchSize, userCount: requests, itemCount: batchSize,
        userIndex: (0..<batchSize).map { Int32($0 / samplesPerRequest) },
        itemIndex: (0..<batchSize).map { Int32($0) }, columns: columns,
        sequence: EncodedSequence(
          offsets: (0...requests).map { Int32($0 * events) }, fields: fields)),
      privileged: PrivilegedInputs(columns: privileged),
      targets: Targets(
        labels: [labels], weights: .init(repeating: 1, count: batchSize),
        requests: .init(repeating: 0, count: batchSize),
        groups: .init(repeating: 0, count: batchSize)))
  }
}

/// Steele, Lea and Flood's generator (2014): small, seeded, good enough for ids.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
