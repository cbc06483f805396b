import Kernels
import Layers

/// Sizes of an MLP ranker; `widths` are the hidden layers, the logit's layer comes on top.
public struct MLPShape: Sendable, Hashable {
    public var widths: [Int]
    public var shared: Int
    public var head: [Int]
    public var activation: ActivationShape

    public init(widths: [Int], shared: Int = 512, head: [Int] = [256, 128], activation: ActivationShape) {
        self.widths = widths
        self.shared = shared
        self.head = head
        self.activation = activation
    }
}

/// f = MLP([user, item, interaction]): the CVR model, the CTR teachers of LUPI, MD and PFD+MD, and, with
/// several tasks, MTL (sections 5.2 and 5.3). The first layer's products are taken once a distinct user
/// side and item side.
public final class MLPRanker<S: Scalar>: Ranker {
    private let stack: SharedStack<S>
    private let widths: RankerInputWidths
    private var count = 0

    public init(
        _ name: String, inputs: RankerInputWidths, shape: MLPShape, tasks: [String], in layout: inout ParameterLayout
    ) {
        widths = inputs
        stack = SharedStack(
            name, inputWidths: inputs.user + inputs.item + inputs.sample, widths: shape.widths + [1],
            shared: shape.shared, head: shape.head + [1], tasks: tasks, activation: shape.activation, in: &layout)
    }

    @_specialize(where S == Float)
    public func forward(_ inputs: RankerInputs<S>, _ pass: Pass<S>) -> [UnsafeMutablePointer<S>] {
        let batch = inputs.batch
        count = batch.count
        let parts =
            inputs.user.map { InputPart($0, index: batch.userIndex) }
            + inputs.item.map { InputPart($0, index: batch.itemIndex) } + inputs.sample.map { InputPart($0) }
        return stack.forward(parts, count: batch.count, pass.over(nil)).map(\.base)
    }

    @_specialize(where S == Float)
    public func backward(_ gradients: [UnsafeMutablePointer<S>], _ pass: Pass<S>) -> RankerInputGradients<S> {
        let parts = stack.backward(
            gradients.map { Matrix(base: $0, rows: count, columns: 1) }, pass.over(nil))
        let users = widths.user.count
        let items = widths.item.count
        return RankerInputGradients(
            user: Array(parts[..<users]), item: Array(parts[users..<(users + items)]),
            sample: Array(parts[(users + items)...]))
    }
}
