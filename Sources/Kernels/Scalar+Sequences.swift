import CKernels

extension Float {
    public static var attentionRoom: Int { Int(HS_ATTENTION_ROOM) }

    public static func attention(
        qkv: Operand<Float>, offsets: UnsafePointer<Int32>, requests: Int, heads: Int, headDimension: Int,
        into out: Operand<Float>, logSumExp: UnsafeMutablePointer<Float>, probabilities: UnsafeMutablePointer<Float>?
    ) {
        Shapes.attention("attention", qkv, out, heads: heads, headDimension: headDimension)
        Shapes.offsets("attention", offsets, requests: requests, rows: qkv.rows)
        let kernel = qkv.isNarrow ? hs_attention_bf16 : hs_attention_f32
        kernel(
            qkv.base, qkv.stride, offsets, requests, heads, headDimension, out.base, out.stride, logSumExp,
            probabilities)
    }

    public static func attentionBackward(
        qkv: Operand<Float>, out: Operand<Float>, dout: Operand<Float>, logSumExp: UnsafePointer<Float>,
        probabilities: UnsafePointer<Float>?, offsets: UnsafePointer<Int32>, requests: Int, heads: Int, headDimension: Int,
        into dqkv: Operand<Float>
    ) {
        Shapes.attention("attentionBackward", qkv, out, heads: heads, headDimension: headDimension)
        Shapes.same("attentionBackward", "out", out, "dout", dout)
        Shapes.same("attentionBackward", "qkv", qkv, "dqkv", dqkv)
        precondition(
            qkv.isNarrow == dout.isNarrow && qkv.isNarrow == dqkv.isNarrow,
            "attentionBackward: qkv narrow \(qkv.isNarrow), dout \(dout.isNarrow), dqkv \(dqkv.isNarrow)")
        Shapes.offsets("attentionBackward", offsets, requests: requests, rows: qkv.rows)
        let kernel = qkv.isNarrow ? hs_attention_backward_bf16 : hs_attention_backward_f32
        kernel(
            qkv.base, qkv.stride, out.base, out.stride, dout.base, dout.stride, logSumExp, probabilities, offsets,
            requests, heads, headDimension, dqkv.base, dqkv.stride)
    }

    public static func meanPool(_ x: Matrix<Float>, offsets: UnsafePointer<Int32>, into y: Matrix<Float>) {
        Shapes.sameColumns("meanPool", "x", x, "y", y)
        Shapes.offsets("meanPool", offsets, requests: y.rows, rows: x.rows)
        hs_mean_pool_f32(x.base, x.stride, offsets, y.rows, y.columns, y.base, y.stride)
    }

    public static func meanPoolBackward(_ dy: Matrix<Float>, offsets: UnsafePointer<Int32>, into dx: Matrix<Float>) {
        Shapes.sameColumns("meanPoolBackward", "dy", dy, "dx", dx)
        Shapes.offsets("meanPoolBackward", offsets, requests: dy.rows, rows: dx.rows)
        hs_mean_pool_backward_f32(dy.base, dy.stride, offsets, dy.rows, dy.columns, dx.base, dx.stride)
    }
}

extension Double {
    /// From the definition, and nothing kept that it can compute.
    public static var attentionRoom: Int { 0 }

    public static func attention(
        qkv: Operand<Double>, offsets: UnsafePointer<Int32>, requests: Int, heads: Int, headDimension: Int,
        into out: Operand<Double>, logSumExp: UnsafeMutablePointer<Double>, probabilities: UnsafeMutablePointer<Double>?
    ) {
        Shapes.attention("attention", qkv, out, heads: heads, headDimension: headDimension)
        Shapes.offsets("attention", offsets, requests: requests, rows: qkv.rows)
        hs_attention_f64(
            qkv.base, qkv.stride, offsets, requests, heads, headDimension, out.base, out.stride, logSumExp)
    }

    public static func attentionBackward(
        qkv: Operand<Double>, out: Operand<Double>, dout: Operand<Double>, logSumExp: UnsafePointer<Double>,
        probabilities: UnsafePointer<Double>?, offsets: UnsafePointer<Int32>, requests: Int, heads: Int, headDimension: Int,
        into dqkv: Operand<Double>
    ) {
        Shapes.attention("attentionBackward", qkv, out, heads: heads, headDimension: headDimension)
        Shapes.same("attentionBackward", "out", out, "dout", dout)
        Shapes.same("attentionBackward", "qkv", qkv, "dqkv", dqkv)
        Shapes.offsets("attentionBackward", offsets, requests: requests, rows: qkv.rows)
        hs_attention_backward_f64(
            qkv.base, qkv.stride, out.base, out.stride, dout.base, dout.stride, logSumExp, offsets, requests,
            heads, headDimension, dqkv.base, dqkv.stride)
    }

    public static func meanPool(_ x: Matrix<Double>, offsets: UnsafePointer<Int32>, into y: Matrix<Double>) {
        Shapes.sameColumns("meanPool", "x", x, "y", y)
        Shapes.offsets("meanPool", offsets, requests: y.rows, rows: x.rows)
        hs_mean_pool_f64(x.base, x.stride, offsets, y.rows, y.columns, y.base, y.stride)
    }

    public static func meanPoolBackward(_ dy: Matrix<Double>, offsets: UnsafePointer<Int32>, into dx: Matrix<Double>) {
        Shapes.sameColumns("meanPoolBackward", "dy", dy, "dx", dx)
        Shapes.offsets("meanPoolBackward", offsets, requests: dy.rows, rows: dx.rows)
        hs_mean_pool_backward_f64(dy.base, dy.stride, offsets, dy.rows, dy.columns, dx.base, dx.stride)
    }
}

extension Scalar {
    public static func attention(
        qkv: Matrix<Self>, offsets: UnsafePointer<Int32>, requests: Int, heads: Int, headDimension: Int,
        into out: Matrix<Self>, logSumExp: UnsafeMutablePointer<Self>, probabilities: UnsafeMutablePointer<Self>? = nil
    ) {
        attention(
            qkv: Operand(qkv), offsets: offsets, requests: requests, heads: heads, headDimension: headDimension,
            into: Operand(out), logSumExp: logSumExp, probabilities: probabilities)
    }

    public static func attentionBackward(
        qkv: Matrix<Self>, out: Matrix<Self>, dout: Matrix<Self>, logSumExp: UnsafePointer<Self>,
        probabilities: UnsafePointer<Self>? = nil, offsets: UnsafePointer<Int32>, requests: Int, heads: Int,
        headDimension: Int, into dqkv: Matrix<Self>
    ) {
        attentionBackward(
            qkv: Operand(qkv), out: Operand(out), dout: Operand(dout), logSumExp: logSumExp, probabilities: probabilities,
            offsets: offsets, requests: requests, heads: heads, headDimension: headDimension, into: Operand(dqkv))
    }
}
