import Testing

@testable import Retrieval

/// Memory in the form of a file: owner of everything that a ready index reads.
private final class Shelf: @unchecked Sendable {
    // SAFETY: read-only once made.
    let memory: UnsafeMutableRawPointer
    let ready: ReadyItems
    let count: Int

    init(_ vectors: [Float], dimension: Int, categories: [UInt16]) throws {
        count = vectors.count / dimension
        let codes = try vectors.withUnsafeBufferPointer { try IndexCodes(vectors: $0, dimension: dimension, threads: 3) }
        let rows = IndexCodes.chunks(items: count) * IndexCodes.rowsPerChunk
        let bytes = codes.codes.count + 4 * (3 * rows + vectors.count + codes.centres.count) + 2 * rows
        memory = .allocate(byteCount: max(64, bytes), alignment: 64)
        var at = memory
        func place<T: BitwiseCopyable>(_ values: [T]) -> UnsafeBufferPointer<T> {
            defer { at += values.count * MemoryLayout<T>.stride }
            values.withUnsafeBytes { at.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(at), byteCount: $0.count) }
            return UnsafeBufferPointer(start: at.bindMemory(to: T.self, capacity: values.count), count: values.count)
        }
        let placed = place(codes.codes)
        ready = try ReadyItems(
            dimension: dimension, vectors: place(vectors), centres: place(codes.centres), codes: placed, scales: place(codes.scales),
            residuals: place(codes.residuals), norms: place(codes.norms),
            categories: place(categories + [UInt16](repeating: 0, count: rows - count)))
    }

    deinit { memory.deallocate() }
}

@Suite("An index of items that lie ready")
struct ReadyItemsTests {
    @Test("answers as one that was built, before and after changes", arguments: [0, 1, 63, 1024, 1025, 5000])
    func answers(count: Int) throws {
        var random = Seeded(UInt64(count) + 7)
        let d = 24
        let vectors = (0..<count * d).map { _ in random.normal() }
        let categories = (0..<count).map { _ in UInt16.random(in: 0...5, using: &random) }
        let shelf = try Shelf(vectors, dimension: d, categories: categories)
        let ready = ItemIndex(ready: shelf.ready, of: shelf)
        let built = try ItemIndex(dimension: d, ids: (0..<count).map(Int64.init), vectors: vectors, categories: categories)
        #expect(ready.count == count)
        func compare(_ when: String) throws {
            for filter in [ItemFilter(), ItemFilter(deny: [0, 3, 99_999], categories: [1, 2])] {
                let query = (0..<d).map { _ in random.normal() }
                let k = [1, 50, 5000][Int.random(in: 0..<3, using: &random)]
                let a = try ready.search(query, topK: k, filter: filter), b = try built.search(query, topK: k, filter: filter)
                #expect(a.answer == b.answer, "\(when)")
                #expect(try ready.snapshot.searchExhaustively(query, topK: k, filter: filter).answer == a.answer, "\(when)")
            }
        }
        try compare("as loaded")
        for round in 0..<60 {
            let id = Int64.random(in: 0..<Int64(count + 30), using: &random)
            if Bool.random(using: &random) {
                let vector = (0..<d).map { _ in random.normal() }
                try ready.upsert(id, vector: vector, category: 2)
                try built.upsert(id, vector: vector, category: 2)
            } else {
                #expect(ready.remove(id) == built.remove(id))
            }
            #expect(ready.count == built.count && ready.snapshot.contains(id) == built.snapshot.contains(id))
            if round % 10 == 9 { try compare("round \(round)") }
        }
    }

    @Test("refuses parts that do not belong to its vectors")
    func refusals() throws {
        let floats = [Float](repeating: 0, count: 2048), shorts = [UInt16](repeating: 0, count: 1024)
        let raw = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 64)
        defer { raw.deallocate() }
        let codes = UnsafeBufferPointer(start: raw.bindMemory(to: UInt8.self, capacity: 4096), count: 4096)
        try floats.withUnsafeBufferPointer { f in
            try shorts.withUnsafeBufferPointer { s in
                func part(_ count: Int) -> UnsafeBufferPointer<Float> { UnsafeBufferPointer(rebasing: f[..<count]) }
                _ = try ReadyItems(
                    dimension: 2, vectors: part(6), centres: part(2), codes: codes, scales: part(1024), residuals: part(1024), norms: part(1024),
                    categories: s)
                #expect(throws: RetrievalError.wrongLength(operation: "ready vectors", expected: 6, got: 7)) {
                    try ReadyItems(
                        dimension: 2, vectors: part(7), centres: part(2), codes: codes, scales: part(1024), residuals: part(1024),
                        norms: part(1024), categories: s)
                }
                #expect(throws: RetrievalError.wrongLength(operation: "ready norms", expected: 1024, got: 1023)) {
                    try ReadyItems(
                        dimension: 2, vectors: part(6), centres: part(2), codes: codes, scales: part(1024),
                        residuals: part(1024), norms: part(1023), categories: s)
                }
                #expect(throws: RetrievalError.wrongLength(operation: "ready centres", expected: 2, got: 4)) {
                    try ReadyItems(
                        dimension: 2, vectors: part(6), centres: part(4), codes: codes, scales: part(1024),
                        residuals: part(1024), norms: part(1024), categories: s)
                }
            }
        }
        #expect(throws: RetrievalError.notFinite(operation: "index codes", row: 1)) {
            try [0, .nan].withUnsafeBufferPointer { try IndexCodes(vectors: $0, dimension: 1) }
        }
    }
}
