/// A view of row-major memory that somebody else owns (an `Arena`, a parameter buffer): element
/// (r, c) lies at `base[r * stride + c]`. Views are cheap to copy and never free anything; a view is
/// valid until its owner is reset.
public struct Matrix<Element> {
    public let base: UnsafeMutablePointer<Element>
    public let rows: Int
    public let columns: Int
    /// Elements between the starts of two rows, `>= columns`.
    public let stride: Int

    public init(base: UnsafeMutablePointer<Element>, rows: Int, columns: Int, stride: Int? = nil) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
        precondition(
            rows >= 0 && columns >= 0 && self.stride >= columns,
            "Matrix: [\(rows), \(columns)] with stride \(self.stride)")
    }

    /// Columns `range` as a view.
    public func columns(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "Matrix: columns \(range) of \(columns)")
        return Matrix(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// Rows `range` as a view.
    public func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "Matrix: rows \(range) of \(rows)")
        return Matrix(base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }

    /// Whether the rows lie side by side without gaps.
    public var isContiguous: Bool { stride == columns || rows <= 1 }
    public var count: Int { rows * columns }

    public subscript(row: Int, column: Int) -> Element {
        get { base[row * stride + column] }
        nonmutating set { base[row * stride + column] = newValue }
    }
}
