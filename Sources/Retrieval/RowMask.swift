/// The rows of a snapshot that a search may return: a bit a position, 64 to a word.
struct RowMask {
    var words: [UInt64]
    /// Bits that are set.
    private(set) var count: Int
    /// Candidate ids that the index does not have, repetitions counted.
    private(set) var unknown = 0

    /// Nil when all rows are meant.
    init?(_ snapshot: IndexSnapshot, candidates: [Int64]?, filter: ItemFilter) {
        if candidates == nil && filter.isEmpty { return nil }
        let size = snapshot.chunks.count * Chunk.rows / 64
        if let candidates {
            words = Array(repeating: 0, count: size)
            for id in candidates {
                if let position = snapshot.positions[id] { words.set(position) } else { unknown += 1 }
            }
        } else {
            words = Array(repeating: ~0, count: size)
        }
        count = 0
        if let allow = filter.allow {
            var allowed = [UInt64](repeating: 0, count: size)
            for id in allow { if let position = snapshot.positions[id] { allowed.set(position) } }
            for i in words.indices { words[i] &= allowed[i] }
        }
        for id in filter.deny { if let position = snapshot.positions[id] { words.clear(position) } }
        keepRows(of: snapshot, categories: filter.categories)
    }

    /// Drops what lies beyond a chunk's rows or outside the categories, and counts the rest.
    private mutating func keepRows(of snapshot: IndexSnapshot, categories: CategorySet?) {
        for (c, chunk) in snapshot.chunks.enumerated() {
            for block in 0..<Chunk.rows / 64 {
                let at = c * (Chunk.rows / 64) + block
                let rows = min(max(chunk.count - block * 64, 0), 64)
                if rows < 64 { words[at] &= (1 << UInt64(rows)) - 1 }
                if words[at] == 0 { continue }
                if let categories { words[at] &= categories.word(chunk.categories + block * 64, count: rows) }
                count += words[at].nonzeroBitCount
            }
        }
    }

    /// The positions of the set bits, ascending.
    var positions: [Int32] {
        var list: [Int32] = []
        list.reserveCapacity(count)
        for (i, word) in words.enumerated() {
            var left = word
            while left != 0 {
                list.append(Int32(i * 64 + left.trailingZeroBitCount))
                left &= left - 1
            }
        }
        return list
    }
}

extension [UInt64] {
    fileprivate mutating func set(_ bit: Int32) { self[Int(bit) >> 6] |= 1 << UInt64(bit & 63) }
    fileprivate mutating func clear(_ bit: Int32) { self[Int(bit) >> 6] &= ~(1 << UInt64(bit & 63)) }
}
