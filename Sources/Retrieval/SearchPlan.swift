import CKernels
import Dispatch

/// One search on its way: which rows, which queries, how many threads.
///
/// SAFETY of `@unchecked Sendable`: threads share what is read and write to collectors and ranges of their own.
struct SearchPlan: @unchecked Sendable {
    let snapshot: IndexSnapshot
    let queries: [Float]
    let topK: Int
    let mask: RowMask?
    let wanted: Int
    let threads: Int
    let instructions: Int32

    private var queryCount: Int { queries.count / snapshot.dimension }

    func run() -> [SearchResult] {
        guard topK > 0 else { return (0..<queryCount).map { _ in result([], [], rescored: 0) } }
        let prepared = prepare()
        defer {
            for q in 0..<queryCount { hs_topk_query_free(prepared + q) }
            prepared.deallocate()
        }
        return wanted == topK || wanted < snapshot.count / 8 ? scoreAll(prepared) : sift(prepared)
    }

    private func prepare() -> UnsafeMutablePointer<hs_topk_query> {
        let prepared = UnsafeMutablePointer<hs_topk_query>.allocate(capacity: queryCount)
        queries.withUnsafeBufferPointer { values in
            for q in 0..<queryCount {
                let from = values.baseAddress! + q * snapshot.dimension
                inMemory(hs_topk_query_init(prepared + q, from, snapshot.dimension))
            }
        }
        return prepared
    }

    // MARK: Few rows, or all of them asked for: exact scores at once

    private func scoreAll(_ prepared: UnsafeMutablePointer<hs_topk_query>) -> [SearchResult] {
        let positions = mask?.positions ?? Array(0..<Int32(snapshot.count))
        return positions.withUnsafeBufferPointer { positions in
            let box = Unchecked((positions, prepared))
            return eachQuery { q in
                let (positions, prepared) = box.value
                let scores = UnsafeMutablePointer<Float>.allocate(capacity: positions.count)
                defer { scores.deallocate() }
                score(prepared + q, positions.baseAddress!, 0..<positions.count, scores)
                return select(scores, positions.baseAddress!, positions.count)
            }
        }
    }

    // MARK: Many rows: bounds first

    private func sift(_ prepared: UnsafeMutablePointer<hs_topk_query>) -> [SearchResult] {
        let parts = max(1, min(threads, snapshot.count / 8192))
        let all = UnsafeMutablePointer<hs_topk_collector>.allocate(capacity: parts * queryCount)
        for i in 0..<parts * queryCount { inMemory(hs_topk_collector_init(all + i, topK)) }
        defer {
            for i in 0..<parts * queryCount { hs_topk_collector_free(all + i) }
            all.deallocate()
        }
        let box = Unchecked((all, prepared))
        perform(parts) { part in
            let (all, prepared) = box.value
            scan(part, of: parts, prepared, into: all + part * queryCount)
        }
        return eachQuery { q in
            let (all, prepared) = box.value
            for part in 1..<max(parts, 1) {
                inMemory(hs_topk_merge(all + q, all + part * queryCount + q, prepared + q))
            }
            return rescore(prepared + q, all + q)
        }
    }

    private func scan(
        _ part: Int, of parts: Int, _ prepared: UnsafePointer<hs_topk_query>,
        into collectors: UnsafeMutablePointer<hs_topk_collector>
    ) {
        let views = snapshot.views
        func scan(_ words: UnsafePointer<UInt64>?) {
            for c in stride(from: part, to: views.count, by: parts) {
                var view = views[c]
                let base = c * Chunk.rows
                inMemory(
                    hs_topk_scan(
                        &view, base, words.map { $0 + base / 64 }, prepared, collectors, queryCount, instructions))
            }
        }
        if let mask { mask.words.withUnsafeBufferPointer { scan($0.baseAddress) } } else { scan(nil) }
    }

    /// Scores the rows that bound best, which raises the threshold once more, then those still in question.
    private func rescore(
        _ query: UnsafePointer<hs_topk_query>, _ collector: UnsafeMutablePointer<hs_topk_collector>
    ) -> SearchResult {
        let front = hs_topk_settle(collector, query)
        let scores = UnsafeMutablePointer<Float>.allocate(capacity: collector.pointee.count)
        defer { scores.deallocate() }
        score(query, collector.pointee.positions, 0..<front, scores)
        hs_topk_drop(collector, query, scores, front)
        score(query, collector.pointee.positions, front..<collector.pointee.count, scores)
        return select(scores, collector.pointee.positions, collector.pointee.count)
    }

    // MARK: Exact scores and their order

    private func score(
        _ query: UnsafePointer<hs_topk_query>, _ positions: UnsafePointer<Int32>, _ range: Range<Int>,
        _ scores: UnsafeMutablePointer<Float>
    ) {
        let parts = queryCount > 1 ? 1 : max(1, min(threads, range.count / 512))
        let each = (range.count + parts - 1) / parts
        let box = Unchecked((query, positions, scores))
        perform(parts) { part in
            let (query, positions, scores) = box.value
            let first = min(range.lowerBound + part * each, range.upperBound)
            let count = min(each, range.upperBound - first)
            hs_topk_scores(query, snapshot.views, positions + first, count, scores + first)
        }
    }

    private func select(_ scores: UnsafePointer<Float>, _ positions: UnsafePointer<Int32>, _ count: Int) -> SearchResult {
        var values: [Float] = []
        let ids = [Int64](unsafeUninitializedCapacity: topK) { ids, filled in
            values = [Float](unsafeUninitializedCapacity: topK) { values, same in
                filled = hs_topk_select(
                    scores, positions, count, snapshot.views, topK, ids.baseAddress, values.baseAddress)
                inMemory(filled < 0 ? 0 : 1)
                same = filled
            }
        }
        return result(ids, values, rescored: count)
    }

    private func result(_ ids: [Int64], _ scores: [Float], rescored: Int) -> SearchResult {
        SearchResult(
            ids: ids, scores: scores, unknownCandidates: mask?.unknown ?? 0, considered: wanted, rescored: rescored)
    }

    // MARK: Threads

    /// The results of all queries; threads take every so many of them.
    private func eachQuery(_ body: @Sendable (Int) -> SearchResult) -> [SearchResult] {
        let count = queryCount
        return [SearchResult](unsafeUninitializedCapacity: count) { results, filled in
            let parts = max(1, min(threads, count))
            let box = Unchecked(results.baseAddress!)
            perform(parts) { part in
                for q in stride(from: part, to: count, by: parts) { (box.value + q).initialize(to: body(q)) }
            }
            filled = count
        }
    }

    private func perform(_ parts: Int, _ body: @Sendable (Int) -> Void) {
        if parts == 1 { body(0) } else { DispatchQueue.concurrentPerform(iterations: parts, execute: body) }
    }

    private func inMemory(_ succeeded: Int32) { precondition(succeeded != 0, "search: out of memory") }
}

/// Lets pointers into a closure that another thread runs; each use says above why that is sound.
private struct Unchecked<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
