import Distillation
import Kernels
import Logs
import Parameters
import Training

/// Where a step's time goes, without a timer in the step: its stages are public and are timed one by one; inside
/// forward and backward each kernel family is timed alone at the step's shapes. What the families leave of their stage
/// is everything that is not a kernel, and what caches give a family that runs alone. Times are the best of the rounds,
/// as the peak is: other work on the machine only ever adds.
struct Roofline {
  let options: Options

  func rows(_ workload: Workload) throws -> [RooflineRow] {
    try Cores.using(1) {
      let stages = try stages(workload)
      let total = stages.reduce(0) { $0 + $1.seconds }
      func row(_ family: String, _ seconds: Double, flops: Double? = nil, isPart: Bool = false)
        -> RooflineRow
      {
        RooflineRow(
          workload: workload.name, family: family, milliseconds: seconds * 1e3,
          share: seconds / total,
          gigaflops: flops.map { $0 / seconds * 1e-9 }, isPart: isPart)
      }
      var rows: [RooflineRow] = []
      for stage in stages {
        let isNetwork = stage.name == Self.networks
        rows.append(
          row(stage.name, stage.seconds, flops: isNetwork ? Floor.flops(ofStep: workload) : nil))
        guard isNetwork else { continue }
        let kernels = StepKernels(workload)
        var left = stage.seconds
        for family in StepKernels.Family.allCases {
          let seconds = time { kernels.run(family) }
          left -= seconds
          let flops = kernels.flops[family] ?? 0
          rows.append(
            row(family.rawValue, seconds, flops: flops > 1e6 ? flops : nil, isPart: true))
        }
        rows.append(row("left over: not kernels, caches", left, isPart: true))
      }
      rows.append(row("whole step", total, flops: Floor.flops(ofStep: workload)))
      return rows
    }
  }

  private static let networks = "forward and backward"

  /// What `Worker` does in a step, stage by stage.
  private func stages(_ workload: Workload) throws -> [(name: String, seconds: Double)] {
    let engine = try EngineContender(workload).engine
    let server = engine.server
    let graph = DistillationGraph<Float>(engine.plan)
    let batch = workload.batches(1)[0]
    let count = graph.layout.count
    // One worker reads parameters where they are.
    let weights = server.denseInPlace!
    let gradients = UnsafeMutablePointer<Float>.allocate(capacity: count)
    defer { gradients.deallocate() }
    gradients.initialize(repeating: 0, count: count)
    let tables = graph.exchange.tables.indices
    for (number, table) in graph.exchange.tables.enumerated() {
      graph.exchange.read(
        number,
        in: Matrix(
          base: server.rowsInPlace(table: number)!, rows: table.rows, columns: table.dimension))
    }
    let options = StepOptions(lambda: 0.5, lossScale: 1 / Double(workload.batchSize))

    func pushRows() {
      for table in tables {
        let rows = graph.exchange.rows(table)
        if !rows.isEmpty {
          server.pushRows(
            table: table, rows: rows, gradients: graph.exchange.gradients(table).base,
            learningRate: 1e-6)
        }
      }
    }
    func check() -> Bool {
      Float.areFinite(gradients, count: count)
        && tables.allSatisfy {
          let gradient = graph.exchange.gradients($0)
          return Float.areFinite(gradient.base, count: gradient.count)
        }
    }
    let names = [
      "distinct rows of the batch", Self.networks, "check for NaN", "push rows (Adagrad)",
      "push dense weights (Adagrad)",
    ]
    // One after another as in a step, so that each finds the caches as the one before left them.
    var seconds = names.map { _ in [Double]() }
    func lap(_ stage: Int, _ work: () -> Void) {
      let start = Instant.now()
      work()
      seconds[stage].append(elapsed(Instant.now() - start))
    }
    for _ in 0..<rounds {
      lap(0) { graph.bind(batch) }
      lap(1) {
        gradients.update(repeating: 0, count: count)
        _ = graph.train(batch.targets, options: options, weights: weights, gradients: gradients)
      }
      lap(2) { precondition(check()) }
      lap(3, pushRows)
      lap(4) { server.pushDense(gradients, learningRate: 1e-6) }
    }
    return zip(names, seconds).map { ($0, $1.min()!) }
  }

  private var rounds: Int { options.quick ? 15 : 50 }

  private func time(_ work: () -> Void) -> Double {
    work()
    return (0..<rounds).map { _ in
      let start = Instant.now()
      work()
      return elapsed(Instant.now() - start)
    }.min()!
  }

  private func elapsed(_ took: Instant) -> Double {
    options.clock == .wall ? took.wall : took.processor
  }
}
