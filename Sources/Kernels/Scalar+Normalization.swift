import CKernels

extension Float {
    public static func weightedMoments(
        _ x: Matrix<Float>, multiplicity: UnsafePointer<Float>?, mean: UnsafeMutablePointer<Float>,
        variance: UnsafeMutablePointer<Float>
    ) {
        hs_weighted_moments_f32(x.base, x.rows, x.columns, x.stride, multiplicity, mean, variance)
    }

    public static func normalizeLeaky(
        _ x: Matrix<Float>, mean: UnsafePointer<Float>, rstd: UnsafePointer<Float>, gamma: UnsafePointer<Float>,
        beta: UnsafePointer<Float>, slope: Float, into y: Operand<Float>
    ) {
        Shapes.same("normalizeLeaky", "x", Operand(x), "y", y)
        let kernel = y.isNarrow ? hs_normalize_leaky_narrow : hs_normalize_leaky_f32
        kernel(
            x.base, x.stride, x.rows, x.columns, mean, rstd, gamma, beta, slope, y.base, y.stride)
    }

    public static func normalizeLeakyBackward(
        _ x: Matrix<Float>, _ dy: Matrix<Float>, multiplicity: UnsafePointer<Float>?,
        mean: UnsafePointer<Float>, rstd: UnsafePointer<Float>, gamma: UnsafePointer<Float>,
        beta: UnsafePointer<Float>, slope: Float,
        dgamma: UnsafeMutablePointer<Float>, dbeta: UnsafeMutablePointer<Float>, into dx: Operand<Float>
    ) {
        Shapes.same("normalizeLeakyBackward", "x", x, "dy", dy)
        Shapes.same("normalizeLeakyBackward", "x", Operand(x), "dx", dx)
        let kernel = dx.isNarrow ? hs_normalize_leaky_backward_narrow : hs_normalize_leaky_backward_f32
        kernel(
            x.base, x.stride, dy.base, dy.stride, x.rows, x.columns, multiplicity, mean, rstd, gamma,
            beta, slope, dgamma, dbeta, dx.base, dx.stride)
    }

    public static func layerNorm(
        _ x: Matrix<Float>, residual: Matrix<Float>?, gamma: UnsafePointer<Float>, beta: UnsafePointer<Float>,
        epsilon: Float, sum: Matrix<Float>, into y: Matrix<Float>, mean: UnsafeMutablePointer<Float>,
        rstd: UnsafeMutablePointer<Float>
    ) {
        if let residual { Shapes.same("layerNorm", "x", x, "residual", residual) }
        Shapes.same("layerNorm", "x", x, "sum", sum)
        Shapes.same("layerNorm", "x", x, "y", y)
        hs_layer_norm_f32(
            x.base, x.stride, residual?.base, residual?.stride ?? 0, x.rows, x.columns, gamma, beta, epsilon,
            sum.base, sum.stride, y.base, y.stride, mean, rstd)
    }

    public static func layerNormBackward(
        sum z: Matrix<Float>, _ dy: Matrix<Float>, gamma: UnsafePointer<Float>, mean: UnsafePointer<Float>,
        rstd: UnsafePointer<Float>, dgamma: UnsafeMutablePointer<Float>, dbeta: UnsafeMutablePointer<Float>,
        into dz: Matrix<Float>
    ) {
        Shapes.same("layerNormBackward", "sum", z, "dy", dy)
        Shapes.same("layerNormBackward", "sum", z, "dz", dz)
        hs_layer_norm_backward_f32(
            z.base, z.stride, dy.base, dy.stride, z.rows, z.columns, gamma, mean, rstd, dgamma, dbeta, dz.base,
            dz.stride)
    }
}

extension Double {
    public static func weightedMoments(
        _ x: Matrix<Double>, multiplicity: UnsafePointer<Double>?, mean: UnsafeMutablePointer<Double>,
        variance: UnsafeMutablePointer<Double>
    ) {
        hs_weighted_moments_f64(x.base, x.rows, x.columns, x.stride, multiplicity, mean, variance)
    }

    public static func normalizeLeaky(
        _ x: Matrix<Double>, mean: UnsafePointer<Double>, rstd: UnsafePointer<Double>, gamma: UnsafePointer<Double>,
        beta: UnsafePointer<Double>, slope: Double, into y: Operand<Double>
    ) {
        Shapes.same("normalizeLeaky", "x", Operand(x), "y", y)
        hs_normalize_leaky_f64(
            x.base, x.stride, x.rows, x.columns, mean, rstd, gamma, beta, slope, y.base, y.stride)
    }

    public static func normalizeLeakyBackward(
        _ x: Matrix<Double>, _ dy: Matrix<Double>, multiplicity: UnsafePointer<Double>?,
        mean: UnsafePointer<Double>, rstd: UnsafePointer<Double>, gamma: UnsafePointer<Double>,
        beta: UnsafePointer<Double>, slope: Double,
        dgamma: UnsafeMutablePointer<Double>, dbeta: UnsafeMutablePointer<Double>, into dx: Operand<Double>
    ) {
        Shapes.same("normalizeLeakyBackward", "x", x, "dy", dy)
        Shapes.same("normalizeLeakyBackward", "x", Operand(x), "dx", dx)
        hs_normalize_leaky_backward_f64(
            x.base, x.stride, dy.base, dy.stride, x.rows, x.columns, multiplicity, mean, rstd, gamma,
            beta, slope, dgamma, dbeta, dx.base, dx.stride)
    }

    public static func layerNorm(
        _ x: Matrix<Double>, residual: Matrix<Double>?, gamma: UnsafePointer<Double>, beta: UnsafePointer<Double>,
        epsilon: Double, sum: Matrix<Double>, into y: Matrix<Double>, mean: UnsafeMutablePointer<Double>,
        rstd: UnsafeMutablePointer<Double>
    ) {
        if let residual { Shapes.same("layerNorm", "x", x, "residual", residual) }
        Shapes.same("layerNorm", "x", x, "sum", sum)
        Shapes.same("layerNorm", "x", x, "y", y)
        hs_layer_norm_f64(
            x.base, x.stride, residual?.base, residual?.stride ?? 0, x.rows, x.columns, gamma, beta, epsilon,
            sum.base, sum.stride, y.base, y.stride, mean, rstd)
    }

    public static func layerNormBackward(
        sum z: Matrix<Double>, _ dy: Matrix<Double>, gamma: UnsafePointer<Double>, mean: UnsafePointer<Double>,
        rstd: UnsafePointer<Double>, dgamma: UnsafeMutablePointer<Double>, dbeta: UnsafeMutablePointer<Double>,
        into dz: Matrix<Double>
    ) {
        Shapes.same("layerNormBackward", "sum", z, "dy", dy)
        Shapes.same("layerNormBackward", "sum", z, "dz", dz)
        hs_layer_norm_backward_f64(
            z.base, z.stride, dy.base, dy.stride, z.rows, z.columns, gamma, mean, rstd, dgamma, dbeta, dz.base,
            dz.stride)
    }
}

extension Scalar {
    public static func normalizeLeaky(
        _ x: Matrix<Self>, mean: UnsafePointer<Self>, rstd: UnsafePointer<Self>, gamma: UnsafePointer<Self>,
        beta: UnsafePointer<Self>, slope: Self, into y: Matrix<Self>
    ) {
        normalizeLeaky(x, mean: mean, rstd: rstd, gamma: gamma, beta: beta, slope: slope, into: Operand(y))
    }

    public static func normalizeLeakyBackward(
        _ x: Matrix<Self>, _ dy: Matrix<Self>, multiplicity: UnsafePointer<Self>?, mean: UnsafePointer<Self>,
        rstd: UnsafePointer<Self>, gamma: UnsafePointer<Self>, beta: UnsafePointer<Self>, slope: Self,
        dgamma: UnsafeMutablePointer<Self>, dbeta: UnsafeMutablePointer<Self>, into dx: Matrix<Self>
    ) {
        normalizeLeakyBackward(
            x, dy, multiplicity: multiplicity, mean: mean, rstd: rstd, gamma: gamma, beta: beta, slope: slope,
            dgamma: dgamma, dbeta: dbeta, into: Operand(dx))
    }
}
