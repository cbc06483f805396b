import Foundation
import Logs
import Schema
import Training

/// Something that does the same work as others and is timed against them.
protocol Contender: AnyObject {
  /// Works for about so long.
  func slice(seconds: Double) throws -> Slice
}

/// `[contender][round]`, the contenders taking turns: A B C A B C ...
func takeTurns(
  _ contenders: [any Contender], rounds: Int, seconds: Double, beforeRound: () -> Void = {}
) throws -> [[Slice]] {
  var slices = contenders.map { _ in [Slice]() }
  for _ in 0..<rounds {
    beforeRound()
    for (i, contender) in contenders.enumerated() {
      slices[i].append(try contender.slice(seconds: seconds))
    }
  }
  return slices
}

/// Hands out the same batches again and again until its time is over.
final class TimedBatches: BatchSource {
  private let batches: [Batch]
  private var position = 0
  private var end = Double.infinity

  init(_ batches: [Batch]) { self.batches = batches }

  func start(seconds: Double) { end = Instant.now().wall + seconds }

  func next() -> Batch? {
    guard Instant.now().wall < end else { return nil }
    defer { position += 1 }
    return batches[position % batches.count]
  }

  func seek(epoch: Int, batches: Int) {}
}

/// Hindsight's training engine on batches in memory.
final class EngineContender: Contender {
  let engine: TrainingEngine
  private let source: TimedBatches

  init(_ workload: Workload, batches: [Batch]? = nil) throws {
    engine = TrainingEngine(workload.run, tableRows: workload.tableRows)
    source = TimedBatches(batches ?? workload.batches())
    _ = try engine.train(source, steps: 8, lambda: 0.5, learningRate: 0.01)
  }

  func slice(seconds: Double) throws -> Slice {
    source.start(seconds: seconds)
    let start = Instant.now()
    let samples = try engine.train(source, steps: .max, lambda: 0.5, learningRate: 0.01)
    return Slice(samples: Double(samples), took: Instant.now() - start)
  }

  /// Dense weights and embedding values.
  var parameters: (dense: Int, embeddings: Int) {
    (
      engine.server.denseLayout.filter { $0.kind == .weight }.reduce(0) { $0 + $1.count },
      engine.server.tables.reduce(0) { $0 + $1.count }
    )
  }
}

/// Ind&Async: the teacher is trained, then the student, by a `Trainer`, which is what knows the two phases.
final class TwoPhaseContender: Contender {
  private let workload: Workload
  private let batches: [Batch]

  init(_ workload: Workload) {
    self.workload = workload
    batches = workload.batches()
  }

  func slice(seconds: Double) throws -> Slice {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "hindsight-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let source = PhasedBatches(batches, seconds: seconds / 2)
    let trainer = Trainer(
      workload.run, tableRows: workload.tableRows,
      data: RunData(train: source, trainRows: workload.batchSize), folder: RunFolder(folder.path),
      runHash: "benchmark", onEvent: { _ in })
    _ = try trainer.train(resume: false)
    // A sample goes through both phases.
    let phases = source.phases.filter { $0.samples > 0 }
    func perSample(_ time: KeyPath<Instant, Double>) -> Double {
      phases.reduce(0) { $0 + $1.took[keyPath: time] / $1.samples }
    }
    precondition(phases.count == 2, "TwoPhaseContender: \(phases.count) phases")
    return Slice(
      samples: 1, took: Instant(wall: perSample(\.wall), processor: perSample(\.processor)))
  }
}

/// As `TimedBatches`, anew for each phase; the first batches of a phase warm up and are not timed.
private final class PhasedBatches: BatchSource {
  private let batches: [Batch]
  private let seconds: Double
  private let warmUp = 4
  private var position = 0
  private var started: Instant?
  private(set) var phases: [Slice] = []

  init(_ batches: [Batch], seconds: Double) {
    self.batches = batches
    self.seconds = seconds
  }

  func seek(epoch: Int, batches: Int) {
    position = 0
    started = nil
  }

  func next() -> Batch? {
    if position == warmUp { started = .now() }
    if let started {
      let took = Instant.now() - started
      if took.wall >= seconds {
        phases.append(Slice(samples: Double((position - warmUp) * batches[0].count), took: took))
        return nil
      }
    }
    defer { position += 1 }
    return batches[position % batches.count]
  }
}
