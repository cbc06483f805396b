import Kernels

/// Layers one after another.
public final class LayerStack<S: Scalar>: Layer {
    private let layers: [any Layer<S>]
    public let inputWidth: Int
    public let outputWidth: Int

    public init(_ layers: [any Layer<S>], inputWidth: Int) {
        self.layers = layers
        self.inputWidth = inputWidth
        outputWidth = layers.last?.outputWidth ?? inputWidth
    }

    /// input -> widths[0] -> act -> ... -> widths.last, the last layer linear.
    public convenience init(
        _ name: String, input: Int, widths: [Int], activation: ActivationShape, in layout: inout ParameterLayout
    ) {
        var layers: [any Layer<S>] = []
        for i in widths.indices {
            let isLast = i == widths.count - 1
            layers.append(
                Dense<S>(
                    "\(name).\(i)", input: i == 0 ? input : widths[i - 1], output: widths[i],
                    bias: isLast || !activation.batchNorm, in: &layout))
            if !isLast { layers.append(activation.layer("\(name).\(i)", width: widths[i], in: &layout)) }
        }
        self.init(layers, inputWidth: input)
    }

    @_specialize(where S == Float)
    public func forward(_ x: Operand<S>, _ pass: Pass<S>) -> Operand<S> {
        layers.reduce(x) { $1.forward($0, pass) }
    }

    @_specialize(where S == Float)
    public func backward(_ dy: Operand<S>, _ pass: Pass<S>) -> Operand<S> {
        layers.reversed().reduce(dy) { $1.backward($0, pass) }
    }
}

/// What stands between two linear layers of every network of section 5.
public struct ActivationShape: Sendable, Hashable {
    public var batchNorm: Bool
    public var leakySlope: Double
    public init(batchNorm: Bool, leakySlope: Double) {
        self.batchNorm = batchNorm
        self.leakySlope = leakySlope
    }

    func layer<S: Scalar>(_ name: String, width: Int, in layout: inout ParameterLayout) -> any Layer<S> {
        batchNorm
            ? BatchNormLeaky<S>("\(name).norm", width: width, slope: leakySlope, in: &layout)
            : LeakyRelu<S>(width: width, slope: leakySlope)
    }
}

/// Joined input -> widths[0] -> act -> widths[1] -> act -> ... -> widths.last: the shape of the
/// mappings (whose last width is the vector's) and of the MLPs (whose last width is 1, the logit).
/// Linear layers followed by batch normalisation have no bias; the last one has.
public final class JoinedStack<S: Scalar> {
    private let first: JoinedDense<S>
    private let rest: LayerStack<S>
    public let outputWidth: Int

    /// - Parameter activateLast: whether an activation follows the last linear layer too (a shared
    ///   bottom that goes on into heads).
    public init(
        _ name: String, inputWidths: [Int], widths: [Int], activation: ActivationShape, activateLast: Bool = false,
        in layout: inout ParameterLayout
    ) {
        precondition(!widths.isEmpty, "JoinedStack: \(name) has no layers")
        func hasBias(_ i: Int) -> Bool { !activation.batchNorm || (i == widths.count - 1 && !activateLast) }
        first = JoinedDense("\(name).0", widths: inputWidths, output: widths[0], bias: hasBias(0), in: &layout)
        var layers: [any Layer<S>] = []
        if widths.count > 1 || activateLast { layers.append(activation.layer("\(name).0", width: widths[0], in: &layout)) }
        for i in widths.indices.dropFirst() {
            layers.append(
                Dense<S>("\(name).\(i)", input: widths[i - 1], output: widths[i], bias: hasBias(i), in: &layout))
            if i < widths.count - 1 || activateLast {
                layers.append(activation.layer("\(name).\(i)", width: widths[i], in: &layout))
            }
        }
        rest = LayerStack(layers, inputWidth: widths[0])
        outputWidth = widths[widths.count - 1]
    }

    @_specialize(where S == Float)
    public func forward(_ parts: [InputPart<S>], count: Int, _ pass: Pass<S>) -> Operand<S> {
        rest.forward(Operand(first.forward(parts, count: count, pass)), pass)
    }

    @_specialize(where S == Float)
    public func backward(_ dy: Operand<S>, _ pass: Pass<S>) -> [Matrix<S>] {
        first.backward(rest.backward(dy, pass), pass)
    }
}
