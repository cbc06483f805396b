import CKernels
import Dispatch
import Synchronization

/// The int8 codes of vectors in the form in which an index searches them, chunk after chunk of `rowsPerChunk` rows:
/// what a file keeps so that opening it quantises nothing.
public struct IndexCodes: Sendable {
    public static let rowsPerChunk = Int(HS_TOPK_CHUNK)
    /// Codes must lie on a boundary of so many bytes.
    public static let alignment = 64

    /// Bytes of one chunk's codes.
    public static func bytesPerChunk(dimension: Int) -> Int { hs_topk_code_bytes(dimension) }
    /// Chunks that hold so many items.
    public static func chunks(items: Int) -> Int { (items + rowsPerChunk - 1) / rowsPerChunk }

    /// `[chunks, dimension]`: what a chunk's codes are counted from.
    public let centres: [Float]
    /// `[chunks, bytesPerChunk]`
    public let codes: [UInt8]
    /// `[chunks, rowsPerChunk]` each: the factor of a row's codes, the most that the coded row can be away from the
    /// row, and the most that the coded row's length can be.
    public let scales: [Float]
    public let residuals: [Float]
    public let norms: [Float]

    /// Quantises `[count, dimension]` vectors. O(count x dimension).
    /// - Throws: `notFinite` with the row, `wrongLength` when the last row is not whole.
    public init(vectors: UnsafeBufferPointer<Float>, dimension: Int, threads: Int = 1) throws(RetrievalError) {
        let count = vectors.count / max(1, dimension)
        guard ItemIndex.dimensions.contains(dimension) else {
            throw .dimensionOutOfRange(dimension, allowed: ItemIndex.dimensions)
        }
        guard count * dimension == vectors.count else {
            throw .wrongLength(operation: "index codes", expected: (count + 1) * dimension, got: vectors.count)
        }
        let chunks = Self.chunks(items: count), bytes = Self.bytesPerChunk(dimension: dimension)
        var codes = [UInt8](repeating: 0, count: chunks * bytes)
        var scales = [Float](repeating: 0, count: chunks * Self.rowsPerChunk)
        var residuals = scales, norms = scales
        var centres = [Float](repeating: 0, count: chunks * dimension)
        let refused = Mutex<Int?>(nil)
        centres.withUnsafeMutableBufferPointer { centres in
            codes.withUnsafeMutableBufferPointer { codes in
                scales.withUnsafeMutableBufferPointer { scales in
                    residuals.withUnsafeMutableBufferPointer { residuals in
                        norms.withUnsafeMutableBufferPointer { norms in
                            // SAFETY: every chunk writes to ranges of its own, all of them inside the arrays.
                            let job = Job(
                                vectors: vectors.baseAddress, centres: centres.baseAddress, codes: codes.baseAddress,
                                scales: scales.baseAddress, residuals: residuals.baseAddress, norms: norms.baseAddress)
                            let parts = max(1, min(threads, chunks))
                            DispatchQueue.concurrentPerform(iterations: parts) { part in
                                for c in stride(from: part, to: chunks, by: parts) {
                                    let bad = job.quantise(c, of: count, dimension)
                                    if let bad { refused.withLock { $0 = min($0 ?? bad, bad) } }
                                }
                            }
                        }
                    }
                }
            }
        }
        if let row = refused.withLock({ $0 }) { throw .notFinite(operation: "index codes", row: row) }
        (self.centres, self.codes, self.scales, self.residuals, self.norms) = (centres, codes, scales, residuals, norms)
    }

    private struct Job: @unchecked Sendable {
        let vectors: UnsafePointer<Float>?
        let centres: UnsafeMutablePointer<Float>?
        let codes: UnsafeMutablePointer<UInt8>?
        let scales: UnsafeMutablePointer<Float>?
        let residuals: UnsafeMutablePointer<Float>?
        let norms: UnsafeMutablePointer<Float>?

        /// Codes chunk `c`; the first row that is not finite.
        func quantise(_ c: Int, of count: Int, _ dimension: Int) -> Int? {
            let first = c * IndexCodes.rowsPerChunk
            let rows = min(IndexCodes.rowsPerChunk, count - first)
            let centre = centres! + c * dimension
            hs_topk_centre(vectors! + first * dimension, rows, dimension, centre)
            let bad = hs_topk_quantise(
                vectors! + first * dimension, rows, dimension, 0, centre,
                codes! + c * IndexCodes.bytesPerChunk(dimension: dimension), scales! + first, residuals! + first, norms! + first)
            return bad < 0 ? nil : first + bad
        }
    }
}

/// Items that lie ready to be searched, typically in a mapped file: what `IndexCodes` made, and the vectors it was
/// made from. Item number i has the id i.
public struct ReadyItems: @unchecked Sendable {
    // SAFETY: only read; `ItemIndex` keeps the owner of the memory.
    let count: Int
    let dimension: Int
    let vectors: UnsafeBufferPointer<Float>
    let centres: UnsafeBufferPointer<Float>
    let codes: UnsafeBufferPointer<UInt8>
    let scales: UnsafeBufferPointer<Float>
    let residuals: UnsafeBufferPointer<Float>
    let norms: UnsafeBufferPointer<Float>
    let categories: UnsafeBufferPointer<UInt16>

    /// - Parameters: as in `IndexCodes`; `categories` is `[chunks, rowsPerChunk]` too.
    /// - Throws: `wrongLength` naming the first part that does not belong to the vectors.
    public init(
        dimension: Int, vectors: UnsafeBufferPointer<Float>, centres: UnsafeBufferPointer<Float>,
        codes: UnsafeBufferPointer<UInt8>, scales: UnsafeBufferPointer<Float>, residuals: UnsafeBufferPointer<Float>,
        norms: UnsafeBufferPointer<Float>, categories: UnsafeBufferPointer<UInt16>
    ) throws(RetrievalError) {
        guard ItemIndex.dimensions.contains(dimension) else {
            throw .dimensionOutOfRange(dimension, allowed: ItemIndex.dimensions)
        }
        count = vectors.count / dimension
        guard count < Int(Int32.max) else { throw .tooManyItems(count) }
        let chunks = IndexCodes.chunks(items: count), rows = chunks * IndexCodes.rowsPerChunk
        let parts = [
            ("vectors", vectors.count, count * dimension), ("centres", centres.count, chunks * dimension),
            ("codes", codes.count, chunks * IndexCodes.bytesPerChunk(dimension: dimension)),
            ("scales", scales.count, rows), ("residuals", residuals.count, rows), ("norms", norms.count, rows),
            ("categories", categories.count, rows),
        ]
        for (name, got, expected) in parts where got != expected {
            throw .wrongLength(operation: "ready \(name)", expected: expected, got: got)
        }
        precondition(
            UInt(bitPattern: codes.baseAddress) % UInt(IndexCodes.alignment) == 0, "ReadyItems: codes are not aligned")
        self.dimension = dimension
        self.vectors = vectors
        self.centres = centres
        self.codes = codes
        self.scales = scales
        self.residuals = residuals
        self.norms = norms
        self.categories = categories
    }

    /// Nothing is copied, and nothing of the vectors is read: O(chunks).
    func snapshot(lender: any AnyObject & Sendable) -> IndexSnapshot {
        let bytes = IndexCodes.bytesPerChunk(dimension: dimension)
        let chunks = (0..<IndexCodes.chunks(items: count)).map { c in
            let first = c * Chunk.rows
            return Chunk(
                dimension: dimension, count: min(Chunk.rows, count - first), firstId: Int64(first),
                centre: centres.baseAddress! + c * dimension, codes: codes.baseAddress! + c * bytes,
                scales: scales.baseAddress! + first, residuals: residuals.baseAddress! + first,
                norms: norms.baseAddress! + first, categories: categories.baseAddress! + first, vectors: vectors.baseAddress! + first * dimension,
                lender: lender)
        }
        return IndexSnapshot(dimension: dimension, chunks: chunks, positions: PositionMap(identity: count))
    }
}

extension ItemIndex {
    /// An index of items that lie ready in memory that `lender` owns: they are read where they lie, for as long as a
    /// snapshot needs them, and must not change. Takes O(items / 1024), whatever the dimension.
    public convenience init(ready: ReadyItems, of lender: any AnyObject & Sendable) {
        self.init(ready.snapshot(lender: lender))
    }
}
