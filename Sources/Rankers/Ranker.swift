import Kernels
import Layers

/// The inputs of a network as matrices, entity by entity.
public struct RankerInputs<S: Scalar> {
    public let batch: BoundBatch<S>
    public let user: [Matrix<S>]
    public let item: [Matrix<S>]
    public let sample: [Matrix<S>]

    public init(batch: BoundBatch<S>, user: [Matrix<S>], item: [Matrix<S>], sample: [Matrix<S>]) {
        self.batch = batch
        self.user = user
        self.item = item
        self.sample = sample
    }
}

/// Gradients of `RankerInputs`, matrix for matrix.
public struct RankerInputGradients<S: Scalar> {
    public let user: [Matrix<S>]
    public let item: [Matrix<S>]
    public let sample: [Matrix<S>]
}

/// Widths of the matrices in `RankerInputs`.
public struct RankerInputWidths: Sendable, Hashable {
    public var user: [Int]
    public var item: [Int]
    public var sample: [Int]

    public init(user: [Int], item: [Int], sample: [Int]) {
        self.user = user
        self.item = item
        self.sample = sample
    }
}

/// A network from inputs to one logit a sample and task.
public protocol Ranker<S>: AnyObject {
    associatedtype S: Scalar
    /// `[count]` logits for each task, the main task first.
    func forward(_ inputs: RankerInputs<S>, _ pass: Pass<S>) -> [UnsafeMutablePointer<S>]
    /// From the logits' gradients to the inputs' gradients; adds parameter gradients to the pass.
    func backward(_ gradients: [UnsafeMutablePointer<S>], _ pass: Pass<S>) -> RankerInputGradients<S>
}
