/// The checks at the door of the kernels: each names the kernel and the shapes that do not fit.
enum Shapes {
    @inline(__always)
    static func same<T>(
        _ kernel: StaticString, _ nameA: StaticString, _ a: Matrix<T>, _ nameB: StaticString, _ b: Matrix<T>
    ) {
        same(kernel, nameA, Operand(a), nameB, Operand(b))
    }

    @inline(__always)
    static func same<T>(
        _ kernel: StaticString, _ nameA: StaticString, _ a: Operand<T>, _ nameB: StaticString, _ b: Operand<T>
    ) {
        precondition(
            a.rows == b.rows && a.columns == b.columns,
            "\(kernel): \(nameA) [\(a.rows), \(a.columns)], \(nameB) [\(b.rows), \(b.columns)]")
    }

    @inline(__always)
    static func sameColumns<T>(
        _ kernel: StaticString, _ nameA: StaticString, _ a: Matrix<T>, _ nameB: StaticString, _ b: Matrix<T>
    ) {
        sameColumns(kernel, nameA, Operand(a), nameB, Operand(b))
    }

    @inline(__always)
    static func sameColumns<T>(
        _ kernel: StaticString, _ nameA: StaticString, _ a: Operand<T>, _ nameB: StaticString, _ b: Operand<T>
    ) {
        precondition(
            a.columns == b.columns,
            "\(kernel): \(nameA) [\(a.rows), \(a.columns)], \(nameB) [\(b.rows), \(b.columns)]")
    }

    @inline(__always)
    static func attention<T>(
        _ kernel: StaticString, _ qkv: Operand<T>, _ out: Operand<T>, heads: Int, headDimension: Int
    ) {
        precondition(
            qkv.isNarrow == out.isNarrow && (!qkv.isNarrow || headDimension % 2 == 0),
            "\(kernel): qkv narrow \(qkv.isNarrow), out narrow \(out.isNarrow), heads of \(headDimension)")
        precondition(
            qkv.rows == out.rows && qkv.columns == 3 * heads * headDimension && out.columns == heads * headDimension,
            """
            \(kernel): qkv [\(qkv.rows), \(qkv.columns)], out [\(out.rows), \(out.columns)], \
            \(heads) heads of \(headDimension)
            """)
    }

    /// Requests tile the rows from 0 to `rows`; that the offsets between do not fall is trusted.
    @inline(__always)
    static func offsets(_ kernel: StaticString, _ offsets: UnsafePointer<Int32>, requests: Int, rows: Int) {
        precondition(
            offsets[0] >= 0 && Int(offsets[requests]) <= rows,
            "\(kernel): offsets \(offsets[0]) ... \(offsets[requests]) of \(requests) requests in \(rows) rows")
    }

    @inline(__always)
    static func pairs<T>(
        _ kernel: StaticString, _ u: Matrix<T>, _ ui: UnsafePointer<Int32>?, _ v: Matrix<T>,
        _ vi: UnsafePointer<Int32>?, count: Int
    ) {
        precondition(
            u.columns == v.columns && (ui != nil || u.rows >= count) && (vi != nil || v.rows >= count),
            "\(kernel): u [\(u.rows), \(u.columns)], v [\(v.rows), \(v.columns)], \(count) pairs")
    }

    /// The m, n, k of C [m, n] = op(A) [m, k] op(B) [k, n].
    @inline(__always)
    static func product<T>(
        _ kernel: StaticString, _ a: Operand<T>, _ ta: Bool, _ b: Operand<T>, _ tb: Bool, _ c: Operand<T>
    ) -> (m: Int, n: Int, k: Int) {
        let (m, k) = ta ? (a.columns, a.rows) : (a.rows, a.columns)
        let (inner, n) = tb ? (b.columns, b.rows) : (b.rows, b.columns)
        precondition(
            k == inner && c.rows == m && c.columns == n,
            "\(kernel): op(lhs) [\(m), \(k)] x op(rhs) [\(inner), \(n)] into [\(c.rows), \(c.columns)]")
        return (m, n, k)
    }

    @inline(__always)
    static func gemm<T>(
        _ a: Matrix<T>, _ ta: Bool, _ b: Matrix<T>, _ tb: Bool, _ c: Matrix<T>
    ) -> (m: Int, n: Int, k: Int) {
        product("gemm", Operand(a), ta, Operand(b), tb, Operand(c))
    }

    @inline(__always)
    static func finish<T>(_ c: Operand<T>, _ finish: Finish<T>) {
        if let addend = finish.addend { same("product", "c", c, "addend", Operand(addend)) }
        if let gate = finish.gate { same("product", "c", c, "gate", gate) }
    }
}
