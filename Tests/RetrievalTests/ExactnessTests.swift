import CKernels
import Foundation
import Testing

@testable import Retrieval

@Suite("Search gives the naive scan's ids, order and scores")
struct ExactnessTests {
    @Test("in ten thousand small random and adversarial cases", arguments: 0..<10)
    func small(part: UInt64) throws {
        for i in 0..<1000 as Range<UInt64> { try check(SearchCase(seed: part * 1000 + i, sizes: 0...90, filtered: i % 4 == 0)) }
    }

    @Test("in cases of several chunks, where the bounds do the work", arguments: 0..<4)
    func large(part: UInt64) throws {
        for i in 0..<25 as Range<UInt64> { try check(SearchCase(seed: 50_000 + part * 25 + i, sizes: 1000...4000, filtered: i % 3 == 0)) }
    }

    private func check(_ c: SearchCase) throws {
        let index = try c.index().snapshot
        let expected = try index.searchExhaustively(c.query, topK: c.topK, candidates: c.candidates, filter: c.filter)
        for set in instructionSets {
            let got = try index.search(
                batch: c.query, topK: c.topK, candidates: c.candidates, filter: c.filter, threads: 1,
                instructions: set)[0]
            #expect(got.answer == expected.answer, "seed \(c.seed), instruction set \(set)")
        }
        #expect(expected.scores.allSatisfy { !$0.isNaN }, "seed \(c.seed)")
    }

    @Test("in batches of any size, and with any number of threads", arguments: [1, 2, 3, 4, 5, 7, 64])
    func batches(size: Int) throws {
        for seed in 0..<6 as Range<UInt64> {
            let c = SearchCase(seed: 70_000 + seed, sizes: 9000...20_000, filtered: seed % 2 == 1)
            let index = try c.index().snapshot
            var random = Seeded(seed)
            var queries: [Float] = []
            for q in 0..<size { queries += q == 0 ? c.query : (0..<c.dimension).map { _ in random.normal() } }
            let k = [10, 300, 2500][Int(seed) % 3]
            let one = try index.search(batch: queries, topK: k, candidates: c.candidates, filter: c.filter)
            let three = try index.search(batch: queries, topK: k, candidates: c.candidates, filter: c.filter, threads: 3)
            #expect(one.map(\.answer) == three.map(\.answer), "seed \(c.seed)")
            for q in stride(from: 0, to: size, by: 9) {
                let query = Array(queries[q * c.dimension..<(q + 1) * c.dimension])
                let expected = try index.searchExhaustively(query, topK: k, candidates: c.candidates, filter: c.filter)
                #expect(one[q].answer == expected.answer, "seed \(c.seed), query \(q)")
                let alone = try index.search(query, topK: k, candidates: c.candidates, filter: c.filter, threads: 2)
                #expect(alone.answer == expected.answer, "seed \(c.seed), query \(q) alone")
            }
        }
    }

    @Test("for the ten thousand best of thirty thousand, most of them tied")
    func manyTies() throws {
        var random = Seeded(1)
        let ids = (0..<30_000).map(Int64.init).shuffled(using: &random)
        let vectors = ids.flatMap { _ -> [Float] in [Float(Int.random(in: 0...2, using: &random)), 1] }
        let index = try ItemIndex(dimension: 2, ids: ids, vectors: vectors).snapshot
        for query in [[1, 0.5], [0, 0], [-1, 3]] as [[Float]] {
            let expected = try index.searchExhaustively(query, topK: 10_000)
            #expect(try index.search(query, topK: 10_000).answer == expected.answer)
        }
    }
}

@Suite("The bounds")
struct BoundTests {
    @Test("hold the exact inner product, for every hardness and instruction set")
    func sound() throws {
        for seed in 0..<2000 as Range<UInt64> {
            let c = SearchCase(seed: 90_000 + seed, sizes: 1...150, filtered: false)
            let index = try c.index().snapshot
            var query = hs_topk_query()
            #expect(hs_topk_query_init(&query, c.query, c.dimension) != 0)
            defer { hs_topk_query_free(&query) }
            for set in instructionSets {
                var collector = hs_topk_collector()
                #expect(hs_topk_collector_init(&collector, index.count) != 0)
                defer { hs_topk_collector_free(&collector) }
                var view = index.views[0]
                #expect(hs_topk_scan(&view, 0, nil, &query, &collector, 1, set) != 0)
                #expect(collector.count == index.count)
                for i in 0..<collector.count {
                    let row = Int(collector.positions[i])
                    let x = index.chunks[0].vectors + row * c.dimension
                    var exact = 0.0
                    for j in 0..<c.dimension { exact += Double(c.query[j]) * Double(x[j]) }
                    let scaled = scalbn(exact, Int(query.exponent))
                    #expect(
                        !(Double(collector.lower[i]) > scaled) && !(Double(collector.upper[i]) < scaled),
                        "seed \(c.seed), row \(row), set \(set): \(collector.lower[i]) \(scaled) \(collector.upper[i])")
                }
            }
        }
    }

    @Test("exclude most rows of ordinary vectors")
    func tight() throws {
        var random = Seeded(3)
        let vectors = (0..<20_000 * 64).map { _ in random.normal() }
        let index = try ItemIndex(dimension: 64, ids: (0..<20_000).map(Int64.init), vectors: vectors)
        for scale in [1e-25, 1, 1e25] as [Float] {
            let query = (0..<64).map { _ in random.normal() * scale }
            let result = try index.search(query, topK: 200)
            #expect(result.rescored < 500, "scale \(scale)")
        }
    }

    /// Vectors around a mean that is `far` times as long as they are apart.
    private func around(_ mean: [Float], far: Float, count: Int, _ random: inout Seeded) -> [[Float]] {
        (0..<count).map { _ in mean.map { $0 * far + random.normal() } }
    }

    @Test("exclude as many rows of nearly equal vectors, however the index came about", arguments: [1, 30, 1000] as [Float])
    func tightAroundAMean(far: Float) throws {
        var random = Seeded(4)
        let d = 64
        let (first, second) = ((0..<d).map { _ in random.normal() }, (0..<d).map { _ in random.normal() })
        let vectors = around(first, far: far, count: 10_000, &random)
        let queries = (0..<3).map { _ in (0..<d).map { _ in random.normal() } }
        func check(_ index: ItemIndex, _ how: String) throws {
            for query in queries {
                let result = try index.search(query, topK: 200)
                #expect(result.rescored < 500, "\(how)")
                #expect(try result.answer == index.snapshot.searchExhaustively(query, topK: 200).answer, "\(how)")
            }
        }
        let index = try ItemIndex(dimension: d, ids: (0..<10_000).map(Int64.init), vectors: vectors.flatMap { $0 })
        try check(index, "built at once")
        // Elsewhere altogether, one chunk after another.
        try index.update { draft throws(RetrievalError) in
            for (id, vector) in around(second, far: far, count: 10_000, &random).enumerated() {
                try draft.upsert(Int64(id), vector: vector)
            }
        }
        try check(index, "replaced")
        try index.update { draft throws(RetrievalError) in
            for id in 0..<3000 as Range<Int64> { draft.remove(id * 3) }
        }
        try check(index, "thinned out")
        let grown = try ItemIndex(dimension: d)
        try grown.update { draft throws(RetrievalError) in
            for (id, vector) in vectors.enumerated() { try draft.upsert(Int64(id), vector: vector) }
        }
        try check(grown, "grown from nothing")
    }
}
