import Foundation
import Kernels
import Schema
import Training

/// The measurements, a suite a bar of the issue: each makes contenders, lets them take turns, and gives rows.
struct Suites {
  let options: Options
  let peak: GemmPeak
  let log: (String) -> Void

  private struct Entry {
    var name: String
    var contender: any Contender
    var flopsPerSample: Double?
  }

  /// Lets contenders take turns, and looks for the peak before each: rates `[contender][round]`, peaks `[round]`.
  private func measure(_ contenders: [any Contender], threads: Int) throws -> (
    rates: [[Double]], peaks: [Double]
  ) {
    var peaks: [Double] = []
    let slices = try takeTurns(
      contenders, rounds: options.rounds, seconds: options.sliceSeconds,
      beforeRound: { peaks.append(peak.look(threads: threads)) })
    return (slices.map { $0.map { $0.rate(options.clock, threads: threads) } }, peaks)
  }

  /// Lets the entries take turns; a row for each but the reference, which is what the others are held against.
  private func compare(_ entries: [Entry], against reference: Entry, threads: Int) throws -> [Row] {
    let all = entries + [reference]
    let (rates, peaks) = try measure(all.map(\.contender), threads: threads)
    let peers = rates[rates.count - 1]
    return zip(entries, rates).map { entry, ours in
      let row = Row(
        name: entry.name, threads: threads, ours: ours.median, peer: peers.median,
        peerName: reference.name,
        ratio: zip(ours, peers).map { $0 / $1 }.median,
        floorFraction: entry.flopsPerSample.map { flops in
          zip(ours, peaks).map { flops * $0 / $1 }.median
        })
      log(Table.line(row))
      return row
    }
  }

  private func engine(_ name: String, _ workload: Workload) throws -> Entry {
    Entry(
      name: name, contender: try EngineContender(workload),
      flopsPerSample: Floor.flopsPerSample(workload))
  }

  // MARK: PyTorch

  /// Each workload beside PyTorch, plain and, where samples share a request, deduplicated.
  func peers(threads: Int, greeting: (PeerContender.Greeting) -> Void) throws -> [Row] {
    let workloads: [Workload] = [.ctrBaseline, .ctrShareStar, .cvrBaseline, .cvrShare]
    return try workloads.flatMap { workload in
      try Cores.using(threads) {
        let workload = workload.with { $0.workers = threads }
        let ours = try EngineContender(workload)
        let ways = workload.samplesPerRequest > 1 ? [true, false] : [false]
        let peers = try ways.map { deduplicated in
          let peer = try PeerContender(
            workload, deduplicated: deduplicated, threads: threads,
            script: options.folder.appendingPathComponent("peers/pytorch_peer.py"),
            python: options.python)
          try check(workload, ours.parameters, peer.greeting)
          greeting(peer.greeting)
          return peer
        }
        let (rates, peaks) = try measure([ours] + peers, threads: threads)
        return zip(ways, rates.dropFirst()).map { deduplicated, theirs in
          let row = Row(
            name: workload.name, threads: threads, ours: rates[0].median, peer: theirs.median,
            peerName: deduplicated ? "pytorch-deduplicated" : "pytorch-plain",
            ratio: zip(rates[0], theirs).map { $0 / $1 }.median,
            floorFraction: zip(rates[0], peaks).map { Floor.flopsPerSample(workload) * $0 / $1 }
              .median)
          log(Table.line(row))
          return row
        }
      }
    }
  }

  private func check(
    _ workload: Workload, _ ours: (dense: Int, embeddings: Int), _ theirs: PeerContender.Greeting
  ) throws {
    guard ours.dense == theirs.parameters, ours.embeddings == theirs.embedding_parameters else {
      throw BenchmarkError(
        "\(workload.name) is not the same model: \(ours.dense) dense and \(ours.embeddings) embedding parameters,"
          + " PyTorch has \(theirs.parameters) and \(theirs.embedding_parameters)")
    }
  }

  // MARK: Precision

  /// Products of bfloat16, held against our own float32 ones.
  func precision() throws -> [Row] {
    guard Processor.hasBFloat16 else {
      log("bfloat16 needs a processor with AVX512_BF16")
      return []
    }
    return try [Workload.ctrBaseline, .ctrShareStar, .cvrBaseline].flatMap { workload in
      try Cores.using(1) {
        let rounded = workload.with { $0.precision = .bfloat16 }
        var rows = try compare(
          [engine(workload.name, rounded)], against: engine("hindsight float32", workload),
          threads: 1)
        for i in rows.indices {
          rows[i].precision = rounded.precision.rawValue
          rows[i].note = "the floor is that of float32"
        }
        return rows
      }
    }
  }

  // MARK: Manners

  /// PFD+MD for CTR in each training manner, held against the baseline: the paper's Tables 7 and 8.
  func manners() throws -> [Row] {
    try Cores.using(1) {
      let pfdMD = Workload.ctrShareStar
      let baseline = try engine("hindsight baseline", .ctrBaseline)
      let asynchronous = pfdMD.with { $0.manner = Manner(inputs: .independent, synchronous: false) }
      let manners: [(String, Workload)] = [
        ("ind_async", asynchronous),
        ("ind_sync", pfdMD.with { $0.manner = Manner(inputs: .independent, synchronous: true) }),
        ("share_sync", pfdMD.with { $0.manner = Workload.share }),
        ("share*_sync", pfdMD),
      ]
      let entries = try manners.map { name, workload in
        workload.manner.synchronous
          ? try engine("manner-\(name)", workload)
          : Entry(
            name: "manner-\(name)", contender: TwoPhaseContender(workload),
            flopsPerSample: Floor.flopsPerSample(workload))
      }
      return try zip(compare(entries, against: baseline, threads: 1), manners).map { row, manner in
        var row = row
        let flops = Floor.flopsPerSample(manner.1) / Floor.flopsPerSample(.ctrBaseline)
        row.note =
          "time \((1 / row.ratio).digits(2))x the baseline's, operations \(flops.digits(2))x"
        return row
      }
    }
  }

  // MARK: Workers

  func workers() throws -> [Row] {
    guard Cores.count > 1 else {
      log("two workers need two cores; this process may use one")
      return []
    }
    return try [false, true].flatMap { synchronous in
      // As the input's threads would: the single worker may use whichever core is free.
      try Cores.using(2) {
        let workload = Workload.ctrBaseline.with { $0.synchronousWorkers = synchronous }
        let one = try engine("hindsight one worker", workload)
        let two = try engine(
          "two-workers-\(synchronous ? "synchronous" : "asynchronous")",
          workload.with { $0.workers = 2 })
        return try compare([two], against: one, threads: 2)
      }
    }
  }

  // MARK: Embedding tables

  func tables() throws -> [Row] {
    var rows = [rowWiseMemory()]
    log(Table.line(rows[0]))
    for (name, total) in [("10M", 10_000_000)] + (options.large ? [("100M", 100_000_000)] : []) {
      try Cores.using(1) {
        let large = Workload.ctrBaseline.with { $0.idRows = total / 2 }
        let small = Workload.ctrBaseline.with { $0.idRows = 50_000 }
        // So many that the rows of one round of them do not stay in the caches.
        let (largeBatches, smallBatches) = (large.batches(256), small.batches(256))
        let before = residentBytes()
        let contender = try EngineContender(large, batches: largeBatches)
        _ = try contender.slice(seconds: options.sliceSeconds)
        let resident = residentBytes() - before
        let bytes = contender.engine.server.byteCount
        let accounted = Double(bytes.values + bytes.state)
        rows.append(
          Row(
            name: "memory-\(name)-rows", threads: 1, ours: resident / 1e6, peer: accounted / 1e6,
            peerName: "parameters + optimiser state", ratio: resident / accounted, unit: "MB",
            note: "resident, all rows and their optimiser state"))
        log(Table.line(rows[rows.count - 1]))
        let flops = Floor.flopsPerSample(large)
        rows += try compare(
          [Entry(name: "rows-\(name)", contender: contender, flopsPerSample: flops)],
          against: Entry(
            name: "hindsight 100 k rows",
            contender: try EngineContender(small, batches: smallBatches),
            flopsPerSample: flops), threads: 1
        ).map { row in
          var row = row
          row.note = "uniform ids, so rows of the large tables miss the caches"
          return row
        }
      }
    }
    return rows
  }

  private func rowWiseMemory() -> Row {
    func bytes(rowWise: Bool) -> Double {
      let workload = Workload.ctrBaseline.with {
        $0.rowWiseAdagrad = rowWise
        $0.idRows = 1_000_000
      }
      let bytes = TrainingEngine(workload.run, tableRows: workload.tableRows).server.byteCount
      return Double(bytes.values + bytes.state) / 1e6
    }
    let (rowWise, full) = (bytes(rowWise: true), bytes(rowWise: false))
    return Row(
      name: "memory-row-wise-adagrad", threads: 1, ours: rowWise, peer: full,
      peerName: "hindsight Adagrad",
      ratio: rowWise / full, unit: "MB", note: "parameters and optimiser state of 2 M rows")
  }

  // MARK: Sequences

  /// Sequences of 10 events where k is 50, held against full ones and against k = 10.
  func sequences() throws -> [Row] {
    try Cores.using(1) {
      let short = Workload.ctrBaseline.with { $0.events = 10 }
      let exact = Workload.ctrBaseline.with { ($0.sequenceLength, $0.events) = (10, 10) }
      let ours = try engine("sequences-10-of-50", short)
      let full = try engine("hindsight 50 of 50", .ctrBaseline)
      let smaller = try engine("sequences-10-of-10", exact)
      var rows = try compare([ours, smaller], against: full, threads: 1)
      rows[0].note =
        "the same work as 10 of 10: \((rows[0].ours / rows[1].ours).digits(2))x its rate"
      return rows
    }
  }
}

/// Resident memory of this process.
func residentBytes() -> Double {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
  // Eight digits and more leave no blank but the tab before them.
  return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first).flatMap { Double($0) }.map { $0 * 1024 }
    ?? .nan
}
