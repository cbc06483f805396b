import CKernels

/// The items of an index at one moment. Immutable; any thread may search it.
///
/// SAFETY of `@unchecked Sendable`: the views point into the chunks, which this snapshot keeps and nobody changes.
public final class IndexSnapshot: @unchecked Sendable {
    public let dimension: Int
    let chunks: [Chunk]
    let positions: PositionMap
    /// The chunks as the kernels see them.
    let views: [hs_topk_chunk]

    init(dimension: Int, chunks: [Chunk], positions: PositionMap) {
        self.dimension = dimension
        self.chunks = chunks
        self.positions = positions
        views = chunks.map(\.view)
    }

    /// Items.
    public var count: Int { positions.count }

    public func contains(_ id: Int64) -> Bool { positions[id] != nil }

    /// The vector and category of an item, nil when there is none with this id.
    public func item(_ id: Int64) -> (vector: [Float], category: UInt16)? {
        guard let position = positions[id].map(Int.init) else { return nil }
        let chunk = chunks[position / Chunk.rows], row = position % Chunk.rows
        let vector = UnsafeBufferPointer(start: chunk.vectors + row * dimension, count: dimension)
        return (Array(vector), chunk.categories[row])
    }

    /// The `topK` items with the highest scores, highest first.
    ///
    /// The score of an item is its inner product with the query, summed in double and rounded to float once: never
    /// NaN, infinite where a float cannot hold it. Items of equal score come in ascending order of id, also where
    /// they are cut off, so the answer is a function of query and items alone; not of the order in which items came,
    /// the processor, or `threads`. It is the answer of `searchExhaustively`, exactly.
    ///
    /// - Parameters:
    ///   - query: `dimension` finite elements.
    ///   - topK: how many; fewer come back when fewer pass the filter.
    ///   - candidates: the only items to look at; repetitions and order mean nothing. Nil: all.
    ///   - threads: how many to split the scan among, this one included.
    public func search(
        _ query: [Float], topK: Int, candidates: [Int64]? = nil, filter: ItemFilter = ItemFilter(), threads: Int = 1
    ) throws(RetrievalError) -> SearchResult {
        guard query.count == dimension else {
            throw .wrongLength(operation: "search", expected: dimension, got: query.count)
        }
        return try search(batch: query, topK: topK, candidates: candidates, filter: filter, threads: threads)[0]
    }

    /// The same for several queries, [n, dimension], under one filter: the codes of an item are read once for four
    /// queries, and a chunk once from memory for all of them. `row` of `notFinite` is the query.
    public func search(
        batch queries: [Float], topK: Int, candidates: [Int64]? = nil, filter: ItemFilter = ItemFilter(),
        threads: Int = 1
    ) throws(RetrievalError) -> [SearchResult] {
        try search(
            batch: queries, topK: topK, candidates: candidates, filter: filter, threads: threads,
            instructions: hs_topk_best_isa())
    }

    func search(
        batch queries: [Float], topK: Int, candidates: [Int64]?, filter: ItemFilter, threads: Int, instructions: Int32
    ) throws(RetrievalError) -> [SearchResult] {
        try check(queries, topK: topK)
        let mask = RowMask(self, candidates: candidates, filter: filter)
        let wanted = mask?.count ?? count
        let plan = SearchPlan(
            snapshot: self, queries: queries, topK: min(topK, wanted), mask: mask, wanted: wanted, threads: threads,
            instructions: instructions)
        return plan.run()
    }

    func check(_ queries: [Float], topK: Int) throws(RetrievalError) {
        guard queries.count % dimension == 0 else {
            throw .wrongLength(
                operation: "search", expected: (queries.count / dimension + 1) * dimension, got: queries.count)
        }
        if let bad = queries.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(operation: "search", row: bad / dimension)
        }
        guard topK >= 0 else { throw .negativeTopK(topK) }
    }
}

/// The best items for a query, and what finding them took.
public struct SearchResult: Sendable, Equatable {
    /// Best first.
    public var ids: [Int64]
    /// The score of each.
    public var scores: [Float]
    /// Candidate ids that the index does not have, repetitions counted.
    public var unknownCandidates: Int
    /// Items that passed the filter.
    public var considered: Int
    /// Items whose exact score was computed; the others were excluded by their bounds.
    public var rescored: Int
}
