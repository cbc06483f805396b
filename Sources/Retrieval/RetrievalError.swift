/// What an index refuses. Nothing is changed when one of these is thrown.
public enum RetrievalError: Error, Equatable, CustomStringConvertible {
    /// An index of so many dimensions cannot be made.
    case dimensionOutOfRange(Int, allowed: ClosedRange<Int>)
    /// A vector, or several side by side, of the wrong length.
    case wrongLength(operation: String, expected: Int, got: Int)
    /// A NaN or an infinity; `row` is the place of the vector among those given.
    case notFinite(operation: String, row: Int)
    /// `topK` below zero.
    case negativeTopK(Int)
    /// An id that comes twice in a bulk load.
    case duplicateId(Int64)
    /// More items than an index can hold.
    case tooManyItems(Int)

    public var description: String {
        switch self {
        case .dimensionOutOfRange(let got, let allowed):
            "index: dimension \(got) is not in \(allowed.lowerBound) ... \(allowed.upperBound)"
        case .wrongLength(let operation, let expected, let got): "\(operation): expected \(expected), got \(got)"
        case .notFinite(let operation, let row): "\(operation): vector \(row) holds a NaN or an infinity"
        case .negativeTopK(let k): "search: top \(k) of something"
        case .duplicateId(let id): "index: id \(id) comes twice"
        case .tooManyItems(let count): "index: \(count) items are too many"
        }
    }
}
