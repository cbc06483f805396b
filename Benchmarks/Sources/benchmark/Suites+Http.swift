import Foundation

extension Suites {
  /// Whole requests of `POST /v1/rank` to a server in a process of its own. The load generator is a second process on
  /// the same cores: what it needs, the server does not have.
  func http() throws -> [Row] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "hindsight-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let kept = options.workload.map { URL(fileURLWithPath: $0, isDirectory: true) }
    let workload = try ServedWorkload(in: kept ?? folder, options: options, log: log)
    let server = try ServerProcess(options.hindsight, serving: workload.versions[0], in: folder)
    let session = ServedSession(server: server, workload: workload, options: options, cores: Cores.count)
    var rows: [Row] = []
    func note(_ more: [Row]) {
      more.forEach { log(Table.line($0)) }
      rows += more
    }
    let (capacity, row) = try session.capacity()
    note([row])
    note(try session.halfLoad(capacity))
    note(try session.swaps(capacity))
    note(try session.overload(capacity))
    try server.stop()
    return rows
  }
}

/// The measurements of the suite `http`, on one server.
struct ServedSession {
  let server: ServerProcess
  let workload: ServedWorkload
  let options: Options
  let cores: Int

  /// Requests with swaps going on, of which none may fail.
  private var swapRequests: Int { options.quick ? 1_000 : 100_000 }
  static let swapSeconds = 5.0
  /// Of a window with swaps and of one without: one of each a round.
  private var windowSeconds: Double { options.quick ? 11 : 20 }

  private func run(
    rate: Double? = nil, connections: Int, seconds: Double, requests: Int? = nil, warmUp: Double = 1,
    interrupts: Bool = true, seed: Int
  ) throws -> LoadRun {
    try LoadRun.measure(
      server, workload.bodies, options: options, rate: rate, connections: connections, seconds: seconds,
      requests: requests, warmUp: warmUp, interrupts: interrupts, seed: seed)
  }

  private func row(_ name: String, _ ours: Double, _ peerName: String, _ peer: Double, unit: String, note: String) -> Row {
    Row(
      name: name, threads: cores, ours: ours, peer: peer, peerName: peerName, ratio: ours / peer, unit: unit, note: note)
  }

  // MARK: Capacity

  /// Good answers a second, with as many requests under way as give the most.
  func capacity() throws -> (capacity: Double, row: Row) {
    let counts = [2, 4, 8, 16]
    _ = try run(connections: 4, seconds: 1, warmUp: options.quick ? 1 : 5, seed: 0)
    var runs = counts.map { _ in [LoadRun]() }
    for round in 1...options.rounds {
      for (i, connections) in counts.enumerated() {
        let run = try run(connections: connections, seconds: options.sliceSeconds, seed: round)
        guard run.failed == 0 else {
          throw BenchmarkError("\(connections) connections: \(run.failed) of \(run.requests) failed: \(run.statuses) \(run.failures)")
        }
        runs[i].append(run)
      }
    }
    let rates = runs.map { $0.map(\.okPerSecond).median }
    let best = rates.indices.max { rates[$0] < rates[$1] }!
    let costs = runs[best].compactMap { run in run.serverProcessorSeconds.map { $0 / Double(run.ok) } }
    let generator = runs[best].map { $0.ownProcessorSeconds / Double($0.ok) }.median
    let ideal = Double(cores) / costs.median
    return (
      rates[best],
      row(
        "rank-capacity", rates[best], "processor time alone", ideal, unit: "requests/s",
        note: "closed loop, \(counts[best]) connections; a request costs the server \((costs.median * 1e3).digits(2)) ms of "
          + "processor time, the generator \((generator * 1e3).digits(2)) ms")
    )
  }

  // MARK: Half load

  func halfLoad(_ capacity: Double) throws -> [Row] {
    let rate = capacity / 2
    let runs = try (1...options.rounds).map {
      try run(rate: rate, connections: 256, seconds: options.quick ? 3 : 20, seed: $0)
    }
    let failed = runs.reduce(0) { $0 + $1.failed }
    let count = runs.reduce(0) { $0 + $1.requests }
    let latencies = try runs.map { try latency($0) }
    let delay = runs.compactMap { $0.delay?.p99 }.median
    let note = "\(rate.digits(0)) arrivals/s; \(count) requests, \(failed) failed; p90 \(latencies.map(\.p90).median.digits(2)) ms, "
      + "p99.9 \(latencies.map(\.p999).median.digits(2)) ms; the generator's own delay p99 \(delay.digits(2)) ms"
    return [("p50", latencies.map(\.p50), 5.0), ("p99", latencies.map(\.p99), 12.0)].map { name, values, bar in
      row("rank-half-load-\(name)", values.median, "the bar", bar, unit: "ms", note: note)
    }
  }

  private func latency(_ run: LoadRun) throws -> LoadRun.Latency {
    guard let latency = run.latency else {
      throw BenchmarkError("not one good answer of \(run.requests): \(run.statuses) \(run.failures)")
    }
    return latency
  }

  // MARK: Hot swap

  /// Windows with a swap every five seconds, and windows without, by turns, at half load; then as many requests as are
  /// wanted, as fast as they are answered, with swaps going on.
  func swaps(_ capacity: Double) throws -> [Row] {
    let rate = capacity / 2
    var (pairs, ratios) = ([(still: Double, swapping: Double)](), [Double]())
    var (sent, failed, swaps, stillFailed) = (0, 0, 0, 0)
    var reasons: [String: Int] = [:]
    var versions = Set<String>()
    func whileSwapping(_ measure: () throws -> LoadRun) throws -> LoadRun {
      let swapper = Swapper(server, workload.versions, everySeconds: Self.swapSeconds)
      let run: LoadRun
      do {
        run = try measure()
      } catch {
        _ = try? swapper.stop()
        throw error
      }
      swaps += try swapper.stop()
      // Each window begins with the version that the swapper takes it to begin with.
      try server.load(workload.versions[0])
      sent += run.requests
      failed += run.failed
      run.statuses.filter { $0.key != "200" }.forEach { reasons["status \($0.key)", default: 0] += $0.value }
      reasons["no answer", default: 0] += run.failures.total
      versions.formUnion(run.tally.keys)
      return run
    }
    for round in 1...options.rounds {
      let still = try run(rate: rate, connections: 256, seconds: windowSeconds, seed: 2 * round)
      let swapping = try whileSwapping {
        try run(rate: rate, connections: 256, seconds: windowSeconds, seed: 2 * round + 1)
      }
      pairs.append((try latency(still).p99, try latency(swapping).p99))
      ratios.append(pairs[round - 1].swapping / pairs[round - 1].still)
      stillFailed += still.failed
    }
    let inWindows = swaps
    let left = max(1, swapRequests - sent)
    // The time is a limit, for a server that has stopped to answer.
    _ = try whileSwapping {
      try run(connections: 8, seconds: 10 + 4 * Double(left) / capacity, requests: left, seed: 99)
    }
    guard versions.count == workload.versions.count else {
      throw BenchmarkError("expected answers of \(workload.versions.count) versions, found \(versions.sorted())")
    }
    var p99 = row(
      "rank-swap-p99", pairs.map(\.swapping).median, "hindsight without swaps", pairs.map(\.still).median, unit: "ms",
      note: "\(inWindows) swaps, one every \(Self.swapSeconds.digits(0)) s, at half load; both versions answered")
    p99.ratio = ratios.median
    let why = reasons.filter { $0.value > 0 }.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", ")
    return [
      p99,
      row(
        "rank-swap-failed", Double(failed), "requests", Double(sent), unit: "failed",
        note: "\(why.isEmpty ? "every request was answered with 200" : why), \(swaps) swaps; half load, then a closed loop of "
          + "8 connections; without swaps \(stillFailed) failed"),
    ]
  }

  // MARK: Overload

  /// Three times as many arrivals as can be answered. Goodput alone is asked for: the generator, which has the server's
  /// cores, takes turns with it and does not interrupt it, as arrivals from other machines would not.
  func overload(_ capacity: Double) throws -> [Row] {
    let before = try run(connections: 8, seconds: options.quick ? 2 : 10, seed: 100)
    let run = try run(rate: capacity * 3, connections: 512, seconds: options.quick ? 8 : 60, interrupts: false, seed: 101)
    let after = try self.run(connections: 8, seconds: options.quick ? 2 : 10, seed: 102)
    // The machine may have changed since the capacity was found: it is looked at again on both sides.
    let capacityNow = [before.okPerSecond, after.okPerSecond].median
    let statuses = run.statuses.sorted { $0.key < $1.key }.map { "\($0.value) x \($0.key)" }.joined(separator: ", ")
    let fair = run.timeline.dropLast().min().map { "; the worst second \($0)" } ?? ""
    var rows = [
      row(
        "rank-overload-goodput", run.okPerSecond, "capacity just before and after", capacityNow, unit: "requests/s",
        note: "\((capacity * 3).digits(0)) arrivals/s for \(run.seconds.digits(0)) s: \(statuses), "
          + "\(run.failures.total) without an answer; p99 of good answers "
          + "\(run.latency.map { $0.p99.digits(0) } ?? "-") ms\(fair); the generator took "
          + "\((run.ownProcessorSeconds / run.seconds / Double(cores) * 100).digits(1)) % of the cores")
    ]
    if let memory = run.memory, let idle = before.memory {
      rows.append(
        row(
          "rank-overload-memory", memory.maximum, "at capacity, before", idle.last, unit: "MiB",
          note: "resident; \(memory.first.digits(0)) MiB at the start, \(memory.last.digits(0)) MiB at the end"))
    }
    return rows
  }
}
