import Kernels

/// Whether batch statistics are measured (and gradients wanted) or the running ones used.
public enum Mode: Sendable {
    case training, evaluation
}

/// What a layer needs to run once over a batch: the pulled weights, where gradients go, scratch memory.
public struct Pass<S: Scalar> {
    /// The flat buffer of dense parameters (see `ParameterLayout`).
    public var weights: UnsafeMutablePointer<S>
    /// Same layout. Weight gradients are *added*; statistics are written.
    public var gradients: UnsafeMutablePointer<S>
    public var arena: Arena<S>
    public var mode: Mode
    /// How many samples each row of the current input stands for (nil: one each). Batch statistics
    /// weigh rows by it, so that a deduplicated batch gives what the undeduplicated one would.
    public var multiplicity: UnsafePointer<S>?
    /// What matrix products round their inputs to.
    public var precision: ProductPrecision

    public init(
        weights: UnsafeMutablePointer<S>, gradients: UnsafeMutablePointer<S>, arena: Arena<S>, mode: Mode,
        multiplicity: UnsafePointer<S>? = nil, precision: ProductPrecision = .float32
    ) {
        self.weights = weights
        self.gradients = gradients
        self.arena = arena
        self.mode = mode
        self.multiplicity = multiplicity
        self.precision = precision
    }

    public func weight(_ slot: ParameterSlot) -> Matrix<S> {
        Matrix(base: weights + slot.offset, rows: slot.rows, columns: slot.columns)
    }
    public func gradient(_ slot: ParameterSlot) -> Matrix<S> {
        Matrix(base: gradients + slot.offset, rows: slot.rows, columns: slot.columns)
    }
    /// The same pass for rows with these multiplicities.
    public func over(_ multiplicity: UnsafePointer<S>?) -> Pass {
        var copy = self
        copy.multiplicity = multiplicity
        return copy
    }
}

/// A differentiable function of the rows of one matrix. A layer belongs to one worker: it remembers,
/// from `forward` until the arena is reset, what `backward` needs.
///
/// Layers are called through `any Layer`. `@_specialize` on what a step calls gives it a body for `Float`; the generic one
/// looks up types as it goes, which was 0.7 % of a step.
public protocol Layer<S>: AnyObject {
    associatedtype S: Scalar
    var inputWidth: Int { get }
    var outputWidth: Int { get }
    /// `[rows, inputWidth] -> [rows, outputWidth]`. The input must stay unchanged until `backward`. Only a layer that a
    /// linear one follows, and nothing else, may give something narrow.
    func forward(_ x: Operand<S>, _ pass: Pass<S>) -> Operand<S>
    /// The gradient of the output in (it may be overwritten), of the input out. Adds the parameters'
    /// gradients to `pass.gradients`. May run more than once after one `forward`.
    func backward(_ dy: Operand<S>, _ pass: Pass<S>) -> Operand<S>
}

extension Layer {
    /// From a matrix to a matrix: where the layer at either end gives nothing narrow.
    public func forward(_ x: Matrix<S>, _ pass: Pass<S>) -> Matrix<S> { forward(Operand(x), pass).matrix }
    public func backward(_ dy: Matrix<S>, _ pass: Pass<S>) -> Matrix<S> { backward(Operand(dy), pass).matrix }
}
