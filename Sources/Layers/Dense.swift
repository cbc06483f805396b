import Kernels

/// y = x W + b, W `[input, output]`. Without bias before batch normalisation, which would cancel it.
public final class Dense<S: Scalar>: Layer {
    public let inputWidth: Int
    public let outputWidth: Int
    private let weight: ParameterSlot
    private let bias: ParameterSlot?
    private var x: Operand<S>?

    public init(_ name: String, input: Int, output: Int, bias: Bool, in layout: inout ParameterLayout) {
        inputWidth = input
        outputWidth = output
        weight = layout.add("\(name).weight", rows: input, columns: output, .uniform(fanIn: input))
        self.bias = bias ? layout.add("\(name).bias", columns: output, .uniform(fanIn: input)) : nil
    }

    @_specialize(where S == Float)
    public func forward(_ x: Operand<S>, _ pass: Pass<S>) -> Operand<S> {
        self.x = x
        let y = pass.arena.matrix(x.rows, outputWidth)
        pass.multiply(x, pass.weight(weight), into: y, Finish(bias: bias.map { UnsafePointer(pass.weight($0).base) }))
        return Operand(y)
    }

    @_specialize(where S == Float)
    public func backward(_ dy: Operand<S>, _ pass: Pass<S>) -> Operand<S> {
        guard let x else { preconditionFailure("Dense: backward before forward") }
        pass.addWeightGradient(x, dy, to: pass.gradient(weight))
        if let bias { S.addColumnSums(of: dy, to: pass.gradient(bias).base) }
        let dx = pass.arena.matrix(x.rows, inputWidth)
        pass.multiplyBack(dy, pass.weight(weight), into: dx)
        return Operand(dx)
    }
}
