import CKernels

/// Stochastic gradient descent without state: w -= rate g.
public struct SGD: Optimiser {
    public init() {}

    public var denseState: [OptimiserState] { [] }
    public var tableState: [OptimiserState] { [] }

    public func update(_ span: DenseUpdate, learningRate: Float) {
        hs_sgd(span.values, span.gradients, span.count, learningRate)
    }

    public func update(_ rows: RowUpdate, learningRate: Float) {
        hs_sgd_rows(rows.values, rows.gradients, rows.range, learningRate)
    }
}
