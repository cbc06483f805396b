import CKernels

/// Adagrad that keeps one sum a table row, the mean of the squares of the row's gradient (FBGEMM's
/// `EXACT_ROWWISE_ADAGRAD`, TorchRec's `RowWiseAdagrad`): half of Adagrad's memory at large dimensions.
/// Dense parameters get plain Adagrad.
public struct RowWiseAdagrad: Optimiser {
    private let dense: Adagrad

    public init(initialAccumulator: Float = 0, epsilon: Float = 1e-10) {
        dense = Adagrad(initialAccumulator: initialAccumulator, epsilon: epsilon)
    }

    public var denseState: [OptimiserState] { dense.denseState }
    public var tableState: [OptimiserState] {
        [OptimiserState(name: "rowwise_adagrad_sum", extent: .row, initialValue: dense.initialAccumulator)]
    }

    public func update(_ span: DenseUpdate, learningRate: Float) {
        dense.update(span, learningRate: learningRate)
    }

    public func update(_ rows: RowUpdate, learningRate: Float) {
        hs_rowwise_adagrad_rows(rows.values, rows.state(0), rows.gradients, rows.range, learningRate, dense.epsilon)
    }
}
