import Kernels

/// Leaky ReLU alone, for networks without batch normalisation. Works in place on its input.
public final class LeakyRelu<S: Scalar>: Layer {
    public let inputWidth: Int
    public var outputWidth: Int { inputWidth }
    private let slope: S
    private var y: Matrix<S>?

    public init(width: Int, slope: Double) {
        inputWidth = width
        self.slope = S(slope)
    }

    public func forward(_ x: Matrix<S>, _ pass: Pass<S>) -> Matrix<S> {
        S.leakyRelu(x, slope: slope)
        y = x
        return x
    }

    public func backward(_ dy: Matrix<S>, _ pass: Pass<S>) -> Matrix<S> {
        guard let y else { preconditionFailure("LeakyRelu: backward before forward") }
        S.leakyReluBackward(y, dy, slope: slope)
        return dy
    }
}
