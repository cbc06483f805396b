import Kernels

/// Batch normalisation, then leaky ReLU: "We use LeakyReLU as the activation and insert batch
/// normalization before it" (section 5.1).
///
/// y = leaky(gamma (x - mean) / sqrt(variance + 1e-5) + beta). Training uses the batch's moments, rows
/// weighted by their multiplicity, and reports them (the variance unbiased, as PyTorch's running
/// variance) for the moving average; evaluation uses the running ones. It stands between linear layers, so that in
/// bfloat16 its output and the gradient of its input are narrow.
public final class BatchNormLeaky<S: Scalar>: Layer {
    public let inputWidth: Int
    public var outputWidth: Int { inputWidth }
    private let slope: S
    private let gamma: ParameterSlot
    private let beta: ParameterSlot
    private let runningMean: ParameterSlot
    private let runningVariance: ParameterSlot
    private var kept: (x: Matrix<S>, mean: UnsafeMutablePointer<S>, rstd: UnsafeMutablePointer<S>)?

    public static var epsilon: S { 1e-5 }

    public init(_ name: String, width: Int, slope: Double, in layout: inout ParameterLayout) {
        inputWidth = width
        self.slope = S(slope)
        gamma = layout.add("\(name).gamma", columns: width, .constant(1))
        beta = layout.add("\(name).beta", columns: width, .constant(0))
        runningMean = layout.add("\(name).running_mean", columns: width, kind: .statistic, .constant(0))
        runningVariance = layout.add("\(name).running_variance", columns: width, kind: .statistic, .constant(1))
    }

    @_specialize(where S == Float)
    public func forward(_ x: Operand<S>, _ pass: Pass<S>) -> Operand<S> {
        let x = x.matrix
        let mean = pass.arena.allocate(inputWidth)
        let rstd = pass.arena.allocate(inputWidth)
        switch pass.mode {
        case .training:
            let total = sampleCount(rows: x.rows, pass.multiplicity)
            let unbiased: S = total > 1 ? total / (total - 1) : 1
            let reportedMean = pass.gradient(runningMean).base
            let reportedVariance = pass.gradient(runningVariance).base
            S.weightedMoments(x, multiplicity: pass.multiplicity, mean: mean, variance: rstd)
            for c in 0..<inputWidth {
                reportedMean[c] = mean[c]
                reportedVariance[c] = rstd[c] * unbiased
                rstd[c] = 1 / (rstd[c] + Self.epsilon).squareRoot()
            }
        case .evaluation:
            let m = pass.weight(runningMean).base
            let v = pass.weight(runningVariance).base
            for c in 0..<inputWidth {
                mean[c] = m[c]
                rstd[c] = 1 / (v[c] + Self.epsilon).squareRoot()
            }
        }
        let y = pass.arena.operand(x.rows, inputWidth, pass.precision)
        S.normalizeLeaky(
            x, mean: mean, rstd: rstd, gamma: pass.weight(gamma).base, beta: pass.weight(beta).base, slope: slope,
            into: y)
        kept = (x, mean, rstd)
        return y
    }

    /// Only after a training-mode `forward`.
    @_specialize(where S == Float)
    public func backward(_ dy: Operand<S>, _ pass: Pass<S>) -> Operand<S> {
        guard let (x, mean, rstd) = kept, pass.mode == .training else {
            preconditionFailure("BatchNormLeaky: backward needs a training-mode forward")
        }
        let dx = pass.arena.operand(x.rows, inputWidth, pass.precision)
        S.normalizeLeakyBackward(
            x, dy.matrix, multiplicity: pass.multiplicity, mean: mean, rstd: rstd, gamma: pass.weight(gamma).base,
            beta: pass.weight(beta).base, slope: slope, dgamma: pass.gradient(gamma).base,
            dbeta: pass.gradient(beta).base, into: dx)
        return dx
    }

    private func sampleCount(rows: Int, _ multiplicity: UnsafePointer<S>?) -> S {
        guard let multiplicity else { return S(rows) }
        var total: S = 0
        for r in 0..<rows { total += multiplicity[r] }
        return total
    }
}
