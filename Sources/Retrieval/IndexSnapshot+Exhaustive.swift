import CKernels

extension IndexSnapshot {
    /// The naive scan: every item that passes the filter is scored exactly and all are sorted. The oracle that
    /// `search` is tested against; it shares nothing with it but the score of one item.
    public func searchExhaustively(
        _ query: [Float], topK: Int, candidates: [Int64]? = nil, filter: ItemFilter = ItemFilter()
    ) throws(RetrievalError) -> SearchResult {
        guard query.count == dimension else {
            throw .wrongLength(operation: "search", expected: dimension, got: query.count)
        }
        try check(query, topK: topK)
        let wanted = candidates.map(Set.init), allowed = filter.allow.map(Set.init), denied = Set(filter.deny)
        var rows: [Int32] = []
        var ids: [Int64] = []
        for (c, chunk) in chunks.enumerated() {
            for row in 0..<chunk.count {
                let id = chunk.ids[row]
                guard wanted?.contains(id) ?? true, allowed?.contains(id) ?? true, !denied.contains(id),
                    filter.categories?.contains(chunk.categories[row]) ?? true
                else { continue }
                rows.append(Int32(c * Chunk.rows + row))
                ids.append(id)
            }
        }
        var scores = [Float](repeating: 0, count: rows.count)
        var prepared = hs_topk_query()
        precondition(hs_topk_query_init(&prepared, query, dimension) != 0, "search: out of memory")
        defer { hs_topk_query_free(&prepared) }
        hs_topk_scores(&prepared, views, rows, rows.count, &scores)
        let order = rows.indices.sorted { (scores[$0], ids[$1]) > (scores[$1], ids[$0]) }.prefix(topK)
        let known = Set(chunks.flatMap { chunk in (0..<chunk.count).map { chunk.ids[$0] } })
        return SearchResult(
            ids: order.map { ids[$0] }, scores: order.map { scores[$0] },
            unknownCandidates: candidates?.count { !known.contains($0) } ?? 0, considered: rows.count,
            rescored: rows.count)
    }
}
