import Kernels

/// The three products of a linear layer y = x W. What a product needs laid out is laid out for that product alone;
/// who multiplies by one matrix many times prepares it once (`Scalar.prepare`).
extension Pass {
    /// y = finish(x W)
    func multiply(_ x: Operand<S>, _ w: Matrix<S>, into y: Matrix<S>, _ finish: Finish<S> = Finish()) {
        temporarily { S.product(x, transposed: false, prepare(w), into: Operand(y), finish) }
    }

    /// dW += x^T dy
    func addWeightGradient(_ x: Operand<S>, _ dy: Operand<S>, to dw: Matrix<S>) {
        temporarily {
            let right = S.prepare(dy, transposed: false, precision: precision, arena: arena)
            S.product(x, transposed: true, right, into: Operand(dw), Finish(adding: dw))
        }
    }

    /// dx = finish(dy W^T)
    func multiplyBack(_ dy: Operand<S>, _ w: Matrix<S>, into dx: Matrix<S>, _ finish: Finish<S> = Finish()) {
        temporarily { S.product(dy, transposed: false, prepare(w, transposed: true), into: Operand(dx), finish) }
    }

    func prepare(_ w: Matrix<S>, transposed: Bool = false) -> RightOperand<S> {
        S.prepare(w, transposed: transposed, precision: precision, arena: arena)
    }

    private func temporarily(_ body: () -> Void) {
        let mark = arena.mark
        body()
        arena.release(to: mark)
    }
}
