import Kernels

/// One part of a joined input: rows that several samples may share.
public struct InputPart<S: Scalar> {
    public let matrix: Matrix<S>
    /// Output row -> row of `matrix`; nil is the identity.
    public let index: UnsafePointer<Int32>?

    public init(_ matrix: Matrix<S>, index: UnsafePointer<Int32>? = nil) {
        self.matrix = matrix
        self.index = index
    }
}

/// The first layer over a concatenation of parts, y = [x_1, x_2, ...] W, with each part's product taken
/// once a *distinct* row: [x_1, x_2] W = x_1 W_1 + x_2 W_2, and rows that repeat repeat their products.
///
/// Gradients are summed over the copies before the products of the backward pass, so the cost there is
/// that of the distinct rows too.
public final class JoinedDense<S: Scalar> {
    public let widths: [Int]
    public let outputWidth: Int
    private let weight: ParameterSlot
    private let bias: ParameterSlot?
    private var parts: [InputPart<S>] = []

    public init(_ name: String, widths: [Int], output: Int, bias: Bool, in layout: inout ParameterLayout) {
        self.widths = widths
        outputWidth = output
        let input = widths.reduce(0, +)
        weight = layout.add("\(name).weight", rows: input, columns: output, .uniform(fanIn: input))
        self.bias = bias ? layout.add("\(name).bias", columns: output, .uniform(fanIn: input)) : nil
    }

    /// `[count, outputWidth]`. Parts must stay unchanged until `backward`.
    @_specialize(where S == Float)
    public func forward(_ parts: [InputPart<S>], count: Int, _ pass: Pass<S>) -> Matrix<S> {
        precondition(
            parts.map(\.matrix.columns) == widths, "JoinedDense: widths \(parts.map(\.matrix.columns)), expected \(widths)")
        self.parts = parts
        let y = pass.arena.matrix(count, outputWidth)
        let weights = pass.weight(weight)
        var row = 0
        for (number, part) in parts.enumerated() {
            let w = weights.rows(row..<(row + widths[number]))
            row += widths[number]
            if let index = part.index {
                let product = pass.arena.matrix(part.matrix.rows, outputWidth)
                pass.multiply(Operand(part.matrix), w, into: product)
                if number == 0 {
                    S.gatherRows(product, index: index, into: y)
                } else {
                    S.gatherAddRows(product, index: index, into: y)
                }
            } else {
                pass.multiply(Operand(part.matrix), w, into: y, Finish(adding: number == 0 ? nil : y))
            }
        }
        if let bias { S.addRow(pass.weight(bias).base, to: y) }
        return y
    }

    /// The gradient of each part.
    @_specialize(where S == Float)
    public func backward(_ dy: Operand<S>, _ pass: Pass<S>) -> [Matrix<S>] {
        if let bias { S.addColumnSums(of: dy, to: pass.gradient(bias).base) }
        let weights = pass.weight(weight)
        let gradients = pass.gradient(weight)
        var row = 0
        return parts.enumerated().map { number, part in
            let rows = row..<(row + widths[number])
            row += widths[number]
            var summed = dy
            if let index = part.index {
                let sums = pass.arena.zeros(part.matrix.rows, outputWidth)
                S.scatterAddRows(dy, index: index, into: sums)
                summed = Operand(sums)
            }
            pass.addWeightGradient(Operand(part.matrix), summed, to: gradients.rows(rows))
            let dx = pass.arena.matrix(part.matrix.rows, widths[number])
            pass.multiplyBack(summed, weights.rows(rows), into: dx)
            return dx
        }
    }
}
