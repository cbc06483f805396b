import Kernels

/// Matrices of small random numbers for kernels that are timed alone.
final class Scratch {
  private let arena = Arena<Float>()
  private var random = SplitMix64(state: 7)

  func matrix(_ rows: Int, _ columns: Int) -> Matrix<Float> {
    let matrix = arena.matrix(rows, columns)
    for i in 0..<rows * columns { matrix.base[i] = number() }
    return matrix
  }

  func operand(_ rows: Int, _ columns: Int, _ precision: ProductPrecision) -> Operand<Float> {
    let operand = arena.operand(rows, columns, precision)
    for r in 0..<rows { for c in 0..<columns { operand[r, c] = number() } }
    return operand
  }

  private func number() -> Float { Float(Int64(bitPattern: random.next()) >> 40) * 0x1p-24 }

  func vector(_ count: Int) -> UnsafeMutablePointer<Float> { matrix(1, count).base }
}
