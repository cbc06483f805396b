import Kernels

/// Sizes of the sequence block; the paper's are 4 heads of 32 (section 5.1).
public struct SequenceShape: Sendable, Hashable {
    /// n, the width of one event.
    public var width: Int
    public var heads: Int
    public var headDimension: Int
    public var feedForward: Int

    public init(width: Int, heads: Int, headDimension: Int, feedForward: Int) {
        self.width = width
        self.heads = heads
        self.headDimension = headDimension
        self.feedForward = feedForward
    }
    public var inner: Int { heads * headDimension }
}

/// The user's behaviour as one vector (section 5.1): one layer of multi-head self-attention without
/// positions, a feed-forward network, both with skip connections and layer normalisation after them
/// (Vaswani et al. 2017), then the mean over the sequence.
///
///     A = softmax(Q K^T / sqrt(d)) V a head, Q, K, V = X W_q, X W_k, X W_v
///     H = LN(X + concat(A) W_o)
///     Z = LN(H + relu(H W_1 + b_1) W_2 + b_2)
///     y = mean of the rows of Z of one request
///
/// Sequences are ragged, not padded: request r owns events `offsets[r] ..< offsets[r + 1]`, and a
/// shorter sequence costs only its own work. An empty sequence gives zeros.
public final class SequenceBlock<S: Scalar> {
    public let shape: SequenceShape
    private let queriesKeysValues: Dense<S>
    private let projection: Dense<S>
    private let firstNorm: LayerNorm<S>
    private let expand: Dense<S>
    private let contract: Dense<S>
    private let secondNorm: LayerNorm<S>
    private var kept: Kept?

    private struct Kept {
        let offsets: UnsafePointer<Int32>
        let requests: Int
        let qkv: Matrix<S>
        let attended: Matrix<S>
        let logSumExp: UnsafeMutablePointer<S>
        let hidden: Matrix<S>
    }

    public static var epsilon: S { 1e-5 }

    public init(_ name: String, _ shape: SequenceShape, in layout: inout ParameterLayout) {
        self.shape = shape
        queriesKeysValues = Dense(
            "\(name).attention.qkv", input: shape.width, output: 3 * shape.inner, bias: false, in: &layout)
        projection = Dense(
            "\(name).attention.out", input: shape.inner, output: shape.width, bias: false, in: &layout)
        firstNorm = LayerNorm("\(name).norm1", width: shape.width, in: &layout)
        expand = Dense("\(name).feed_forward.0", input: shape.width, output: shape.feedForward, bias: true, in: &layout)
        contract = Dense(
            "\(name).feed_forward.1", input: shape.feedForward, output: shape.width, bias: true, in: &layout)
        secondNorm = LayerNorm("\(name).norm2", width: shape.width, in: &layout)
    }

    /// Events `[events, width]` -> `[requests, width]`.
    public func forward(
        _ x: Matrix<S>, offsets: UnsafePointer<Int32>, requests: Int, _ pass: Pass<S>
    ) -> Matrix<S> {
        let events = x.rows
        let qkv = queriesKeysValues.forward(x, pass)
        let attended = pass.arena.matrix(events, shape.inner)
        let logSumExp = pass.arena.allocate(events * shape.heads)
        S.attention(
            qkv: qkv, offsets: offsets, requests: requests, heads: shape.heads, headDimension: shape.headDimension,
            into: attended, logSumExp: logSumExp)
        let h = firstNorm.forward(projection.forward(attended, pass), residual: x, pass)
        let hidden = expand.forward(h, pass)
        S.relu(hidden)
        let z = secondNorm.forward(contract.forward(hidden, pass), residual: h, pass)
        let y = pass.arena.matrix(requests, shape.width)
        S.meanPool(z, offsets: offsets, into: y)
        kept = Kept(
            offsets: offsets, requests: requests, qkv: qkv, attended: attended, logSumExp: logSumExp, hidden: hidden)
        return y
    }

    /// `[requests, width]` -> the gradient of the events.
    public func backward(_ dy: Matrix<S>, _ pass: Pass<S>) -> Matrix<S> {
        guard let kept else { preconditionFailure("SequenceBlock: backward before forward") }
        let events = kept.qkv.rows
        let dz = pass.arena.matrix(events, shape.width)
        S.meanPoolBackward(dy, offsets: kept.offsets, into: dz)
        let dsum2 = secondNorm.backward(dz, pass)
        let dhidden = contract.backward(dsum2, pass)
        S.reluBackward(kept.hidden, dhidden)
        let dh = expand.backward(dhidden, pass)
        S.axpy(1, dsum2.base, dh.base, count: dh.count)
        let dsum1 = firstNorm.backward(dh, pass)
        let dattended = projection.backward(dsum1, pass)
        let dqkv = pass.arena.matrix(events, 3 * shape.inner)
        S.attentionBackward(
            qkv: kept.qkv, out: kept.attended, dout: dattended, logSumExp: kept.logSumExp, offsets: kept.offsets,
            requests: kept.requests, heads: shape.heads, headDimension: shape.headDimension, into: dqkv)
        let dx = queriesKeysValues.backward(dqkv, pass)
        S.axpy(1, dsum1.base, dx.base, count: dx.count)
        return dx
    }
}
