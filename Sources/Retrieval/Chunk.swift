import CKernels

/// Up to 1024 items: vectors, codes, ids and categories, side by side. Codes are counted from the chunk's centre, the
/// mean of its vectors when it was last taken: any centre is sound, a good one keeps the bounds tight. A chunk that a
/// snapshot holds never changes; a draft writes only to chunks that bear its own mark, copies it made itself.
///
/// SAFETY of `@unchecked Sendable`: written before it is published (through a mutex), then only read.
final class Chunk: @unchecked Sendable {
    static let rows = Int(HS_TOPK_CHUNK)

    let dimension: Int
    let draft: UInt64
    var count: Int
    let centre: UnsafeMutablePointer<Float>
    private var centreLength = 0.0
    /// Rows that were written since the centre was taken, and rows that there were then.
    private var written = 0
    private var centred = 0
    let codes: UnsafeMutablePointer<UInt8>
    let scales: UnsafeMutablePointer<Float>
    let residuals: UnsafeMutablePointer<Float>
    let norms: UnsafeMutablePointer<Float>
    let ids: UnsafeMutablePointer<Int64>
    let categories: UnsafeMutablePointer<UInt16>
    let vectors: UnsafeMutablePointer<Float>
    /// Whoever owns `vectors`, when that is not this chunk: such a chunk is never written to.
    private let lender: (any AnyObject & Sendable)?
    /// Whether `lender` owns centre, codes, bounds and categories too.
    private let borrowsAll: Bool

    /// An empty chunk, or one that borrows the vectors of its items.
    init(
        dimension: Int, draft: UInt64, borrowing borrowed: UnsafePointer<Float>? = nil,
        of lender: (any AnyObject & Sendable)? = nil
    ) {
        self.dimension = dimension
        self.draft = draft
        count = 0
        centre = Self.memory(dimension)
        codes = Self.memory(hs_topk_code_bytes(dimension))
        scales = Self.memory(Self.rows)
        residuals = Self.memory(Self.rows)
        norms = Self.memory(Self.rows)
        ids = Self.memory(Self.rows)
        categories = Self.memory(Self.rows)
        // Borrowed vectors are only read: see `lender`.
        vectors = borrowed.map { UnsafeMutablePointer(mutating: $0) } ?? .allocate(capacity: Self.rows * dimension)
        self.lender = lender
        borrowsAll = false
    }

    /// A chunk of items that lie ready in memory of `lender`; their ids count up from `firstId`.
    init(
        dimension: Int, count: Int, firstId: Int64, centre: UnsafePointer<Float>, codes: UnsafePointer<UInt8>,
        scales: UnsafePointer<Float>, residuals: UnsafePointer<Float>, norms: UnsafePointer<Float>,
        categories: UnsafePointer<UInt16>, vectors: UnsafePointer<Float>, lender: any AnyObject & Sendable
    ) {
        self.dimension = dimension
        draft = 0
        self.count = count
        centred = count
        // Only read: see `lender`.
        self.centre = UnsafeMutablePointer(mutating: centre)
        centreLength = hs_topk_centre_length(centre, dimension)
        self.codes = UnsafeMutablePointer(mutating: codes)
        self.scales = UnsafeMutablePointer(mutating: scales)
        self.residuals = UnsafeMutablePointer(mutating: residuals)
        self.norms = UnsafeMutablePointer(mutating: norms)
        self.categories = UnsafeMutablePointer(mutating: categories)
        self.vectors = UnsafeMutablePointer(mutating: vectors)
        ids = Self.memory(Self.rows)
        for row in 0..<count { ids[row] = firstId + Int64(row) }
        self.lender = lender
        borrowsAll = true
    }

    /// A copy that `draft` may write to.
    init(copying other: Chunk, draft: UInt64) {
        dimension = other.dimension
        self.draft = draft
        count = other.count
        written = other.written
        centred = other.centred
        centreLength = other.centreLength
        centre = Self.copy(other.centre, dimension)
        codes = Self.copy(other.codes, hs_topk_code_bytes(dimension))
        scales = Self.copy(other.scales, Self.rows)
        residuals = Self.copy(other.residuals, Self.rows)
        norms = Self.copy(other.norms, Self.rows)
        ids = Self.copy(other.ids, Self.rows)
        categories = Self.copy(other.categories, Self.rows)
        vectors = .allocate(capacity: Self.rows * dimension)
        vectors.update(from: other.vectors, count: count * dimension)
        lender = nil
        borrowsAll = false
    }

    deinit {
        ids.deallocate()
        if lender == nil { vectors.deallocate() }
        if borrowsAll { return }
        centre.deallocate()
        codes.deallocate()
        scales.deallocate()
        residuals.deallocate()
        norms.deallocate()
        categories.deallocate()
    }

    /// Puts an item at `row`, `row <= count`; false when the vector is not finite, and then nothing changed.
    func set(_ row: Int, id: Int64, vector: UnsafePointer<Float>, category: UInt16) -> Bool {
        precondition(lender == nil && row <= count && row < Self.rows, "Chunk: row \(row) of \(count)")
        guard hs_topk_quantise(vector, 1, dimension, row, centre, codes, scales, residuals, norms) < 0 else { return false }
        (vectors + row * dimension).update(from: vector, count: dimension)
        ids[row] = id
        categories[row] = category
        count = max(count, row + 1)
        written += 1
        // As many rows as there were: their mean may be anywhere. Each row is coded twice more on average, at most.
        if written >= max(16, centred) { centreAndQuantise() }
        return true
    }

    /// Copies an item of this or another chunk to `row`, a row that there is.
    func set(_ row: Int, from other: Chunk, _ place: Int) {
        if other !== self {
            let isSet = set(
                row, id: other.ids[place], vector: other.vectors + place * dimension, category: other.categories[place])
            precondition(isSet, "Chunk: a vector of another chunk refused")
            return
        }
        hs_topk_move_codes(codes, place, codes, row, dimension)
        scales[row] = scales[place]
        residuals[row] = residuals[place]
        norms[row] = norms[place]
        ids[row] = ids[place]
        categories[row] = categories[place]
        (vectors + row * dimension).update(from: vectors + place * dimension, count: dimension)
    }

    /// Takes the mean of the first `count` vectors, which must be in place, and codes them anew.
    /// - Returns: the first row that is not finite.
    @discardableResult
    func centreAndQuantise() -> Int? {
        precondition(!borrowsAll, "Chunk: codes are borrowed")
        hs_topk_centre(vectors, count, dimension, centre)
        centreLength = hs_topk_centre_length(centre, dimension)
        (written, centred) = (0, count)
        let bad = hs_topk_quantise(vectors, count, dimension, 0, centre, codes, scales, residuals, norms)
        return bad < 0 ? nil : bad
    }

    /// What the kernels see of this chunk, valid as long as the chunk.
    var view: hs_topk_chunk {
        hs_topk_chunk(
            vectors: vectors, centre: centre, centre_length: centreLength, codes: codes, scales: scales,
            residuals: residuals, norms: norms, ids: ids, count: count)
    }

    /// Zeroed and aligned for whole vector registers.
    private static func memory<T>(_ count: Int) -> UnsafeMutablePointer<T> {
        let bytes = count * MemoryLayout<T>.stride
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        return raw.bindMemory(to: T.self, capacity: count)
    }

    private static func copy<T>(_ from: UnsafeMutablePointer<T>, _ count: Int) -> UnsafeMutablePointer<T> {
        let raw = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<T>.stride, alignment: 64)
        raw.copyMemory(from: from, byteCount: count * MemoryLayout<T>.stride)
        return raw.bindMemory(to: T.self, capacity: count)
    }
}
