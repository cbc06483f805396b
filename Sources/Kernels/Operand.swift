import CKernels

/// A matrix that nothing but products and attention read and write: as it is, or narrow, its elements rounded to
/// bfloat16, two in an element's place. A view, as `Matrix` is.
///
/// Products of bfloat16 round what goes into them anyway. Who writes a narrow matrix rounds an element once for all who
/// read it, and moves half the bytes.
public struct Operand<Element> {
    public let base: UnsafeMutablePointer<Element>
    public let rows: Int
    public let columns: Int
    /// Places between the starts of two rows.
    public let stride: Int
    public let isNarrow: Bool

    public init(_ matrix: Matrix<Element>) {
        base = matrix.base
        rows = matrix.rows
        columns = matrix.columns
        stride = matrix.stride
        isNarrow = false
    }

    init(base: UnsafeMutablePointer<Element>, rows: Int, columns: Int, stride: Int, isNarrow: Bool) {
        precondition(
            rows >= 0 && columns >= 0 && stride >= (isNarrow ? (columns + 1) / 2 : columns),
            "Operand: [\(rows), \(columns)] with stride \(stride)")
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride
        self.isNarrow = isNarrow
    }

    /// Rows `range` as a view.
    public func rows(_ range: Range<Int>) -> Operand {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "Operand: rows \(range) of \(rows)")
        return Operand(
            base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride, isNarrow: isNarrow)
    }

    /// What is not narrow, as the matrix that it is.
    public var matrix: Matrix<Element> {
        precondition(!isNarrow, "Operand: narrow where a matrix is expected")
        return Matrix(base: base, rows: rows, columns: columns, stride: stride)
    }
}

extension Operand<Float> {
    /// An element, and in a narrow one what it is rounded to: for tests and small matrices.
    public subscript(row: Int, column: Int) -> Float {
        get {
            guard isNarrow else { return base[row * stride + column] }
            return Float(bitPattern: UInt32(narrow(row)[column]) << 16)
        }
        nonmutating set {
            if isNarrow { hs_to_bf16([newValue], 1, narrow(row) + column) } else { base[row * stride + column] = newValue }
        }
    }

    private func narrow(_ row: Int) -> UnsafeMutablePointer<UInt16> {
        UnsafeMutableRawPointer(base + row * stride).assumingMemoryBound(to: UInt16.self)
    }
}

extension Arena where Element: Scalar {
    /// Undefined values, rows spread as those of `spreadMatrix`; narrow where products of this precision can read that.
    public func operand(_ rows: Int, _ columns: Int, _ precision: ProductPrecision) -> Operand<Element> {
        guard Element.hasNarrow(precision) else { return Operand(spreadMatrix(rows, columns)) }
        let places = spreadMatrix(rows, (columns + 1) / 2)
        return Operand(base: places.base, rows: rows, columns: columns, stride: places.stride, isNarrow: true)
    }
}
