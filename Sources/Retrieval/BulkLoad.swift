import CKernels
import Dispatch
import Synchronization

/// Fills the chunks of a new index, several at a time.
///
/// SAFETY of `@unchecked Sendable`: each iteration writes to a chunk of its own and reads what nobody changes.
struct BulkLoad: @unchecked Sendable {
    let dimension: Int
    let ids: [Int64]
    let vectors: UnsafePointer<Float>?
    let lender: (any AnyObject & Sendable)?
    let categories: [UInt16]?

    init(
        _ dimension: Int, ids: [Int64], vectors: UnsafeBufferPointer<Float>, lender: (any AnyObject & Sendable)?,
        categories: [UInt16]?
    ) throws(RetrievalError) {
        guard vectors.count == ids.count * dimension else {
            throw .wrongLength(operation: "index vectors", expected: ids.count * dimension, got: vectors.count)
        }
        if let categories, categories.count != ids.count {
            throw .wrongLength(operation: "index categories", expected: ids.count, got: categories.count)
        }
        guard ids.count < Int(Int32.max) else { throw .tooManyItems(ids.count) }
        self.dimension = dimension
        self.ids = ids
        self.vectors = vectors.baseAddress
        self.lender = lender
        self.categories = categories
    }

    func snapshot(threads: Int) throws(RetrievalError) -> IndexSnapshot {
        let chunks = (ids.count + Chunk.rows - 1) / Chunk.rows
        let filled = Mutex<[Chunk?]>(Array(repeating: nil, count: chunks))
        let refused = Mutex<Int?>(nil)
        let parts = max(1, min(threads, chunks))
        DispatchQueue.concurrentPerform(iterations: parts) { part in
            for c in stride(from: part, to: chunks, by: parts) {
                let (chunk, bad) = fill(c)
                filled.withLock { $0[c] = chunk }
                if let bad { refused.withLock { $0 = min($0 ?? bad, bad) } }
            }
        }
        if let row = refused.withLock({ $0 }) { throw .notFinite(operation: "index", row: row) }
        let whole = filled.withLock { $0.map { $0! } }
        return IndexSnapshot(dimension: dimension, chunks: whole, positions: try positions())
    }

    private func fill(_ c: Int) -> (Chunk, refused: Int?) {
        let first = c * Chunk.rows
        let rows = min(Chunk.rows, ids.count - first)
        let from = vectors! + first * dimension
        let chunk = Chunk(dimension: dimension, draft: 0, borrowing: lender == nil ? nil : from, of: lender)
        if lender == nil { chunk.vectors.update(from: from, count: rows * dimension) }
        chunk.count = rows
        let bad = chunk.centreAndQuantise()
        for row in 0..<rows {
            chunk.ids[row] = ids[first + row]
            if let categories { chunk.categories[row] = categories[first + row] }
        }
        return (chunk, bad.map { first + $0 })
    }

    private func positions() throws(RetrievalError) -> PositionMap {
        var map = PositionMap(expecting: ids.count)
        for (position, id) in ids.enumerated() {
            map.set(id, to: Int32(position), draft: 0)
            guard map.count == position + 1 else { throw .duplicateId(id) }
        }
        return map
    }
}
