import Kernels

/// y = x / max(|x|, 1e-12) a row: the end of both mappings of the inner-product model (section 5.2).
public final class L2Normalise<S: Scalar>: Layer {
    public let inputWidth: Int
    public var outputWidth: Int { inputWidth }
    private var kept: (y: Matrix<S>, norms: UnsafeMutablePointer<S>)?

    public static var epsilon: S { 1e-12 }

    public init(width: Int) { inputWidth = width }

    @_specialize(where S == Float)
    public func forward(_ x: Operand<S>, _ pass: Pass<S>) -> Operand<S> {
        let x = x.matrix
        let y = pass.arena.matrix(x.rows, x.columns)
        let norms = pass.arena.allocate(x.rows)
        S.l2Normalize(x, epsilon: Self.epsilon, into: y, norms: norms)
        kept = (y, norms)
        return Operand(y)
    }

    @_specialize(where S == Float)
    public func backward(_ dy: Operand<S>, _ pass: Pass<S>) -> Operand<S> {
        guard let (y, norms) = kept else { preconditionFailure("L2Normalise: backward before forward") }
        let dx = pass.arena.matrix(y.rows, y.columns)
        S.l2NormalizeBackward(y, dy.matrix, norms: norms, epsilon: Self.epsilon, into: dx)
        return Operand(dx)
    }
}
