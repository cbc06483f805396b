import CKernels

/// Changes on their way into an index: made inside `ItemIndex.update`, seen by searches all at once when it returns.
/// Each item costs its own quantising and, the first time a draft touches them, copies of one or two chunks.
public struct IndexDraft: ~Copyable {
    private let dimension: Int
    private let mark: UInt64
    private var chunks: [Chunk]
    private var positions: PositionMap

    init(_ snapshot: IndexSnapshot, mark: UInt64) {
        dimension = snapshot.dimension
        self.mark = mark
        chunks = snapshot.chunks
        positions = snapshot.positions
    }

    /// Items, with the changes so far.
    public var count: Int { positions.count }

    public func contains(_ id: Int64) -> Bool { positions[id] != nil }

    /// Adds an item, or replaces the one with this id.
    public mutating func upsert(_ id: Int64, vector: [Float], category: UInt16 = 0) throws(RetrievalError) {
        guard vector.count == dimension else {
            throw .wrongLength(operation: "upsert", expected: dimension, got: vector.count)
        }
        // Looked at before anything is copied, so that a refused vector leaves no trace.
        guard vector.allSatisfy(\.isFinite) else { throw .notFinite(operation: "upsert", row: 0) }
        let known = positions[id].map(Int.init)
        let position = known ?? count
        guard position < Int(Int32.max) else { throw .tooManyItems(position) }
        if position == chunks.count * Chunk.rows { chunks.append(Chunk(dimension: dimension, draft: mark)) }
        let isSet = writable(position / Chunk.rows)
            .set(position % Chunk.rows, id: id, vector: vector, category: category)
        precondition(isSet, "upsert: finite vector refused")
        if known == nil { positions.set(id, to: Int32(position), draft: mark) }
    }

    /// Removes an item; false when there is none with this id. The last item takes its place.
    @discardableResult
    public mutating func remove(_ id: Int64) -> Bool {
        guard let position = positions[id].map(Int.init) else { return false }
        let last = count - 1
        let tail = writable(last / Chunk.rows)
        if position != last {
            writable(position / Chunk.rows).set(position % Chunk.rows, from: tail, last % Chunk.rows)
            positions.set(tail.ids[last % Chunk.rows], to: Int32(position), draft: mark)
        }
        tail.count -= 1
        if tail.count == 0 { chunks.removeLast() }
        positions.remove(id, draft: mark)
        return true
    }

    private mutating func writable(_ chunk: Int) -> Chunk {
        if chunks[chunk].draft != mark { chunks[chunk] = Chunk(copying: chunks[chunk], draft: mark) }
        return chunks[chunk]
    }

    consuming func snapshot() -> IndexSnapshot {
        IndexSnapshot(dimension: dimension, chunks: chunks, positions: positions)
    }
}
