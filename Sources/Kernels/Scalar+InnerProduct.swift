import CKernels

extension Float {
    public static func l2Normalize(
        _ x: Matrix<Float>, epsilon: Float, into y: Matrix<Float>, norms: UnsafeMutablePointer<Float>
    ) {
        Shapes.same("l2Normalize", "x", x, "y", y)
        hs_l2_normalize_f32(x.base, x.stride, x.rows, x.columns, epsilon, y.base, y.stride, norms)
    }

    public static func l2NormalizeBackward(
        _ y: Matrix<Float>, _ dy: Matrix<Float>, norms: UnsafePointer<Float>, epsilon: Float, into dx: Matrix<Float>
    ) {
        Shapes.same("l2NormalizeBackward", "y", y, "dy", dy)
        Shapes.same("l2NormalizeBackward", "y", y, "dx", dx)
        hs_l2_normalize_backward_f32(
            y.base, y.stride, dy.base, dy.stride, y.rows, y.columns, norms, epsilon, dx.base, dx.stride)
    }

    public static func pairDot(
        _ u: Matrix<Float>, _ ui: UnsafePointer<Int32>?, _ v: Matrix<Float>, _ vi: UnsafePointer<Int32>?,
        scale: Float, count: Int, into out: UnsafeMutablePointer<Float>
    ) {
        Shapes.pairs("pairDot", u, ui, v, vi, count: count)
        hs_pair_dot_f32(u.base, u.stride, ui, v.base, v.stride, vi, u.columns, scale, count, out)
    }

    public static func pairDotBackward(
        _ d: UnsafePointer<Float>, _ u: Matrix<Float>, _ ui: UnsafePointer<Int32>?, _ v: Matrix<Float>,
        _ vi: UnsafePointer<Int32>?, scale: Float, count: Int, du: Matrix<Float>, dv: Matrix<Float>
    ) {
        Shapes.pairs("pairDotBackward", u, ui, v, vi, count: count)
        Shapes.same("pairDotBackward", "u", u, "du", du)
        Shapes.same("pairDotBackward", "v", v, "dv", dv)
        hs_pair_dot_backward_f32(
            d, u.base, u.stride, ui, v.base, v.stride, vi, u.columns, scale, count, du.base, du.stride, dv.base,
            dv.stride)
    }
}

extension Double {
    public static func l2Normalize(
        _ x: Matrix<Double>, epsilon: Double, into y: Matrix<Double>, norms: UnsafeMutablePointer<Double>
    ) {
        Shapes.same("l2Normalize", "x", x, "y", y)
        hs_l2_normalize_f64(x.base, x.stride, x.rows, x.columns, epsilon, y.base, y.stride, norms)
    }

    public static func l2NormalizeBackward(
        _ y: Matrix<Double>, _ dy: Matrix<Double>, norms: UnsafePointer<Double>, epsilon: Double,
        into dx: Matrix<Double>
    ) {
        Shapes.same("l2NormalizeBackward", "y", y, "dy", dy)
        Shapes.same("l2NormalizeBackward", "y", y, "dx", dx)
        hs_l2_normalize_backward_f64(
            y.base, y.stride, dy.base, dy.stride, y.rows, y.columns, norms, epsilon, dx.base, dx.stride)
    }

    public static func pairDot(
        _ u: Matrix<Double>, _ ui: UnsafePointer<Int32>?, _ v: Matrix<Double>, _ vi: UnsafePointer<Int32>?,
        scale: Double, count: Int, into out: UnsafeMutablePointer<Double>
    ) {
        Shapes.pairs("pairDot", u, ui, v, vi, count: count)
        hs_pair_dot_f64(u.base, u.stride, ui, v.base, v.stride, vi, u.columns, scale, count, out)
    }

    public static func pairDotBackward(
        _ d: UnsafePointer<Double>, _ u: Matrix<Double>, _ ui: UnsafePointer<Int32>?, _ v: Matrix<Double>,
        _ vi: UnsafePointer<Int32>?, scale: Double, count: Int, du: Matrix<Double>, dv: Matrix<Double>
    ) {
        Shapes.pairs("pairDotBackward", u, ui, v, vi, count: count)
        Shapes.same("pairDotBackward", "u", u, "du", du)
        Shapes.same("pairDotBackward", "v", v, "dv", dv)
        hs_pair_dot_backward_f64(
            d, u.base, u.stride, ui, v.base, v.stride, vi, u.columns, scale, count, du.base, du.stride, dv.base,
            dv.stride)
    }
}
