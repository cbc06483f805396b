import CKernels

/// Adagrad, the paper's optimiser (Duchi et al., 2011), with the semantics of `torch.optim.Adagrad`:
/// sum += g^2; w -= rate g / (sqrt(sum) + epsilon).
public struct Adagrad: Optimiser {
    public let initialAccumulator: Float
    public let epsilon: Float

    /// The defaults are PyTorch's. Non-negative accumulator, positive epsilon.
    public init(initialAccumulator: Float = 0, epsilon: Float = 1e-10) {
        precondition(
            initialAccumulator >= 0 && epsilon > 0, "Adagrad: accumulator \(initialAccumulator), epsilon \(epsilon)")
        self.initialAccumulator = initialAccumulator
        self.epsilon = epsilon
    }

    public var denseState: [OptimiserState] {
        [OptimiserState(name: "adagrad_sum", extent: .element, initialValue: initialAccumulator)]
    }
    public var tableState: [OptimiserState] { denseState }

    public func update(_ span: DenseUpdate, learningRate: Float) {
        hs_adagrad(span.values, span.state(0), span.gradients, span.count, learningRate, epsilon)
    }

    public func update(_ rows: RowUpdate, learningRate: Float) {
        hs_adagrad_rows(rows.values, rows.state(0), rows.gradients, rows.range, learningRate, epsilon)
    }
}
