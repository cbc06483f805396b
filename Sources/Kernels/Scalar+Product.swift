import CKernels

/// What the inputs of matrix products are rounded to. Sums, weights, gradients and everything else stay float32.
public enum ProductPrecision: String, Sendable, CaseIterable {
    case float32
    /// Eight bits of mantissa, for twice the rate. Needs AVX512_BF16: see `Processor.hasBFloat16`.
    case bfloat16
}

/// What the processor at hand can do.
public enum Processor {
    public static let hasAVX512 = hs_has_avx512() != 0
    /// Products of bfloat16 at twice the rate of float32.
    public static let hasBFloat16 = hs_has_bf16() != 0
    /// Tells it that this thread waits for another in a loop.
    public static func pause() { hs_pause() }
}

/// The right-hand side of products: a matrix or its transpose, as it is or as `Scalar.prepare` laid it out.
public struct RightOperand<Element> {
    let matrix: Operand<Element>
    let transposed: Bool
    let precision: ProductPrecision
    /// The kernels' layout, where there is one.
    let packed: UnsafePointer<Element>?

    var rows: Int { transposed ? matrix.columns : matrix.rows }
    var columns: Int { transposed ? matrix.rows : matrix.columns }
}

/// What becomes of each element of a product: c = gate(relu(product + addend + bias)).
public struct Finish<Element> {
    /// Added to the product; may be the very matrix that the product goes into.
    public var addend: Matrix<Element>?
    /// `[columns]`, added to each row.
    public var bias: UnsafePointer<Element>?
    /// Negative elements become zero.
    public var relu: Bool
    /// Elements stay where the gate is positive and become zero elsewhere: the backward of relu, from its output.
    public var gate: Operand<Element>?

    public init(
        adding addend: Matrix<Element>? = nil, bias: UnsafePointer<Element>? = nil, relu: Bool = false,
        gate: Operand<Element>? = nil
    ) {
        self.addend = addend
        self.bias = bias
        self.relu = relu
        self.gate = gate
    }
}

extension Float {
    public static func hasNarrow(_ precision: ProductPrecision) -> Bool {
        precision == .bfloat16 && Processor.hasBFloat16
    }

    public static func prepare(
        _ b: Operand<Float>, transposed: Bool, precision: ProductPrecision, arena: Arena<Float>
    ) -> RightOperand<Float> {
        let (k, n) = transposed ? (b.columns, b.rows) : (b.rows, b.columns)
        precondition(!b.isNarrow || (precision == .bfloat16 && !transposed), "prepare: narrow, and transposed or float32")
        var packed: UnsafeMutablePointer<Float>?
        if precision == .bfloat16 {
            packed = arena.allocate(hs_packed_count_bf16(k, n))
            if b.isNarrow {
                hs_pack_narrow(b.base, b.stride, k, n, packed)
            } else {
                hs_pack_bf16(b.base, b.stride, transposed ? 1 : 0, k, n, packed)
            }
        } else if transposed, Processor.hasAVX512 {
            packed = arena.allocate(hs_packed_count(k, n))
            hs_pack_f32(b.base, b.stride, 1, k, n, packed)
        }
        return RightOperand(matrix: b, transposed: transposed, precision: precision, packed: packed.map { UnsafePointer($0) })
    }

    public static func product(
        _ a: Operand<Float>, transposed: Bool, _ b: RightOperand<Float>, into c: Operand<Float>, _ finish: Finish<Float>,
        readingNext next: Operand<Float>?
    ) {
        let (m, n, k) = Shapes.product("product", a, transposed, b.matrix, b.transposed, c)
        Shapes.finish(c, finish)
        precondition(b.precision == .bfloat16 || !(a.isNarrow || c.isNarrow), "product: narrow operands of float32")
        guard Processor.hasAVX512 || b.precision == .bfloat16 else {
            let accumulates = finish.addend.map { $0.base == c.base } ?? false
            OneDNN.gemm(
                a.matrix, transposed: transposed, b.matrix.matrix, transposed: b.transposed, into: c.matrix, alpha: 1,
                beta: accumulates ? 1 : 0)
            return apply(finish, to: c.matrix, accumulated: accumulates)
        }
        let inner = b.precision == .bfloat16 ? (k + 1) / 2 : k
        var product = hs_product(
            m: m, n: n, k: k, a: a.base, arow: transposed ? 1 : a.stride, ainner: transposed ? a.stride : 1,
            b: b.packed ?? UnsafePointer(b.matrix.base), brow: b.packed == nil ? b.matrix.stride : Int(HS_STRIP),
            bstrip: b.packed == nil ? Int(HS_STRIP) : Int(HS_STRIP) * inner, c: c.base, cstride: c.stride,
            addend: finish.addend.map { UnsafePointer($0.base) }, addendstride: finish.addend?.stride ?? 0,
            bias: finish.bias, relu: finish.relu ? 1 : 0, gate: finish.gate.map { UnsafePointer($0.base) },
            gatestride: finish.gate?.stride ?? 0, anarrow: a.isNarrow ? 1 : 0, cnarrow: c.isNarrow ? 1 : 0,
            gatenarrow: finish.gate?.isNarrow == true ? 1 : 0, next: nil)
        var walk = hs_walk(from: next.map { UnsafePointer($0.base) }, count: next.map { $0.rows * $0.stride } ?? 0, asked: 0)
        withUnsafeMutablePointer(to: &walk) {
            product.next = next == nil ? nil : $0
            if b.precision == .bfloat16 {
                if Processor.hasBFloat16 { hs_product_bf16(&product) } else { hs_product_bf16_scalar(&product) }
            } else {
                hs_product_f32(&product)
            }
        }
    }
}

extension Double {
    /// The wide twin rounds nothing.
    public static func hasNarrow(_ precision: ProductPrecision) -> Bool { false }

    public static func prepare(
        _ b: Operand<Double>, transposed: Bool, precision: ProductPrecision, arena: Arena<Double>
    ) -> RightOperand<Double> {
        RightOperand(matrix: b, transposed: transposed, precision: .float32, packed: nil)
    }

    public static func product(
        _ a: Operand<Double>, transposed: Bool, _ b: RightOperand<Double>, into c: Operand<Double>,
        _ finish: Finish<Double>, readingNext next: Operand<Double>?
    ) {
        Shapes.finish(c, finish)
        let accumulates = finish.addend.map { $0.base == c.base } ?? false
        gemm(
            a.matrix, transposed: transposed, b.matrix.matrix, transposed: b.transposed, into: c.matrix, alpha: 1,
            beta: accumulates ? 1 : 0)
        apply(finish, to: c.matrix, accumulated: accumulates)
    }
}

extension Scalar {
    public static func prepare(
        _ b: Matrix<Self>, transposed: Bool, precision: ProductPrecision, arena: Arena<Self>
    ) -> RightOperand<Self> {
        prepare(Operand(b), transposed: transposed, precision: precision, arena: arena)
    }

    public static func product(
        _ a: Operand<Self>, transposed: Bool, _ b: RightOperand<Self>, into c: Operand<Self>, _ finish: Finish<Self>
    ) {
        product(a, transposed: transposed, b, into: c, finish, readingNext: nil)
    }

    public static func product(
        _ a: Matrix<Self>, transposed: Bool, _ b: RightOperand<Self>, into c: Matrix<Self>, _ finish: Finish<Self>
    ) {
        product(Operand(a), transposed: transposed, b, into: Operand(c), finish, readingNext: nil)
    }

    /// `finish` as passes of their own.
    fileprivate static func apply(_ finish: Finish<Self>, to c: Matrix<Self>, accumulated: Bool) {
        if let addend = finish.addend, !accumulated {
            for r in 0..<c.rows { axpy(1, addend.base + r * addend.stride, c.base + r * c.stride, count: c.columns) }
        }
        if let bias = finish.bias { addRow(bias, to: c) }
        if finish.relu { relu(c) }
        if let gate = finish.gate { reluBackward(gate.matrix, c) }
    }
}
