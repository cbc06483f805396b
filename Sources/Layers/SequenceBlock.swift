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
///
/// Requests go through the whole block a few at a time, so that the wide intermediate matrices of the few
/// are still in cache when the next layer reads them; backward keeps none of its own beyond one chunk.
public final class SequenceBlock<S: Scalar> {
    public let shape: SequenceShape
    private let queriesKeysValues: ParameterSlot
    private let projection: ParameterSlot
    private let norm1: NormSlots
    private let expand: ParameterSlot
    private let expandBias: ParameterSlot
    private let contract: ParameterSlot
    private let contractBias: ParameterSlot
    private let norm2: NormSlots
    private let chunks = SequenceChunks()
    private var kept: Kept?

    private struct NormSlots {
        let gamma: ParameterSlot
        let beta: ParameterSlot
    }

    /// What backward needs of forward, all events of the batch.
    private struct Kept {
        let x: Matrix<S>
        let qkv: Operand<S>
        let attended: Operand<S>
        let logSumExp: UnsafeMutablePointer<S>
        /// Of attention, where backward will ask for them.
        let probabilities: UnsafeMutablePointer<S>?
        let sum1: Matrix<S>
        let moments1: Moments
        let h: Matrix<S>
        let hidden: Operand<S>
        let sum2: Matrix<S>
        let moments2: Moments
    }

    private struct Moments {
        let mean: UnsafeMutablePointer<S>
        let rstd: UnsafeMutablePointer<S>
    }

    public static var epsilon: S { 1e-5 }

    public init(_ name: String, _ shape: SequenceShape, in layout: inout ParameterLayout) {
        self.shape = shape
        func weight(_ part: String, _ input: Int, _ output: Int, _ layout: inout ParameterLayout) -> ParameterSlot {
            layout.add("\(name).\(part).weight", rows: input, columns: output, .uniform(fanIn: input))
        }
        func bias(_ part: String, _ input: Int, _ output: Int, _ layout: inout ParameterLayout) -> ParameterSlot {
            layout.add("\(name).\(part).bias", columns: output, .uniform(fanIn: input))
        }
        func norm(_ part: String, _ layout: inout ParameterLayout) -> NormSlots {
            NormSlots(
                gamma: layout.add("\(name).\(part).gamma", columns: shape.width, .constant(1)),
                beta: layout.add("\(name).\(part).beta", columns: shape.width, .constant(0)))
        }
        queriesKeysValues = weight("attention.qkv", shape.width, 3 * shape.inner, &layout)
        projection = weight("attention.out", shape.inner, shape.width, &layout)
        norm1 = norm("norm1", &layout)
        expand = weight("feed_forward.0", shape.width, shape.feedForward, &layout)
        expandBias = bias("feed_forward.0", shape.width, shape.feedForward, &layout)
        contract = weight("feed_forward.1", shape.feedForward, shape.width, &layout)
        contractBias = bias("feed_forward.1", shape.feedForward, shape.width, &layout)
        norm2 = norm("norm2", &layout)
    }

    /// Events `[events, width]` -> `[requests, width]`.
    public func forward(
        _ x: Matrix<S>, offsets: UnsafePointer<Int32>, requests: Int, _ pass: Pass<S>
    ) -> Matrix<S> {
        let events = x.rows
        let arena = pass.arena
        func moments() -> Moments { Moments(mean: arena.allocate(events), rstd: arena.allocate(events)) }
        let kept = Kept(
            x: x, qkv: arena.operand(events, 3 * shape.inner, attentionPrecision(pass)),
            attended: arena.operand(events, shape.inner, attentionPrecision(pass)),
            logSumExp: arena.allocate(events * shape.heads),
            probabilities: pass.mode == .training ? arena.allocate(room(events)) : nil,
            sum1: arena.matrix(events, shape.width),
            moments1: moments(), h: arena.matrix(events, shape.width),
            hidden: arena.operand(events, shape.feedForward, pass.precision), sum2: arena.matrix(events, shape.width),
            moments2: moments())
        self.kept = kept
        chunks.cut(offsets: offsets, requests: requests)
        let y = arena.matrix(requests, shape.width)
        let mark = arena.mark
        let narrow = arena.matrix(chunks.largest, shape.width)
        let weights = Weights(self, pass, transposed: false)
        for (number, chunk) in chunks.all.enumerated() {
            let next = chunks.after(number).map { x.rows($0.rows) }
            forward(chunk, kept, weights, narrow.rows(0..<chunk.rows.count), into: y, readingNext: next, pass)
        }
        arena.release(to: mark)
        return y
    }

    /// What attention's own products take. Two elements of a narrow row share a place, so that heads of an odd dimension
    /// would begin within one: theirs take float32.
    private func attentionPrecision(_ pass: Pass<S>) -> ProductPrecision {
        shape.headDimension % 2 == 0 ? pass.precision : .float32
    }

    /// Of the attention of so many events.
    private func room(_ events: Int) -> Int { events * shape.heads * S.attentionRoom }

    /// The weight matrices as right-hand sides, laid out once for all chunks.
    private struct Weights {
        let queriesKeysValues: RightOperand<S>
        let projection: RightOperand<S>
        let expand: RightOperand<S>
        let contract: RightOperand<S>

        init(_ block: SequenceBlock, _ pass: Pass<S>, transposed: Bool) {
            func operand(_ slot: ParameterSlot) -> RightOperand<S> {
                pass.prepare(pass.weight(slot), transposed: transposed)
            }
            queriesKeysValues = operand(block.queriesKeysValues)
            projection = operand(block.projection)
            expand = operand(block.expand)
            contract = operand(block.contract)
        }
    }

    private func forward(
        _ chunk: SequenceChunks.Chunk, _ kept: Kept, _ weights: Weights, _ z: Matrix<S>, into y: Matrix<S>,
        readingNext next: Matrix<S>?, _ pass: Pass<S>
    ) {
        let x = kept.x.rows(chunk.rows)
        let qkv = kept.qkv.rows(chunk.rows)
        let attended = kept.attended.rows(chunk.rows)
        S.product(Operand(x), transposed: false, weights.queriesKeysValues, into: qkv, Finish())
        S.attention(
            qkv: qkv, offsets: chunk.offsets, requests: chunk.requests.count, heads: shape.heads,
            headDimension: shape.headDimension, into: attended,
            logSumExp: kept.logSumExp + chunk.rows.lowerBound * shape.heads,
            probabilities: kept.probabilities.map { $0 + room(chunk.rows.lowerBound) })
        let sum1 = kept.sum1.rows(chunk.rows)
        S.product(attended, transposed: false, weights.projection, into: Operand(sum1), Finish(adding: x))
        let h = kept.h.rows(chunk.rows)
        normalise(sum1, norm1, kept.moments1, chunk, into: h, pass)
        let hidden = kept.hidden.rows(chunk.rows)
        S.product(
            Operand(h), transposed: false, weights.expand, into: hidden,
            Finish(bias: pass.weight(expandBias).base, relu: true))
        let sum2 = kept.sum2.rows(chunk.rows)
        S.product(
            hidden, transposed: false, weights.contract, into: Operand(sum2),
            Finish(adding: h, bias: pass.weight(contractBias).base), readingNext: next.map { Operand($0) })
        normalise(sum2, norm2, kept.moments2, chunk, into: z, pass)
        S.meanPool(z, offsets: chunk.offsets, into: y.rows(chunk.requests))
    }

    /// `[requests, width]` -> the gradient of the events.
    public func backward(_ dy: Matrix<S>, _ pass: Pass<S>) -> Matrix<S> {
        guard let kept else { preconditionFailure("SequenceBlock: backward before forward") }
        let dx = pass.arena.matrix(kept.x.rows, shape.width)
        let mark = pass.arena.mark
        let scratch = Scratch(
            sum2: pass.arena.matrix(chunks.largest, shape.width),
            hidden: pass.arena.operand(chunks.largest, shape.feedForward, pass.precision),
            sum1: pass.arena.matrix(chunks.largest, shape.width),
            attended: pass.arena.operand(chunks.largest, shape.inner, attentionPrecision(pass)),
            qkv: pass.arena.operand(chunks.largest, 3 * shape.inner, attentionPrecision(pass)))
        let weights = Weights(self, pass, transposed: true)
        for (number, chunk) in chunks.all.enumerated() {
            let next = chunks.after(number).map { kept.hidden.rows($0.rows) }
            backward(
                chunk, kept, weights, scratch, dy.rows(chunk.requests), into: dx.rows(chunk.rows), readingNext: next, pass)
        }
        pass.arena.release(to: mark)
        return dx
    }

    /// Gradients of one chunk's intermediate matrices.
    private struct Scratch {
        let sum2: Matrix<S>
        let hidden: Operand<S>
        let sum1: Matrix<S>
        let attended: Operand<S>
        let qkv: Operand<S>
    }

    private func backward(
        _ chunk: SequenceChunks.Chunk, _ kept: Kept, _ weights: Weights, _ scratch: Scratch, _ dy: Matrix<S>,
        into dx: Matrix<S>, readingNext next: Operand<S>?, _ pass: Pass<S>
    ) {
        // What forward kept has left the caches since: each product asks for what the one after it reads.
        let all = 0..<chunk.rows.count
        let dsum2 = scratch.sum2.rows(all)
        S.meanPoolBackward(dy, offsets: chunk.offsets, into: dsum2)
        normaliseBackward(dsum2, norm2, kept.moments2, sum: kept.sum2, chunk, pass)
        let hidden = kept.hidden.rows(chunk.rows)
        let dhidden = scratch.hidden.rows(all)
        S.addColumnSums(of: dsum2, to: pass.gradient(contractBias).base)
        pass.addWeightGradient(hidden, Operand(dsum2), to: pass.gradient(contract))
        let h = Operand(kept.h.rows(chunk.rows))
        S.product(
            Operand(dsum2), transposed: false, weights.contract, into: dhidden, Finish(gate: hidden), readingNext: h)
        let dsum1 = scratch.sum1.rows(all)
        S.addColumnSums(of: dhidden, to: pass.gradient(expandBias).base)
        pass.addWeightGradient(h, dhidden, to: pass.gradient(expand))
        let attended = kept.attended.rows(chunk.rows)
        S.product(
            dhidden, transposed: false, weights.expand, into: Operand(dsum1), Finish(adding: dsum2), readingNext: attended)
        normaliseBackward(dsum1, norm1, kept.moments1, sum: kept.sum1, chunk, pass)
        let dattended = scratch.attended.rows(all)
        pass.addWeightGradient(attended, Operand(dsum1), to: pass.gradient(projection))
        let x = Operand(kept.x.rows(chunk.rows))
        S.product(Operand(dsum1), transposed: false, weights.projection, into: dattended, Finish(), readingNext: x)
        let dqkv = scratch.qkv.rows(all)
        S.attentionBackward(
            qkv: kept.qkv.rows(chunk.rows), out: attended, dout: dattended,
            logSumExp: kept.logSumExp + chunk.rows.lowerBound * shape.heads,
            probabilities: kept.probabilities.map { UnsafePointer($0 + room(chunk.rows.lowerBound)) },
            offsets: chunk.offsets, requests: chunk.requests.count, heads: shape.heads, headDimension: shape.headDimension,
            into: dqkv)
        pass.addWeightGradient(x, dqkv, to: pass.gradient(queriesKeysValues))
        S.product(
            dqkv, transposed: false, weights.queriesKeysValues, into: Operand(dx), Finish(adding: dsum1), readingNext: next)
    }

    // MARK: Steps of the block

    private func normalise(
        _ sum: Matrix<S>, _ slots: NormSlots, _ moments: Moments, _ chunk: SequenceChunks.Chunk, into y: Matrix<S>,
        _ pass: Pass<S>
    ) {
        S.layerNorm(
            sum, residual: nil, gamma: pass.weight(slots.gamma).base, beta: pass.weight(slots.beta).base,
            epsilon: Self.epsilon, sum: sum, into: y, mean: moments.mean + chunk.rows.lowerBound,
            rstd: moments.rstd + chunk.rows.lowerBound)
    }

    /// In place on the gradient.
    private func normaliseBackward(
        _ dy: Matrix<S>, _ slots: NormSlots, _ moments: Moments, sum: Matrix<S>, _ chunk: SequenceChunks.Chunk,
        _ pass: Pass<S>
    ) {
        S.layerNormBackward(
            sum: sum.rows(chunk.rows), dy, gamma: pass.weight(slots.gamma).base,
            mean: moments.mean + chunk.rows.lowerBound, rstd: moments.rstd + chunk.rows.lowerBound,
            dgamma: pass.gradient(slots.gamma).base, dbeta: pass.gradient(slots.beta).base, into: dy)
    }
}
