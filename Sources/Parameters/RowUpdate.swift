import CKernels

/// Some rows of a table, their state and their gradients. The server holds the locks; rows do not repeat.
public struct RowUpdate {
    /// Row-major [rows of the table, dimension].
    public let values: UnsafeMutablePointer<Float>
    let states: UnsafePointer<UnsafeMutablePointer<Float>>
    /// [rows of this update, dimension], in the order in which the rows were given.
    public let gradients: UnsafePointer<Float>
    let range: hs_row_range

    public var dimension: Int { range.dimension }

    /// Buffer `index` of `tableState`, whole.
    public func state(_ index: Int) -> UnsafeMutablePointer<Float> { states[index] }

    /// Calls `body` with each row's number in the table and its gradient: the slow way in, for optimisers
    /// without a kernel.
    public func forEachRow(_ body: (_ row: Int, _ gradient: UnsafePointer<Float>) -> Void) {
        for entry in range.begin..<range.end {
            let index = range.order.map { Int($0[entry]) } ?? entry
            body(Int(range.rows[index]), gradients + index * dimension)
        }
    }
}
