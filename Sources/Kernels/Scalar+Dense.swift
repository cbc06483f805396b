import CKernels

extension Float {
    public static func addRow(_ bias: UnsafePointer<Float>, to x: Matrix<Float>) {
        hs_add_row_f32(bias, x.base, x.rows, x.columns, x.stride)
    }

    public static func addColumnSums(of x: Operand<Float>, to sums: UnsafeMutablePointer<Float>) {
        let kernel = x.isNarrow ? hs_add_column_sums_narrow : hs_add_column_sums_f32
        kernel(x.base, x.rows, x.columns, x.stride, sums)
    }

    public static func axpy(
        _ alpha: Float, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int
    ) {
        hs_axpy_f32(alpha, x, y, count)
    }

    public static func relu(_ x: Matrix<Float>) {
        hs_relu_f32(x.base, x.rows, x.columns, x.stride)
    }

    public static func reluBackward(_ y: Matrix<Float>, _ dy: Matrix<Float>) {
        Shapes.same("reluBackward", "y", y, "dy", dy)
        hs_leaky_relu_backward_f32(y.base, y.stride, dy.base, dy.stride, y.rows, y.columns, 0)
    }

    public static func leakyRelu(_ x: Matrix<Float>, slope: Float) {
        hs_leaky_relu_f32(x.base, x.rows, x.columns, x.stride, slope)
    }

    public static func leakyReluBackward(_ y: Matrix<Float>, _ dy: Matrix<Float>, slope: Float) {
        Shapes.same("leakyReluBackward", "y", y, "dy", dy)
        hs_leaky_relu_backward_f32(y.base, y.stride, dy.base, dy.stride, y.rows, y.columns, slope)
    }
}

extension Double {
    public static func addRow(_ bias: UnsafePointer<Double>, to x: Matrix<Double>) {
        hs_add_row_f64(bias, x.base, x.rows, x.columns, x.stride)
    }

    public static func addColumnSums(of x: Operand<Double>, to sums: UnsafeMutablePointer<Double>) {
        hs_add_column_sums_f64(x.base, x.rows, x.columns, x.stride, sums)
    }

    public static func axpy(
        _ alpha: Double, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, count: Int
    ) {
        hs_axpy_f64(alpha, x, y, count)
    }

    public static func relu(_ x: Matrix<Double>) {
        hs_relu_f64(x.base, x.rows, x.columns, x.stride)
    }

    public static func reluBackward(_ y: Matrix<Double>, _ dy: Matrix<Double>) {
        Shapes.same("reluBackward", "y", y, "dy", dy)
        hs_leaky_relu_backward_f64(y.base, y.stride, dy.base, dy.stride, y.rows, y.columns, 0)
    }

    public static func leakyRelu(_ x: Matrix<Double>, slope: Double) {
        hs_leaky_relu_f64(x.base, x.rows, x.columns, x.stride, slope)
    }

    public static func leakyReluBackward(_ y: Matrix<Double>, _ dy: Matrix<Double>, slope: Double) {
        Shapes.same("leakyReluBackward", "y", y, "dy", dy)
        hs_leaky_relu_backward_f64(y.base, y.stride, dy.base, dy.stride, y.rows, y.columns, slope)
    }
}

extension Scalar {
    public static func addColumnSums(of x: Matrix<Self>, to sums: UnsafeMutablePointer<Self>) {
        addColumnSums(of: Operand(x), to: sums)
    }
}
