import Foundation
import Synchronization
import Testing

@testable import Retrieval

@Suite("An index of items")
struct ItemIndexTests {
    @Test("orders by score, then by id")
    func order() throws {
        let index = try ItemIndex(dimension: 2, ids: [5, -3, 9, 4], vectors: [1, 0, 1, 0, 3, 0, -1, 8], categories: nil)
        let result = try index.search([1, 0], topK: 3)
        #expect(result.ids == [9, -3, 5])
        #expect(result.scores == [3, 1, 1])
    }

    @Test("counts unknown candidates, and takes repeated ones once")
    func candidates() throws {
        let index = try ItemIndex(dimension: 1, ids: [1, 2, 3], vectors: [1, 2, 3])
        let result = try index.search([1], topK: 5, candidates: [2, 7, 1, 2, 7])
        #expect(result.ids == [2, 1])
        #expect(result.unknownCandidates == 2)
        #expect(result.considered == 2)
    }

    @Test("is searched when empty, for nothing, and for more than it has")
    func edges() throws {
        let empty = try ItemIndex(dimension: 3)
        #expect(try empty.search([1, 2, 3], topK: 4).ids == [])
        #expect(try empty.search([1, 2, 3], topK: 4, candidates: [1]).unknownCandidates == 1)
        #expect(try empty.search(batch: [], topK: 4) == [])
        let one = try ItemIndex(dimension: 1, ids: [8], vectors: [2])
        #expect(try one.search([3], topK: 0).ids == [])
        #expect(try one.search([3], topK: 10).scores == [6])
        #expect(try one.search([3], topK: 10, filter: ItemFilter(deny: [8])).ids == [])
        #expect(try one.search([3], topK: 10, filter: ItemFilter(categories: CategorySet { $0 > 0 })).ids == [])
    }

    @Test("refuses what is not a vector of its dimension, and stays as it was")
    func refusals() throws {
        let index = try ItemIndex(dimension: 2, ids: [1], vectors: [1, 1])
        for bad in [Float.nan, .infinity, -.infinity, .signalingNaN] {
            #expect(throws: RetrievalError.notFinite(operation: "upsert", row: 0)) { try index.upsert(2, vector: [0, bad]) }
            #expect(throws: RetrievalError.notFinite(operation: "search", row: 0)) { try index.search([bad, 0], topK: 1) }
            #expect(throws: RetrievalError.notFinite(operation: "search", row: 1)) {
                try index.search(batch: [0, 0, bad, 0], topK: 1)
            }
            #expect(throws: RetrievalError.notFinite(operation: "index", row: 1)) {
                try ItemIndex(dimension: 1, ids: [1, 2], vectors: [0, bad])
            }
        }
        #expect(throws: RetrievalError.wrongLength(operation: "upsert", expected: 2, got: 3)) {
            try index.upsert(2, vector: [0, 0, 0])
        }
        #expect(throws: RetrievalError.wrongLength(operation: "search", expected: 2, got: 0)) { try index.search([], topK: 1) }
        #expect(throws: RetrievalError.wrongLength(operation: "search", expected: 4, got: 3)) {
            try index.search(batch: [1, 2, 3], topK: 1)
        }
        #expect(throws: RetrievalError.negativeTopK(-1)) { try index.search([0, 0], topK: -1) }
        #expect(throws: RetrievalError.duplicateId(4)) { try ItemIndex(dimension: 1, ids: [4, 5, 4], vectors: [0, 0, 0]) }
        #expect(throws: RetrievalError.dimensionOutOfRange(0, allowed: 1...16384)) { try ItemIndex(dimension: 0) }
        #expect(throws: RetrievalError.wrongLength(operation: "index vectors", expected: 2, got: 1)) {
            try ItemIndex(dimension: 1, ids: [4, 5], vectors: [0])
        }
        #expect(index.count == 1)
    }

    @Test("publishes all changes of an update, or none")
    func transactions() throws {
        let index = try ItemIndex(dimension: 1, ids: [1], vectors: [1])
        let before = index.snapshot
        #expect(throws: RetrievalError.self) {
            try index.update { draft throws(RetrievalError) in
                draft.remove(1)
                try draft.upsert(2, vector: [5])
                try draft.upsert(3, vector: [.nan])
            }
        }
        #expect(try index.search([1], topK: 9).ids == [1])
        try index.upsert(1, vector: [7], category: 3)
        #expect(index.snapshot.item(1)?.vector == [7])
        #expect(index.snapshot.item(1)?.category == 3)
        #expect(before.item(1)?.vector == [1])
        #expect(before.item(2) == nil)
    }

    @Test("borrows vectors without writing to them, and gives them back")
    func borrowing() throws {
        final class Lender: Sendable {
            let vectors: [Float]
            let freed: Mutex<Bool>.Box
            init(_ vectors: [Float], _ freed: Mutex<Bool>.Box) { (self.vectors, self.freed) = (vectors, freed) }
            deinit { freed.value.withLock { $0 = true } }
        }
        let freed = Mutex<Bool>.Box(false)
        do {
            let lender = Lender((0..<3000).map { Float($0) }, freed)
            let index = try lender.vectors.withUnsafeBufferPointer {
                try ItemIndex(dimension: 1, ids: (0..<3000).map(Int64.init), borrowing: $0, of: lender)
            }
            try index.upsert(2999, vector: [-1])
            index.remove(0)
            #expect(try index.search([1], topK: 2).ids == [2998, 2997])
            #expect(try index.search([-1], topK: 2).ids == [2999, 1])
            #expect(lender.vectors[2999] == 2999 && lender.vectors[0] == 0)
        }
        #expect(freed.value.withLock { $0 })
    }

    @Test("behaves as a dictionary under random changes", arguments: 0..<4)
    func model(seed: UInt64) throws {
        var random = Seeded(400 + seed)
        let index = try ItemIndex(dimension: 3)
        var model: [Int64: (vector: [Float], category: UInt16)] = [:]
        for step in 0..<400 {
            let changes = Int.random(in: 0...20, using: &random)
            let shrink = step / 100 % 2 == 1
            try index.update { draft in
                for _ in 0..<changes {
                    let id = Int64.random(in: 0..<3000, using: &random)
                    if Int.random(in: 0..<10, using: &random) < (shrink ? 8 : 1), let known = model.keys.randomElement(using: &random) {
                        let wasThere = draft.remove(known)
                        #expect(wasThere)
                        model[known] = nil
                    } else {
                        let item = ((0..<3).map { _ in random.normal() }, UInt16.random(in: 0...9, using: &random))
                        try draft.upsert(id, vector: item.0, category: item.1)
                        model[id] = item
                    }
                    let count = draft.count
                    #expect(count == model.count)
                }
                let wasThere = draft.remove(-1)
                #expect(!wasThere)
            }
            guard step % 10 == 0 else { continue }
            let query = (0..<3).map { _ in random.normal() }
            let result = try index.search(query, topK: 50)
            // One of the same items, loaded at once in another order, must answer the same.
            let items = model.sorted { $0.key < $1.key }
            let fresh = try ItemIndex(
                dimension: 3, ids: items.map(\.key), vectors: items.flatMap(\.value.vector), categories: items.map(\.value.category))
            #expect(try fresh.search(query, topK: 50).answer == result.answer)
            #expect(try index.snapshot.searchExhaustively(query, topK: 50).answer == result.answer)
            for (id, item) in items.prefix(30) {
                let held = index.snapshot.item(id)
                #expect(held?.vector == item.vector && held?.category == item.category)
            }
        }
        for id in Array(model.keys) { #expect(index.remove(id)) }
        #expect(index.count == 0)
    }

    @Test("is searched while items are added, replaced and removed; every search sees whole updates")
    func concurrency() throws {
        let d = 16, pairs = 1500
        let index = try ItemIndex(
            dimension: d, ids: (0..<Int64(pairs)).flatMap { [$0, $0 + 10_000] },
            vectors: (0..<2 * pairs).flatMap { i in [Float](repeating: Float(i / 2), count: d) })
        let stopped = Mutex(false)
        DispatchQueue.concurrentPerform(iterations: 4) { worker in
            var random = Seeded(UInt64(worker))
            if worker < 2 {  // pairs (i, i + 10,000) always change together and always have equal vectors
                for _ in 0..<400 {
                    let pair = Int64.random(in: 0..<Int64(pairs), using: &random)
                    let vector = [Float](repeating: Float(Int.random(in: 0...4000, using: &random)), count: d)
                    try! index.update { draft in
                        if vector[0] < 1000 {
                            draft.remove(pair)
                            draft.remove(pair + 10_000)
                        } else {
                            try draft.upsert(pair, vector: vector)
                            try draft.upsert(pair + 10_000, vector: vector)
                        }
                    }
                }
                stopped.withLock { $0 = true }
            } else {
                let query = [Float](repeating: 1, count: d)
                repeat {
                    let snapshot = index.snapshot
                    let result = try! snapshot.search(query, topK: 100, threads: worker - 1)
                    #expect(try! snapshot.searchExhaustively(query, topK: 100).answer == result.answer)
                    let all = try! snapshot.search(query, topK: 10_000)
                    let scores = Dictionary(uniqueKeysWithValues: zip(all.ids, all.scores))
                    #expect(scores.allSatisfy { id, score in scores[id < 10_000 ? id + 10_000 : id - 10_000] == score })
                } while !stopped.withLock { $0 }
            }
        }
    }
}

extension Mutex where Value == Bool {
    /// A flag that outlives what sets it.
    final class Box: Sendable {
        let value: Mutex<Bool>
        init(_ value: Bool) { self.value = Mutex(value) }
    }
}
