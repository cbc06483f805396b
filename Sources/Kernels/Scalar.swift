/// The number types networks run in: `Float` for training and serving, `Double` as the wide twin
/// that every gradient is checked in. The same layers run in both.
///
/// All kernels are single-threaded, re-entrant and, once a thread's scratch has grown to the largest shape
/// seen, allocate nothing. Matrices are row-major. Inputs and outputs may be the same view only where a
/// kernel says so. A NaN comes through every forward kernel. The float kernels carry the error of a few roundings of
/// float sums split over vector lanes; sums over rows go on in double (see each family's C file).
/// `index` arguments are trusted: whoever builds them (the encoder, the batch) has checked them.
public protocol Scalar: BinaryFloatingPoint, Sendable {
    // MARK: Dense
    /// C = alpha op(A) op(B) + beta C, op(A) [m, k], op(B) [k, n]. With beta = 0, C is never read.
    static func gemm(
        _ a: Matrix<Self>, transposed ta: Bool, _ b: Matrix<Self>, transposed tb: Bool, into c: Matrix<Self>,
        alpha: Self, beta: Self)
    /// Whether products of this precision read and write narrow operands. (`Double` rounds nothing.)
    static func hasNarrow(_ precision: ProductPrecision) -> Bool
    /// Lays `b`, or its transpose, out for `product` where that is quicker, or where products are to be of bfloat16.
    /// The memory is the arena's. A narrow `b` is not transposed, and its products are of bfloat16.
    static func prepare(
        _ b: Operand<Self>, transposed: Bool, precision: ProductPrecision, arena: Arena<Self>) -> RightOperand<Self>
    /// C = op(A) B, finished as `finish` says. In `Float`, an element does not depend on how many rows there are. A and C
    /// may be narrow where B is laid out for products of bfloat16.
    /// `next` is what will be read after this product and has left the caches by now: it is asked for meanwhile.
    static func product(
        _ a: Operand<Self>, transposed: Bool, _ b: RightOperand<Self>, into c: Operand<Self>, _ finish: Finish<Self>,
        readingNext next: Operand<Self>?)
    /// x[r, :] += bias
    static func addRow(_ bias: UnsafePointer<Self>, to x: Matrix<Self>)
    /// sums[c] += sum_r x[r, c]
    static func addColumnSums(of x: Operand<Self>, to sums: UnsafeMutablePointer<Self>)
    /// y += alpha x, contiguous
    static func axpy(_ alpha: Self, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, count: Int)
    /// max(x, 0) in place
    static func relu(_ x: Matrix<Self>)
    /// dx = dy where y > 0 else 0, in place on dy; y is the output of `relu`.
    static func reluBackward(_ y: Matrix<Self>, _ dy: Matrix<Self>)
    /// leaky ReLU in place; and its backward in place on dy from the output y.
    static func leakyRelu(_ x: Matrix<Self>, slope: Self)
    static func leakyReluBackward(_ y: Matrix<Self>, _ dy: Matrix<Self>, slope: Self)

    // MARK: Batch normalisation followed by leaky ReLU, rows weighted by multiplicity
    /// Per-column mean and *biased* variance of x [R, C] with row multiplicities w (nil: all 1), in two
    /// passes (mean first). W = sum w; with no rows both are zero.
    static func weightedMoments(
        _ x: Matrix<Self>, multiplicity: UnsafePointer<Self>?, mean: UnsafeMutablePointer<Self>,
        variance: UnsafeMutablePointer<Self>)
    /// y = leaky(gamma (x - mean) rstd + beta), slope 1 for no activation. y may alias x, unless it is narrow.
    static func normalizeLeaky(
        _ x: Matrix<Self>, mean: UnsafePointer<Self>, rstd: UnsafePointer<Self>, gamma: UnsafePointer<Self>,
        beta: UnsafePointer<Self>, slope: Self, into y: Operand<Self>)
    /// Backward of `normalizeLeaky(weightedMoments(x))`: dy is the gradient summed over each row's copies.
    /// dgamma, dbeta are added to; dx is written (may alias dy, unless it is narrow).
    /// dx_r = gamma rstd (g_r - w_r (S_1 + xhat_r S_2) / W), g = dy leaky', S_1 = sum g, S_2 = sum g xhat.
    static func normalizeLeakyBackward(
        _ x: Matrix<Self>, _ dy: Matrix<Self>, multiplicity: UnsafePointer<Self>?, mean: UnsafePointer<Self>,
        rstd: UnsafePointer<Self>, gamma: UnsafePointer<Self>, beta: UnsafePointer<Self>, slope: Self,
        dgamma: UnsafeMutablePointer<Self>, dbeta: UnsafeMutablePointer<Self>, into dx: Operand<Self>)

    // MARK: Layer normalisation over the columns of x + residual (residual may be nil)
    /// z = x + residual (written to `sum`), y = gamma (z - mean) rstd + beta; mean and rstd [R] are kept.
    /// `sum` may alias x or residual.
    static func layerNorm(
        _ x: Matrix<Self>, residual: Matrix<Self>?, gamma: UnsafePointer<Self>, beta: UnsafePointer<Self>,
        epsilon: Self, sum: Matrix<Self>, into y: Matrix<Self>, mean: UnsafeMutablePointer<Self>,
        rstd: UnsafeMutablePointer<Self>)
    /// dz from dy; dgamma and dbeta are added to. dz may alias dy.
    static func layerNormBackward(
        sum z: Matrix<Self>, _ dy: Matrix<Self>, gamma: UnsafePointer<Self>, mean: UnsafePointer<Self>,
        rstd: UnsafePointer<Self>, dgamma: UnsafeMutablePointer<Self>, dbeta: UnsafeMutablePointer<Self>,
        into dz: Matrix<Self>)

    // MARK: Ragged sequences; request r owns rows offsets[r] ..< offsets[r + 1]
    /// Multi-head attention within each request. qkv [events, 3 heads d]: queries, keys, values, each
    /// head-major; out [events, heads d] = softmax(Q K^T / sqrt d) V a head. `logSumExp` [events, heads]
    /// is kept for backward, and so may be the probabilities, in room for `attentionRoom` values an event and
    /// head; without it, and for requests longer than that, backward computes them again. Where qkv is narrow, as
    /// out then is, its products take bfloat16, and d is even.
    static func attention(
        qkv: Operand<Self>, offsets: UnsafePointer<Int32>, requests: Int, heads: Int, headDimension: Int,
        into out: Operand<Self>, logSumExp: UnsafeMutablePointer<Self>, probabilities: UnsafeMutablePointer<Self>?)
    /// Values an event and head that attention may keep for backward; 0 where it keeps none.
    static var attentionRoom: Int { get }
    /// The gradient of attention, from what it kept; narrow all through, or not at all.
    static func attentionBackward(
        qkv: Operand<Self>, out: Operand<Self>, dout: Operand<Self>, logSumExp: UnsafePointer<Self>,
        probabilities: UnsafePointer<Self>?, offsets: UnsafePointer<Int32>, requests: Int, heads: Int,
        headDimension: Int, into dqkv: Operand<Self>)
    /// Mean over each request's rows; an empty sequence gives zeros.
    static func meanPool(_ x: Matrix<Self>, offsets: UnsafePointer<Int32>, into y: Matrix<Self>)
    /// dx[e] = dy[r] / length, written.
    static func meanPoolBackward(_ dy: Matrix<Self>, offsets: UnsafePointer<Int32>, into dx: Matrix<Self>)

    // MARK: Embeddings
    /// y[i] = table[index[i]] (y may be a column range of a wider matrix)
    static func gatherRows(_ table: Matrix<Self>, index: UnsafePointer<Int32>, into y: Matrix<Self>)
    /// table[index[i]] += x[i]
    static func scatterAddRows(_ x: Operand<Self>, index: UnsafePointer<Int32>, into table: Matrix<Self>)
    /// y[i] += table[index[i]]
    static func gatherAddRows(_ table: Matrix<Self>, index: UnsafePointer<Int32>, into y: Matrix<Self>)
    /// y[i] = sum (or mean) of table[index[j]], j in offsets[i] ..< offsets[i + 1]; an empty bag gives zeros.
    static func bagRows(
        _ table: Matrix<Self>, index: UnsafePointer<Int32>, offsets: UnsafePointer<Int32>, mean: Bool,
        into y: Matrix<Self>)
    static func bagRowsBackward(
        _ dy: Matrix<Self>, index: UnsafePointer<Int32>, offsets: UnsafePointer<Int32>, mean: Bool,
        into table: Matrix<Self>)

    // MARK: Inner product
    /// y = x / max(|x|, epsilon) a row; norms [R] are kept.
    static func l2Normalize(_ x: Matrix<Self>, epsilon: Self, into y: Matrix<Self>, norms: UnsafeMutablePointer<Self>)
    /// dx = (dy - y <y, dy>) / max(|x|, epsilon) (dy / epsilon where |x| < epsilon). dx may alias dy.
    static func l2NormalizeBackward(
        _ y: Matrix<Self>, _ dy: Matrix<Self>, norms: UnsafePointer<Self>, epsilon: Self, into dx: Matrix<Self>)
    /// out[i] = scale <u[ui[i]], v[vi[i]]>; a nil index is the identity.
    static func pairDot(
        _ u: Matrix<Self>, _ ui: UnsafePointer<Int32>?, _ v: Matrix<Self>, _ vi: UnsafePointer<Int32>?,
        scale: Self, count: Int, into out: UnsafeMutablePointer<Self>)
    /// du[ui[i]] += scale d[i] v[vi[i]] and the mirror; du and dv are added to.
    static func pairDotBackward(
        _ d: UnsafePointer<Self>, _ u: Matrix<Self>, _ ui: UnsafePointer<Int32>?, _ v: Matrix<Self>,
        _ vi: UnsafePointer<Int32>?, scale: Self, count: Int, du: Matrix<Self>, dv: Matrix<Self>)

    // MARK: Losses
    /// out[i] = 1 / (1 + exp(-x[i] inverseTemperature))
    static func sigmoid(_ x: UnsafePointer<Self>, inverseTemperature: Self, into out: UnsafeMutablePointer<Self>, count: Int)
    /// Sum over i of w[i] (log(1 + exp(x[i])) - target[i] x[i]) (PFD, Eq. 6, stable form); and
    /// gradient[i] = scale w[i] (sigmoid(x[i]) - target[i]) when `gradient` is given. Accumulates in Double.
    static func logLoss(
        _ x: UnsafePointer<Self>, target: UnsafePointer<Self>, weight: UnsafePointer<Self>, scale: Self,
        gradient: UnsafeMutablePointer<Self>?, count: Int) -> Double
    /// Sum of w (x - target)^2, gradient 2 scale w (x - target).
    static func squaredLoss(
        _ x: UnsafePointer<Self>, target: UnsafePointer<Self>, weight: UnsafePointer<Self>, scale: Self,
        gradient: UnsafeMutablePointer<Self>?, count: Int) -> Double
    /// Whether no element is NaN or infinite.
    static func areFinite(_ x: UnsafePointer<Self>, count: Int) -> Bool
}

extension Float: Scalar {}
extension Double: Scalar {}
