import Foundation
import Logs
import Schema
import Training

extension Suites {
  /// How much faster logs can be read than trained on, and whether reading them while training costs anything.
  func input() throws -> [Row] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "hindsight-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try writeLog(to: folder.appendingPathComponent("log.parquet"))

    // Ids through a learnt vocabulary, as the shipped run files have them.
    let schema = Workload.schema(length: 50, encoding: .vocabulary(minCount: 1, maxSize: nil))
    var logs = LogsConfiguration(train: ["log.parquet"])
    logs.shuffleWindow = 32_768
    // No budget for blocks in memory: each epoch decodes anew.
    let dataset = try Dataset(logs: logs, schema: schema, baseFolder: folder, memoryBudget: 0)
    let encoder = try dataset.fitEncoder()
    let prepared = try dataset.prepare(
      encoder: encoder, into: folder.appendingPathComponent("prepared"))
    func batches(_ provider: any BatchProvider) throws -> any BatchSource {
      try provider.batches(
        .train, encoder: encoder, batchSize: 1024, seed: 1, shuffle: true, deduplicate: true)
    }

    var workload = Workload.ctrBaseline
    workload.sequenceLength = 50
    let run = workload.run
    let training = StreamContender(run, encoder: encoder, try collected(batches(dataset)))
    let streaming = StreamContender(run, encoder: encoder, try batches(dataset))
    let readers: [(String, any Contender)] = [
      ("parquet-to-batches", ReadingContender(try batches(dataset))),
      ("prepared-to-batches", ReadingContender(try batches(prepared))),
      ("train-from-parquet", streaming),
    ]
    let slices = try takeTurns(
      readers.map(\.1) + [training], rounds: options.rounds, seconds: options.sliceSeconds)
    // Readers use several threads: their cost is the processor's. Training while reading is timed by the wall.
    return readers.indices.map { i in
      let isTraining = readers[i].0 == "train-from-parquet"
      func rates(_ slices: [Slice]) -> [Double] {
        slices.map { $0.samples / (isTraining ? $0.took.wall : $0.took.processor) }
      }
      let (ours, theirs) = (rates(slices[i]), rates(slices[readers.count]))
      let row = Row(
        name: readers[i].0, threads: 1, ours: ours.median, peer: theirs.median,
        peerName: "hindsight training, batches in memory",
        ratio: zip(ours, theirs).map { $0 / $1 }.median,
        unit: isTraining ? "samples/s" : "samples/core-s",
        note: isTraining
          ? "one worker; decoding on a thread beside it" : "all threads' processor time")
      log(Table.line(row))
      return row
    }
  }

  private func writeLog(to file: URL) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      options.python, options.folder.appendingPathComponent("make_log.py").path, file.path,
      "--requests",
      options.quick ? "5120" : "20480",
    ]
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw BenchmarkError("make_log.py failed; its message is above")
    }
  }

  private func collected(_ source: any BatchSource) throws -> any BatchSource {
    var batches: [Batch] = []
    try source.seek(epoch: 0, batches: 0)
    while batches.count < 32, let batch = try source.next() { batches.append(batch) }
    let cycle = TimedBatches(batches)
    return cycle
  }
}

/// Reads batches and drops them.
private final class ReadingContender: Contender {
  private let source: any BatchSource
  private var epoch = 0

  init(_ source: any BatchSource) { self.source = source }

  func slice(seconds: Double) throws -> Slice {
    let start = Instant.now()
    var samples = 0
    // Whole epochs: what is read ahead when the clock is looked at would be paid for and not counted.
    repeat {
      try source.seek(epoch: epoch, batches: 0)
      while let batch = try source.next() { samples += batch.count }
      epoch += 1
    } while Instant.now().wall - start.wall < seconds
    return Slice(samples: Double(samples), took: Instant.now() - start)
  }
}

/// Trains on a source, epoch after epoch.
private final class StreamContender: Contender {
  private let engine: TrainingEngine
  private let source: any BatchSource
  private var epoch = 0

  init(_ run: RunConfiguration, encoder: FittedEncoder, _ source: any BatchSource) {
    engine = TrainingEngine(run, tableRows: encoder.tableRows)
    self.source = source
  }

  func slice(seconds: Double) throws -> Slice {
    try source.seek(epoch: epoch, batches: 0)
    epoch += 1
    _ = try engine.train(source, steps: 4, lambda: 0.5, learningRate: 0.01)
    let start = Instant.now()
    var samples = 0
    while Instant.now().wall - start.wall < seconds {
      let done = try engine.train(source, steps: 8, lambda: 0.5, learningRate: 0.01)
      samples += done
      if done < 8 * 1024 {
        try source.seek(epoch: epoch, batches: 0)
        epoch += 1
      }
    }
    return Slice(samples: Double(samples), took: Instant.now() - start)
  }
}
