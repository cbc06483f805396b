import CKernels

extension Float {
    public static func gatherRows(_ table: Matrix<Float>, index: UnsafePointer<Int32>, into y: Matrix<Float>) {
        Shapes.sameColumns("gatherRows", "table", table, "y", y)
        hs_gather_rows_f32(table.base, table.stride, index, y.rows, y.columns, y.base, y.stride)
    }

    public static func scatterAddRows(
        _ x: Operand<Float>, index: UnsafePointer<Int32>, into table: Matrix<Float>
    ) {
        Shapes.sameColumns("scatterAddRows", "x", x, "table", Operand(table))
        let kernel = x.isNarrow ? hs_scatter_add_rows_narrow : hs_scatter_add_rows_f32
        kernel(x.base, x.stride, index, x.rows, x.columns, table.base, table.stride)
    }

    public static func gatherAddRows(_ table: Matrix<Float>, index: UnsafePointer<Int32>, into y: Matrix<Float>) {
        Shapes.sameColumns("gatherAddRows", "table", table, "y", y)
        hs_gather_add_rows_f32(table.base, table.stride, index, y.rows, y.columns, y.base, y.stride)
    }

    public static func bagRows(
        _ table: Matrix<Float>, index: UnsafePointer<Int32>, offsets: UnsafePointer<Int32>, mean: Bool,
        into y: Matrix<Float>
    ) {
        Shapes.sameColumns("bagRows", "table", table, "y", y)
        hs_bag_rows_f32(
            table.base, table.stride, index, offsets, y.rows, y.columns, mean ? 1 : 0, y.base, y.stride)
    }

    public static func bagRowsBackward(
        _ dy: Matrix<Float>, index: UnsafePointer<Int32>, offsets: UnsafePointer<Int32>, mean: Bool,
        into table: Matrix<Float>
    ) {
        Shapes.sameColumns("bagRowsBackward", "dy", dy, "table", table)
        hs_bag_rows_backward_f32(
            dy.base, dy.stride, index, offsets, dy.rows, dy.columns, mean ? 1 : 0, table.base, table.stride)
    }
}

extension Double {
    public static func gatherRows(_ table: Matrix<Double>, index: UnsafePointer<Int32>, into y: Matrix<Double>) {
        Shapes.sameColumns("gatherRows", "table", table, "y", y)
        hs_gather_rows_f64(table.base, table.stride, index, y.rows, y.columns, y.base, y.stride)
    }

    public static func scatterAddRows(
        _ x: Operand<Double>, index: UnsafePointer<Int32>, into table: Matrix<Double>
    ) {
        Shapes.sameColumns("scatterAddRows", "x", x, "table", Operand(table))
        hs_scatter_add_rows_f64(x.base, x.stride, index, x.rows, x.columns, table.base, table.stride)
    }

    public static func gatherAddRows(_ table: Matrix<Double>, index: UnsafePointer<Int32>, into y: Matrix<Double>) {
        Shapes.sameColumns("gatherAddRows", "table", table, "y", y)
        hs_gather_add_rows_f64(table.base, table.stride, index, y.rows, y.columns, y.base, y.stride)
    }

    public static func bagRows(
        _ table: Matrix<Double>, index: UnsafePointer<Int32>, offsets: UnsafePointer<Int32>, mean: Bool,
        into y: Matrix<Double>
    ) {
        Shapes.sameColumns("bagRows", "table", table, "y", y)
        hs_bag_rows_f64(
            table.base, table.stride, index, offsets, y.rows, y.columns, mean ? 1 : 0, y.base, y.stride)
    }

    public static func bagRowsBackward(
        _ dy: Matrix<Double>, index: UnsafePointer<Int32>, offsets: UnsafePointer<Int32>, mean: Bool,
        into table: Matrix<Double>
    ) {
        Shapes.sameColumns("bagRowsBackward", "dy", dy, "table", table)
        hs_bag_rows_backward_f64(
            dy.base, dy.stride, index, offsets, dy.rows, dy.columns, mean ? 1 : 0, table.base, table.stride)
    }
}

extension Scalar {
    public static func scatterAddRows(_ x: Matrix<Self>, index: UnsafePointer<Int32>, into table: Matrix<Self>) {
        scatterAddRows(Operand(x), index: index, into: table)
    }
}
