import Kernels

/// Neighbouring requests in chunks of about so many events that a chunk's widest matrices stay in a core's
/// second-level cache. A request is never cut.
final class SequenceChunks {
    struct Chunk {
        let requests: Range<Int>
        /// The events of these requests.
        let rows: Range<Int>
        /// `[requests + 1]`, counted from the chunk's first event.
        let offsets: UnsafePointer<Int32>
    }

    /// Rows of 384 floats (queries, keys and values of 4 heads of 32): 0.4 MB.
    private static let targetRows = 256

    private(set) var all: [Chunk] = []
    /// The most events of a chunk.
    private(set) var largest = 0
    private let arena = Arena<Int32>()

    func after(_ number: Int) -> Chunk? { number + 1 < all.count ? all[number + 1] : nil }

    /// Valid until the next call.
    func cut(offsets: UnsafePointer<Int32>, requests: Int) {
        all.removeAll(keepingCapacity: true)
        arena.reset()
        largest = 0
        var first = 0
        while first < requests {
            var end = first + 1
            while end < requests, offsets[end + 1] - offsets[first] <= Int32(Self.targetRows) { end += 1 }
            let rows = Int(offsets[first])..<Int(offsets[end])
            let relative = arena.allocate(end - first + 1)
            for r in first...end { relative[r - first] = offsets[r] - offsets[first] }
            all.append(Chunk(requests: first..<end, rows: rows, offsets: UnsafePointer(relative)))
            largest = max(largest, rows.count)
            first = end
        }
    }
}
