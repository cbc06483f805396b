import Kernels

/// y = x W + b, W `[input, output]`. Without bias before batch normalisation, which would cancel it.
public final class Dense<S: Scalar>: Layer {
    public let inputWidth: Int
    public let outputWidth: Int
    private let weight: ParameterSlot
    private let bias: ParameterSlot?
    private var x: Matrix<S>?

    public init(_ name: String, input: Int, output: Int, bias: Bool, in layout: inout ParameterLayout) {
        inputWidth = input
        outputWidth = output
        weight = layout.add("\(name).weight", rows: input, columns: output, .uniform(fanIn: input))
        self.bias = bias ? layout.add("\(name).bias", columns: output, .uniform(fanIn: input)) : nil
    }

    public func forward(_ x: Matrix<S>, _ pass: Pass<S>) -> Matrix<S> {
        self.x = x
        let y = pass.arena.matrix(x.rows, outputWidth)
        S.gemm(x, transposed: false, pass.weight(weight), transposed: false, into: y, alpha: 1, beta: 0)
        if let bias { S.addRow(pass.weight(bias).base, to: y) }
        return y
    }

    public func backward(_ dy: Matrix<S>, _ pass: Pass<S>) -> Matrix<S> {
        guard let x else { preconditionFailure("Dense: backward before forward") }
        S.gemm(x, transposed: true, dy, transposed: false, into: pass.gradient(weight), alpha: 1, beta: 1)
        if let bias { S.addColumnSums(of: dy, to: pass.gradient(bias).base) }
        let dx = pass.arena.matrix(x.rows, inputWidth)
        S.gemm(dy, transposed: false, pass.weight(weight), transposed: true, into: dx, alpha: 1, beta: 0)
        return dx
    }
}
