import Foundation
import Kernels
import Schema
import Synchronization
import Training

/// The floor of a step: the floating-point operations that its networks cannot do without, over the rate that the
/// machine can do them at.
enum Floor {
  /// Forward and backward of one step: 6 operations a multiply-add, of matrix products and attention only.
  /// Whatever is computed once a request or item is counted so; what backward recomputes is not counted.
  static func flops(ofStep workload: Workload) -> Double {
    // A shorter sequence is a network of that length.
    let run = workload.with { $0.sequenceLength = $0.events }.run
    func multiplyAdds(_ network: NetworkShape?) -> Double {
      guard let cost = network?.multiplyAdds else { return 0 }
      return cost.perRequest * Double(workload.requests)
        + (cost.perItem + cost.perSample) * Double(workload.batchSize)
    }
    let networks = RunNetworks(run)
    let trained = networks.all.reduce(0) { $0 + multiplyAdds($1.network) }
    // Ind&Async: the finished teacher is read once more, by the student.
    let readAgain =
      networks.teacher != nil && !workload.manner.synchronous
      ? multiplyAdds(networks.teacher) + multiplyAdds(networks.teacherSequence) : 0
    return 6 * trained + 2 * readAgain
  }

  static func flopsPerSample(_ workload: Workload) -> Double {
    flops(ofStep: workload) / Double(workload.batchSize)
  }
}

/// oneDNN's best rate, looked for in every round: the clock of a processor drifts by some percent within minutes, and a
/// share of the peak is, as all ratios are, one of figures from the same round.
final class GemmPeak {
  private let clock: Clock
  private var best: [Int: Double] = [:]

  init(_ clock: Clock) { self.clock = clock }

  /// Floating-point operations a second of `threads` threads together, the best of all looks.
  func flopsPerSecond(threads: Int) -> Double { best[threads] ?? .nan }

  /// The best of 30 pairs of products, of three sizes: other work on the machine only ever makes the peak look lower.
  func look(threads: Int) -> Double {
    let seen = Cores.using(threads) {
      let pool = WorkerPool(count: threads)
      return [(1024, 512, 512), (1024, 1024, 1024), (2048, 512, 1024)].reduce(0.0) { most, size in
        max(most, (try? rate(pool, threads: threads, size.0, size.1, size.2)) ?? 0)
      }
    }
    best[threads] = max(best[threads] ?? 0, seen)
    return seen
  }

  private func rate(_ pool: WorkerPool, threads: Int, _ m: Int, _ n: Int, _ k: Int) throws -> Double
  {
    let best = Mutex(0.0)
    let clock = threads == 1 ? clock : .wall
    try pool.run { _ in
      let scratch = Scratch()
      let (a, b, c) = (scratch.matrix(m, k), scratch.matrix(k, n), scratch.matrix(m, n))
      for _ in 0..<10 {
        let start = Instant.now()
        for _ in 0..<2 {
          OneDNN.gemm(a, transposed: false, b, transposed: false, into: c, alpha: 1, beta: 0)
        }
        let took = Instant.now() - start
        let rate =
          2 * 2 * Double(m) * Double(n) * Double(k) / (clock == .wall ? took.wall : took.processor)
        best.withLock { $0 = max($0, rate) }
      }
    }
    // All threads ran at once, so the best of one is what each can do beside the others.
    return best.withLock { $0 } * Double(threads)
  }
}
