import CKernels

extension Float {
    public static var attentionRoom: Int { Int(HS_ATTENTION_ROOM) }

    public static func attention(
        qkv: Matrix<Float>, offsets: UnsafePointer<Int32>, requests: Int, heads: Int, headDimension: Int,
        precision: ProductPrecision = .float32, into out: Matrix<Float>, logSumExp: UnsafeMutablePointer<Float>,
        probabilities: UnsafeMutablePointer<Float>? = nil
    ) {
        Shapes.attention("attention", qkv, out, heads: heads, headDimension: headDimension)
        Shapes.offsets("attention", offsets, requests: requests, rows: qkv.rows)
        let kernel = rounds(precision) ? hs_attention_bf16 : hs_attention_f32
        kernel(
            qkv.base, qkv.stride, offsets, requests, heads, headDimension, out.base, out.stride, logSumExp,
            probabilities)
    }

    public static func attentionBackward(
        qkv: Matrix<Float>, out: Matrix<Float>, dout: Matrix<Float>, logSumExp: UnsafePointer<Float>,
        probabilities: UnsafePointer<Float>? = nil, offsets: UnsafePointer<Int32>, requests: Int, heads: Int, headDimension: Int,
        precision: ProductPrecision = .float32, into dqkv: Matrix<Float>
    ) {
        Shapes.attention("attentionBackward", qkv, out, heads: heads, headDimension: headDimension)
        Shapes.same("attentionBackward", "out", out, "dout", dout)
        Shapes.same("attentionBackward", "qkv", qkv, "dqkv", dqkv)
        Shapes.offsets("attentionBackward", offsets, requests: requests, rows: qkv.rows)
        let kernel = rounds(precision) ? hs_attention_backward_bf16 : hs_attention_backward_f32
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

    private static func rounds(_ precision: ProductPrecision) -> Bool { precision == .bfloat16 && Processor.hasBFloat16 }
}

extension Double {
    /// From the definition, and nothing kept that it can compute.
    public static var attentionRoom: Int { 0 }

    public static func attention(
        qkv: Matrix<Double>, offsets: UnsafePointer<Int32>, requests: Int, heads: Int, headDimension: Int,
        precision: ProductPrecision = .float32, into out: Matrix<Double>, logSumExp: UnsafeMutablePointer<Double>,
        probabilities: UnsafeMutablePointer<Double>? = nil
    ) {
        Shapes.attention("attention", qkv, out, heads: heads, headDimension: headDimension)
        Shapes.offsets("attention", offsets, requests: requests, rows: qkv.rows)
        hs_attention_f64(
            qkv.base, qkv.stride, offsets, requests, heads, headDimension, out.base, out.stride, logSumExp)
    }

    public static func attentionBackward(
        qkv: Matrix<Double>, out: Matrix<Double>, dout: Matrix<Double>, logSumExp: UnsafePointer<Double>,
        probabilities: UnsafePointer<Double>? = nil, offsets: UnsafePointer<Int32>, requests: Int, heads: Int, headDimension: Int,
        precision: ProductPrecision = .float32, into dqkv: Matrix<Double>
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
