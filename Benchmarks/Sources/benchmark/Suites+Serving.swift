import Foundation
import Kernels
import Layers
import Serving

/// Serving without a server: a whole ranking, a start, a swap, and the paper's reason for distilling at all.
struct ServingSuite {
  let options: Options
  let log: (String) -> Void

  func rows() throws -> [Row] { try latency() + start() + directCost() }

  private func add(_ row: Row) -> [Row] {
    log(Table.line(row))
    return [row]
  }

  // MARK: A ranking

  /// One user mapping with 50 events, 100,000 items, 200 survivors through a conversion model.
  private func latency() throws -> [Row] {
    let fixture = try ServingFixture(items: 100_000)
    let service = try RankingService(path: fixture.path, calls: 1)
    let users = (0..<256).map { ServingFixture.user($0, items: fixture.items) }
    let count = options.quick ? 400 : 2000
    return try Cores.using(1) {
      var milliseconds: [Double] = []
      var stages: [String: [Double]] = [:]
      for i in 0..<count {
        let request = RankRequest(
          user: users[i % users.count], topK: 50, coarseTopK: 200, wantsStages: true)
        let begin = Instant.now()
        let answer = try service.rank(request)
        let took = Instant.now() - begin
        milliseconds.append(1000 * (options.clock == .wall ? took.wall : took.processor))
        precondition(answer.items.count == 50)
        for stage in answer.stages { stages[stage.name, default: []].append(1000 * stage.seconds) }
      }
      milliseconds.sort()
      let split = ["encode", "user", "coarse", "fine"].map { "\($0) \(stages[$0]!.median.digits(2))" }
      func row(_ name: String, _ value: Double, bar: Double, note: String) -> Row {
        Row(
          name: name, threads: 1, ours: value, peer: bar, peerName: "what was promised", ratio: bar / value, unit: "ms",
          note: note)
      }
      return add(
        row(
          "rank-100k-fine-200-p50", milliseconds[count / 2], bar: 5,
          note: "medians of the stages: \(split.joined(separator: ", "))"))
        + add(row("rank-100k-fine-200-p99", milliseconds[count * 99 / 100], bar: 12, note: "\(count) rankings"))
    }
  }

  // MARK: Start

  /// From nothing to the first answer with a million items, all bytes checked.
  private func start() throws -> [Row] {
    var rows: [Row] = []
    for (name, vocabulary) in [("start-1M-items", true), ("start-1M-items-hashed-ids", false)] {
      let fixture = try ServingFixture(items: 1_000_000, vocabulary: vocabulary, fine: false)
      let request = RankRequest(user: ServingFixture.user(1, items: fixture.items), topK: 10)
      var seconds: [Double] = []
      for _ in 0..<max(3, options.rounds) {
        let begin = Instant.now()
        let service = try RankingService(path: fixture.path)
        _ = try service.rank(request)
        seconds.append((Instant.now() - begin).wall)
      }
      rows += add(
        Row(
          name: name, threads: Cores.count, ours: seconds.median, peer: 2, peerName: "what was promised",
          ratio: 2 / seconds.median, unit: "s", note: "x 128, the files in the page cache"))
    }
    return rows
  }

  // MARK: The cost of using interacted features directly

  /// Section 1 of the paper: with features of user and item in the user mapping, it has to run once a candidate. Held
  /// against what the student does: one mapping and an inner product a candidate. The sequence block and the user's
  /// share of the first layer are taken once in both, the cheapest way to be direct.
  private func directCost() throws -> [Row] {
    let candidates = 100_000, user = 8 * 16 + 64, interacted = 8 * 16
    var layout = ParameterLayout()
    let activation = ActivationShape(batchNorm: true, leakySlope: 0.01)
    let mapping = JoinedStack<Float>(
      "user", inputWidths: [user, interacted], widths: [512, 256, 128], activation: activation, in: &layout)
    var weights = layout.initialValues(seed: 1)
    let scratch = Scratch()
    let (shared, own) = (scratch.matrix(1, user), scratch.matrix(candidates, interacted))
    let items = scratch.matrix(candidates, 128)
    let products = scratch.vector(candidates)
    let zeros = [Int32](repeating: 0, count: candidates)
    return try Cores.using(1) {
      try weights.withUnsafeMutableBufferPointer { weights in
        let arena = Arena<Float>()
        let pass = Pass(weights: weights.baseAddress!, gradients: weights.baseAddress!, arena: arena, mode: .evaluation)
        func map(_ rows: Range<Int>) {
          zeros.withUnsafeBufferPointer { index in
            arena.reset()
            let users = mapping.forward(
              [InputPart(shared, index: index.baseAddress), InputPart(own.rows(rows))], count: rows.count, pass
            ).matrix
            Float.pairDot(
              users, nil, items.rows(rows), nil, scale: 5, count: rows.count, into: products + rows.lowerBound)
          }
        }
        func direct() { for start in stride(from: 0, to: candidates, by: 1000) { map(start..<start + 1000) } }
        func student() {
          zeros.withUnsafeBufferPointer { index in
            arena.reset()
            let users = mapping.forward([InputPart(shared), InputPart(own.rows(0..<1))], count: 1, pass).matrix
            Float.pairDot(users, index.baseAddress, items, nil, scale: 5, count: candidates, into: products)
          }
        }
        func milliseconds(_ body: () -> Void) -> Double {
          let begin = Instant.now()
          body()
          let took = Instant.now() - begin
          return 1000 * (options.clock == .wall ? took.wall : took.processor)
        }
        direct()
        student()
        var pairs: [(direct: Double, student: Double)] = []
        for _ in 0..<options.rounds {
          let first = milliseconds(direct)
          pairs.append((first, (0..<20).map { _ in milliseconds(student) }.median))
        }
        return add(
          Row(
            name: "interacted-features-directly", threads: 1, ours: pairs.map(\.student).median,
            peer: pairs.map(\.direct).median, peerName: "100,000 user mappings",
            ratio: pairs.map { $0.direct / $0.student }.median, unit: "ms",
            note: "one user mapping and 100,000 inner products, naively"))
      }
    }
  }
}
