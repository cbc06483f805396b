import Kernels
import Schema

/// The kernel calls of one training step by family, at the step's own shapes and on memory of their own, so that
/// each family can be timed alone. Mirrors `SequenceBlock`, `JoinedDense`, `BatchNormLeaky` and the rankers.
struct StepKernels {
  enum Family: String, CaseIterable {
    case products = "matrix products"
    case attention = "attention"
    case layerNorm = "layer norm"
    case batchNorm = "batch norm + leaky ReLU"
    case embeddings = "embedding rows: gather, sum gradients"
    case elementwise = "bias gradients, sums of copies, pooling"
    case output = "normalise, inner product, loss"
  }

  private(set) var calls: [Family: [() -> Void]] = [:]
  /// Counted as `Floor` counts them.
  private(set) var flops: [Family: Double] = [:]
  private let scratch = Scratch()
  private let arena = Arena<Float>()
  private let workload: Workload
  private var requests: Int { workload.requests }
  private var samples: Int { workload.batchSize }
  private let dimension = 16
  private var productPrecision: ProductPrecision {
    workload.precision == .bfloat16 ? .bfloat16 : .float32
  }

  init(_ workload: Workload) {
    self.workload = workload
    let run = workload.run
    let widths = InputWidths(run.schema)
    let hasTeacher = RunNetworks(run).teacher != nil
    let sequence = run.schema.sequence!.width
    sequenceBlock(width: sequence)
    gather(requests * workload.events, features: 4, idTables: 1)
    gather(samples, features: 8, idTables: 1)
    gather(requests, features: 8, idTables: 1)
    if workload.task == .ctr {
      mapping(requests, inputs: [widths.user - sequence, sequence], weighted: requests < samples)
      mapping(samples, inputs: [widths.item], weighted: false)
      innerProduct()
    } else {
      mlp(users: [widths.user - sequence, sequence], others: [widths.item])
    }
    loss()
    if hasTeacher {
      // The teacher gathers, and gives back, the user's and the item's rows once more.
      gather(requests, features: 8, idTables: 1)
      gather(samples, features: 8, idTables: 1)
      gather(samples, features: 8, idTables: 0)
      mlp(users: [widths.user - sequence, sequence], others: [widths.item, widths.privileged])
      loss()
      loss()
    }
  }

  func run(_ family: Family) { for call in calls[family] ?? [] { call() } }

  private mutating func add(_ family: Family, flops: Double = 0, _ call: @escaping () -> Void) {
    calls[family, default: []].append(call)
    self.flops[family, default: 0] += flops
  }

  // MARK: Networks

  private mutating func sequenceBlock(width n: Int) {
    let (heads, headDimension) = (4, 32)
    let inner = heads * headDimension
    let (requests, length) = (requests, workload.events)
    let events = requests * length
    linear(events, n, 3 * inner, narrow: [.y, .dy])
    linear(events, inner, n, narrow: [.x, .dx])
    linear(events, n, 4 * n, bias: true, narrow: [.y, .dy])
    linear(events, 4 * n, n, bias: true, narrow: [.x, .dx])
    layerNorm(events, n)
    layerNorm(events, n)

    let offsets = index((0...requests).map { Int32($0 * length) })
    let precision = productPrecision
    let (qkv, dqkv) = (
      scratch.operand(events, 3 * inner, precision), scratch.operand(events, 3 * inner, precision)
    )
    let (out, dout) = (
      scratch.operand(events, inner, precision), scratch.operand(events, inner, precision)
    )
    let logSumExp = scratch.vector(events * heads)
    let probabilities = scratch.vector(events * heads * Float.attentionRoom)
    add(.attention, flops: 6 * 2 * Double(events) * Double(length) * Double(inner)) {
      Float.attention(
        qkv: qkv, offsets: offsets, requests: requests, heads: heads, headDimension: headDimension,
        into: out, logSumExp: logSumExp, probabilities: probabilities)
      Float.attentionBackward(
        qkv: qkv, out: out, dout: dout, logSumExp: logSumExp, probabilities: probabilities, offsets: offsets,
        requests: requests, heads: heads, headDimension: headDimension, into: dqkv)
    }
    let (z, dz, pooled) = (
      scratch.matrix(events, n), scratch.matrix(events, n), scratch.matrix(requests, n)
    )
    add(.elementwise) {
      Float.meanPool(z, offsets: offsets, into: pooled)
      Float.meanPoolBackward(pooled, offsets: offsets, into: dz)
    }
  }

  /// Input-512-act-256-act-128, an input part a product.
  private mutating func mapping(_ rows: Int, inputs: [Int], weighted: Bool) {
    for (part, width) in inputs.enumerated() {
      linear(rows, width, 512, accumulates: part > 0, narrow: [.dy])
    }
    batchNorm(rows, 512, weighted: weighted)
    linear(rows, 512, 256, narrow: [.x, .dy])
    batchNorm(rows, 256, weighted: weighted)
    linear(rows, 256, 128, bias: true, narrow: [.x])
    let (x, y, dx, norms) = (
      scratch.matrix(rows, 128), scratch.matrix(rows, 128), scratch.matrix(rows, 128),
      scratch.vector(rows)
    )
    add(.output) {
      Float.l2Normalize(x, epsilon: 1e-12, into: y, norms: norms)
      Float.l2NormalizeBackward(y, x, norms: norms, epsilon: 1e-12, into: dx)
    }
  }

  /// Input-512-act-256-act-128-act-1; the user's part of the first layer once a request.
  private mutating func mlp(users: [Int], others: [Int]) {
    let (requests, samples) = (requests, samples)
    for width in users {
      linear(requests, width, 512)
      guard requests < samples else { continue }
      let userIndex = index((0..<samples).map { Int32($0 / workload.samplesPerRequest) })
      let (product, y) = (scratch.matrix(requests, 512), scratch.matrix(samples, 512))
      let (summed, dy) = (
        scratch.matrix(requests, 512), scratch.operand(samples, 512, productPrecision)
      )
      add(.elementwise) {
        Float.gatherAddRows(product, index: userIndex, into: y)
        summed.base.update(repeating: 0, count: summed.count)
        Float.scatterAddRows(dy, index: userIndex, into: summed)
      }
    }
    for width in others { linear(samples, width, 512, accumulates: true, narrow: [.dy]) }
    batchNorm(samples, 512, weighted: false)
    linear(samples, 512, 256, narrow: [.x, .dy])
    batchNorm(samples, 256, weighted: false)
    linear(samples, 256, 128, narrow: [.x, .dy])
    batchNorm(samples, 128, weighted: false)
    linear(samples, 128, 1, bias: true, narrow: [.x])
  }

  private mutating func innerProduct() {
    let (requests, samples) = (requests, samples)
    let userIndex = index((0..<samples).map { Int32($0 / workload.samplesPerRequest) })
    let (u, v) = (scratch.matrix(requests, 128), scratch.matrix(samples, 128))
    let (du, dv) = (scratch.matrix(requests, 128), scratch.matrix(samples, 128))
    let logits = scratch.vector(samples)
    add(.output, flops: 6 * 128 * Double(samples)) {
      Float.pairDot(u, userIndex, v, nil, scale: 5, count: samples, into: logits)
      du.base.update(repeating: 0, count: du.count)
      dv.base.update(repeating: 0, count: dv.count)
      Float.pairDotBackward(logits, u, userIndex, v, nil, scale: 5, count: samples, du: du, dv: dv)
    }
  }

  private mutating func loss() {
    let samples = samples
    let (x, target, weight, gradient) = (
      scratch.vector(samples), scratch.vector(samples), scratch.vector(samples),
      scratch.vector(samples)
    )
    add(.output) {
      Float.sigmoid(x, inverseTemperature: 1, into: gradient, count: samples)
      _ = Float.logLoss(
        x, target: target, weight: weight, scale: 1e-3, gradient: gradient, count: samples)
    }
  }

  // MARK: Layers, forward and backward

  /// A linear layer's input and output, and their gradients.
  private enum Side { case x, y, dx, dy }

  /// - Parameter narrow: what nothing but products read and write, so that it is narrow in bfloat16.
  private mutating func linear(
    _ rows: Int, _ inputs: Int, _ outputs: Int, bias: Bool = false, accumulates: Bool = false,
    narrow: Set<Side> = []
  ) {
    let precision = productPrecision
    func operand(_ side: Side, _ columns: Int) -> Operand<Float> {
      scratch.operand(rows, columns, narrow.contains(side) ? precision : .float32)
    }
    let (x, dx) = (operand(.x, inputs), operand(.dx, inputs))
    let (y, dy) = (operand(.y, outputs), operand(.dy, outputs))
    let (w, dw) = (scratch.matrix(inputs, outputs), scratch.matrix(inputs, outputs))
    let (b, db) = (scratch.vector(outputs), scratch.vector(outputs))
    let arena = arena
    add(.products, flops: 6 * Double(rows) * Double(inputs) * Double(outputs)) {
      let mark = arena.mark
      func right(_ operand: Operand<Float>, transposed: Bool = false) -> RightOperand<Float> {
        Float.prepare(operand, transposed: transposed, precision: precision, arena: arena)
      }
      let weights = Operand(w)
      Float.product(
        x, transposed: false, right(weights), into: y,
        Finish(adding: accumulates ? y.matrix : nil, bias: bias ? UnsafePointer(b) : nil))
      Float.product(x, transposed: true, right(dy), into: Operand(dw), Finish(adding: dw))
      Float.product(dy, transposed: false, right(weights, transposed: true), into: dx, Finish())
      arena.release(to: mark)
    }
    guard bias else { return }
    add(.elementwise) { Float.addColumnSums(of: dy, to: db) }
  }

  private mutating func batchNorm(_ rows: Int, _ width: Int, weighted: Bool) {
    let (x, dy) = (scratch.matrix(rows, width), scratch.matrix(rows, width))
    let (y, dx) = (
      scratch.operand(rows, width, productPrecision), scratch.operand(rows, width, productPrecision)
    )
    let vectors = (0..<6).map { _ in scratch.vector(width) }
    let multiplicity = weighted ? UnsafePointer(scratch.vector(rows)) : nil
    add(.batchNorm) {
      Float.weightedMoments(x, multiplicity: multiplicity, mean: vectors[0], variance: vectors[1])
      Float.normalizeLeaky(
        x, mean: vectors[0], rstd: vectors[1], gamma: vectors[2], beta: vectors[3], slope: 0.01,
        into: y)
      Float.normalizeLeakyBackward(
        x, dy, multiplicity: multiplicity, mean: vectors[0], rstd: vectors[1], gamma: vectors[2],
        beta: vectors[3], slope: 0.01, dgamma: vectors[4], dbeta: vectors[5], into: dx)
    }
  }

  private mutating func layerNorm(_ rows: Int, _ width: Int) {
    let (x, residual, sum, y) = (
      scratch.matrix(rows, width), scratch.matrix(rows, width), scratch.matrix(rows, width),
      scratch.matrix(rows, width)
    )
    let vectors = (0..<4).map { _ in scratch.vector(width) }
    let (mean, rstd) = (scratch.vector(rows), scratch.vector(rows))
    let dz = scratch.matrix(rows, width)
    add(.layerNorm) {
      Float.layerNorm(
        x, residual: residual, gamma: vectors[0], beta: vectors[1], epsilon: 1e-5, sum: sum,
        into: y,
        mean: mean, rstd: rstd)
      Float.layerNormBackward(
        sum: sum, y, gamma: vectors[0], mean: mean, rstd: rstd, dgamma: vectors[2],
        dbeta: vectors[3], into: dz)
    }
  }

  /// `features` columns of an input block from the pulled rows, and their gradients back.
  private mutating func gather(_ rows: Int, features: Int, idTables: Int) {
    let (x, dx) = (
      scratch.matrix(rows, features * dimension), scratch.matrix(rows, features * dimension)
    )
    var random = SplitMix64(state: 3)
    for feature in 0..<features {
      // Of 100,000 ids nearly all are distinct in a batch; of 1,000 a batch meets most.
      let distinct = feature < idTables ? rows : min(rows, workload.otherRows)
      let values = scratch.matrix(distinct, dimension)
      let gradients = scratch.matrix(distinct, dimension)
      let local = index(
        (0..<rows).map {
          feature < idTables ? Int32($0) : Int32.random(in: 0..<Int32(distinct), using: &random)
        })
      let columns = feature * dimension..<(feature + 1) * dimension
      add(.embeddings) {
        Float.gatherRows(values, index: local, into: x.columns(columns))
        gradients.base.update(repeating: 0, count: gradients.count)
        Float.scatterAddRows(dx.columns(columns), index: local, into: gradients)
      }
    }
  }

  private let integers = Arena<Int32>()
  private func index(_ values: [Int32]) -> UnsafePointer<Int32> {
    let copy = integers.allocate(values.count)
    for (i, value) in values.enumerated() { copy[i] = value }
    return UnsafePointer(copy)
  }
}
