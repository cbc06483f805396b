import Kernels

/// y = gamma (z - mean) / sqrt(variance + 1e-5) + beta a row, of z = x + residual.
public final class LayerNorm<S: Scalar> {
    public let width: Int
    private let gamma: ParameterSlot
    private let beta: ParameterSlot
    private var kept: (sum: Matrix<S>, mean: UnsafeMutablePointer<S>, rstd: UnsafeMutablePointer<S>)?

    public static var epsilon: S { 1e-5 }

    public init(_ name: String, width: Int, in layout: inout ParameterLayout) {
        self.width = width
        gamma = layout.add("\(name).gamma", columns: width, .constant(1))
        beta = layout.add("\(name).beta", columns: width, .constant(0))
    }

    public func forward(_ x: Matrix<S>, residual: Matrix<S>?, _ pass: Pass<S>) -> Matrix<S> {
        let sum = pass.arena.matrix(x.rows, width)
        let y = pass.arena.matrix(x.rows, width)
        let mean = pass.arena.allocate(x.rows)
        let rstd = pass.arena.allocate(x.rows)
        S.layerNorm(
            x, residual: residual, gamma: pass.weight(gamma).base, beta: pass.weight(beta).base,
            epsilon: Self.epsilon, sum: sum, into: y, mean: mean, rstd: rstd)
        kept = (sum, mean, rstd)
        return y
    }

    /// The gradient of x, which is also that of the residual.
    public func backward(_ dy: Matrix<S>, _ pass: Pass<S>) -> Matrix<S> {
        guard let (sum, mean, rstd) = kept else { preconditionFailure("LayerNorm: backward before forward") }
        let dz = pass.arena.matrix(sum.rows, width)
        S.layerNormBackward(
            sum: sum, dy, gamma: pass.weight(gamma).base, mean: mean, rstd: rstd, dgamma: pass.gradient(gamma).base,
            dbeta: pass.gradient(beta).base, into: dz)
        return dz
    }
}
