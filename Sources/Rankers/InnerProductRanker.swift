import Kernels
import Layers

/// Sizes of the inner-product model.
public struct InnerProductShape: Sendable, Hashable {
    /// Layers of both mappings; the last is the vector's length.
    public var mapping: [Int]
    /// MTL only: the shared first layer and the layers of each task's own mapping.
    public var shared: Int
    public var head: [Int]
    /// The factor on the inner product, 5 in the paper.
    public var scale: Double
    /// Whether the factor is learnt, with a bias (p can then fall below sigmoid(-5) = 0.67 %).
    public var learnedScale: Bool
    public var activation: ActivationShape

    public init(
        mapping: [Int], shared: Int = 512, head: [Int] = [256, 128], scale: Double, learnedScale: Bool,
        activation: ActivationShape
    ) {
        self.mapping = mapping
        self.shared = shared
        self.head = head
        self.scale = scale
        self.learnedScale = learnedScale
        self.activation = activation
    }
}

/// f = scale <Phi_u(X_u), Phi_i(X_i)> (PFD, Eq. 3): the coarse-grained ranker. Without sample inputs the
/// user mapping runs once a distinct user side, as when serving; with them (the teacher of PFD, whose
/// privileged features "are put at the user side") once a sample.
public final class InnerProductRanker<S: Scalar>: Ranker {
    private let userMapping: SharedStack<S>
    private let itemMapping: SharedStack<S>
    private let normalise: [(user: L2Normalise<S>, item: L2Normalise<S>)]
    private let factors: [(scale: ParameterSlot, bias: ParameterSlot)]
    private let scale: S
    private let widths: RankerInputWidths
    private var kept: Kept?

    private struct Kept {
        let batch: BoundBatch<S>
        let user: [Matrix<S>]
        let item: [Matrix<S>]
        let cosines: [UnsafeMutablePointer<S>]
    }

    public init(
        _ name: String, inputs: RankerInputWidths, shape: InnerProductShape, tasks: [String],
        in layout: inout ParameterLayout
    ) {
        widths = inputs
        scale = S(shape.scale)
        func mapping(_ side: String, _ widths: [Int], _ layout: inout ParameterLayout) -> SharedStack<S> {
            SharedStack(
                "\(name).\(side)", inputWidths: widths, widths: shape.mapping, shared: shape.shared,
                head: shape.head, tasks: tasks, activation: shape.activation, in: &layout)
        }
        userMapping = mapping("user", inputs.user + inputs.sample, &layout)
        itemMapping = mapping("item", inputs.item, &layout)
        let vector = tasks.count == 1 ? shape.mapping[shape.mapping.count - 1] : shape.head[shape.head.count - 1]
        normalise = tasks.map { _ in (L2Normalise(width: vector), L2Normalise(width: vector)) }
        var factors: [(scale: ParameterSlot, bias: ParameterSlot)] = []
        if shape.learnedScale {
            for task in tasks {
                let prefix = tasks.count == 1 ? name : "\(name).\(task)"
                factors.append(
                    (
                        layout.add("\(prefix).scale", columns: 1, .constant(shape.scale)),
                        layout.add("\(prefix).bias", columns: 1, .constant(0))
                    ))
            }
        }
        self.factors = factors
    }

    /// Whether the user mapping runs once a sample.
    private var isPerSample: Bool { !widths.sample.isEmpty }

    @_specialize(where S == Float)
    public func forward(_ inputs: RankerInputs<S>, _ pass: Pass<S>) -> [UnsafeMutablePointer<S>] {
        let batch = inputs.batch
        let userParts: [InputPart<S>]
        if isPerSample {
            userParts = inputs.user.map { InputPart($0, index: batch.userIndex) } + inputs.sample.map { InputPart($0) }
        } else {
            userParts = inputs.user.map { InputPart($0) }
        }
        let users = userMapping.forward(
            userParts, count: isPerSample ? batch.count : batch.userCount, userPass(pass, batch))
        let items = itemMapping.forward(
            inputs.item.map { InputPart($0) }, count: batch.itemCount, pass.over(batch.itemMultiplicity))
        let userVectors = zip(normalise, users).map { $0.user.forward($1, pass) }
        let itemVectors = zip(normalise, items).map { $0.item.forward($1, pass) }
        let cosines = zip(userVectors, itemVectors).map { user, item in
            let out = pass.arena.allocate(batch.count)
            S.pairDot(
                user, isPerSample ? nil : batch.userIndex, item, batch.itemIndex, scale: factors.isEmpty ? scale : 1,
                count: batch.count, into: out)
            return out
        }
        kept = Kept(batch: batch, user: userVectors, item: itemVectors, cosines: cosines)
        guard !factors.isEmpty else { return cosines }
        return zip(factors, cosines).map { slots, cosine in
            let logits = pass.arena.zeros(batch.count, 1)
            S.axpy(pass.weight(slots.scale)[0, 0], cosine, logits.base, count: batch.count)
            S.addRow(pass.weight(slots.bias).base, to: logits)
            return logits.base
        }
    }

    @_specialize(where S == Float)
    public func backward(_ gradients: [UnsafeMutablePointer<S>], _ pass: Pass<S>) -> RankerInputGradients<S> {
        guard let kept else { preconditionFailure("InnerProductRanker: backward before forward") }
        let batch = kept.batch
        var userGradients: [Matrix<S>] = []
        var itemGradients: [Matrix<S>] = []
        for task in gradients.indices {
            let d = Matrix(base: gradients[task], rows: batch.count, columns: 1)
            var factor = scale
            if !factors.isEmpty {
                factor = pass.weight(factors[task].scale)[0, 0]
                let cosine = Matrix(base: kept.cosines[task], rows: batch.count, columns: 1)
                S.gemm(
                    cosine, transposed: true, d, transposed: false, into: pass.gradient(factors[task].scale), alpha: 1,
                    beta: 1)
                S.addColumnSums(of: d, to: pass.gradient(factors[task].bias).base)
            }
            let user = kept.user[task]
            let item = kept.item[task]
            let du = pass.arena.zeros(user.rows, user.columns)
            let dv = pass.arena.zeros(item.rows, item.columns)
            S.pairDotBackward(
                d.base, user, isPerSample ? nil : batch.userIndex, item, batch.itemIndex, scale: factor,
                count: batch.count, du: du, dv: dv)
            userGradients.append(normalise[task].user.backward(du, pass))
            itemGradients.append(normalise[task].item.backward(dv, pass))
        }
        let userParts = userMapping.backward(userGradients, userPass(pass, batch))
        let itemParts = itemMapping.backward(itemGradients, pass.over(batch.itemMultiplicity))
        let users = widths.user.count
        return RankerInputGradients(
            user: Array(userParts[..<users]), item: itemParts, sample: Array(userParts[users...]))
    }

    private func userPass(_ pass: Pass<S>, _ batch: BoundBatch<S>) -> Pass<S> {
        pass.over(isPerSample ? nil : batch.userMultiplicity)
    }
}
