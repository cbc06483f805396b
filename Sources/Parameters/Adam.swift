import CKernels

/// Adam with bias correction (Kingma and Ba, 2015), the semantics of `torch.optim.Adam` without decay.
///
/// Lazy on tables: a row without a gradient does not move and its moments do not fade. Each row counts its
/// own updates, so that a rare row's first one is corrected like anybody's first; this is `torch.optim.Adam`
/// with each row a parameter of its own. (`torch.optim.SparseAdam` counts once a table; the first update
/// of a row seen late is then about three times as large.)
public struct Adam: Optimiser {
    public let beta1: Double
    public let beta2: Double
    public let epsilon: Float

    /// The defaults are PyTorch's.
    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Float = 1e-8) {
        precondition(
            0 <= beta1 && beta1 < 1 && 0 <= beta2 && beta2 < 1 && epsilon > 0,
            "Adam: betas \(beta1), \(beta2), epsilon \(epsilon)")
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    public var denseState: [OptimiserState] {
        [
            OptimiserState(name: "adam_mean", extent: .element, initialValue: 0),
            OptimiserState(name: "adam_square", extent: .element, initialValue: 0),
        ]
    }
    public var tableState: [OptimiserState] {
        denseState + [OptimiserState(name: "adam_step", extent: .row, initialValue: 0)]
    }

    public func update(_ span: DenseUpdate, learningRate: Float) {
        hs_adam(
            span.values, span.state(0), span.state(1), span.gradients, span.count, learningRate, beta1, beta2, epsilon,
            Double(span.step))
    }

    public func update(_ rows: RowUpdate, learningRate: Float) {
        hs_adam_rows(
            rows.values, rows.state(0), rows.state(1), rows.state(2), rows.gradients, rows.range, learningRate, beta1,
            beta2, epsilon)
    }
}
