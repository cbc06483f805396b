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

    @_specialize(where S == Float)
    public func forward(_ x: Operand<S>, _ pass: Pass<S>) -> Operand<S> {
        S.leakyRelu(x.matrix, slope: slope)
        y = x.matrix
        return x
    }

    @_specialize(where S == Float)
    public func backward(_ dy: Operand<S>, _ pass: Pass<S>) -> Operand<S> {
        guard let y else { preconditionFailure("LeakyRelu: backward before forward") }
        S.leakyReluBackward(y, dy.matrix, slope: slope)
        return dy
    }
}
