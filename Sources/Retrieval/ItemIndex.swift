import CKernels
import Synchronization

/// Item mappings by id, searched exactly: the `topK` items with the largest inner product with a query.
///
///     let index = try ItemIndex(dimension: 2)
///     try index.upsert(7, vector: [1, 0])
///     try index.upsert(9, vector: [0, 1])
///     try index.search([0.5, 2], topK: 1).ids  // [9]
///
/// Any number of threads may search while others add, replace and remove items: a search sees the snapshot that was
/// current when it began, a change replaces that snapshot by one that shares all chunks it did not touch. Nothing is
/// rebuilt. Searches wait for nobody but the swap of one reference; changes wait for each other.
///
/// An item costs 5 bytes a dimension (four of them the vector, which may be borrowed) and about 40 more.
public final class ItemIndex: Sendable {
    /// Elements of every vector.
    public let dimension: Int
    private let current: Mutex<IndexSnapshot>
    /// Marks of drafts handed out; held while one is open.
    private let marks = Mutex<UInt64>(0)

    public static let dimensions = 1...Int(HS_TOPK_LARGEST_DIMENSION)

    /// An empty index.
    public init(dimension: Int) throws(RetrievalError) {
        try Self.check(dimension)
        self.dimension = dimension
        current = Mutex(IndexSnapshot(dimension: dimension, chunks: [], positions: PositionMap()))
    }

    /// An index of many items at once, `vectors` being [ids.count, dimension].
    public init(
        dimension: Int, ids: [Int64], vectors: [Float], categories: [UInt16]? = nil, threads: Int = 1
    ) throws(RetrievalError) {
        try Self.check(dimension)
        self.dimension = dimension
        let snapshot = try vectors.withUnsafeBufferPointer { vectors throws(RetrievalError) in
            try BulkLoad(dimension, ids: ids, vectors: vectors, lender: nil, categories: categories)
                .snapshot(threads: threads)
        }
        current = Mutex(snapshot)
    }

    /// The same over vectors that `lender` owns, such as a mapped file: they are read where they lie, for as long as
    /// a snapshot needs them, and must not change.
    public init(
        dimension: Int, ids: [Int64], borrowing vectors: UnsafeBufferPointer<Float>, of lender: any AnyObject & Sendable,
        categories: [UInt16]? = nil, threads: Int = 1
    ) throws(RetrievalError) {
        try Self.check(dimension)
        self.dimension = dimension
        let load = try BulkLoad(dimension, ids: ids, vectors: vectors, lender: lender, categories: categories)
        current = Mutex(try load.snapshot(threads: threads))
    }

    init(_ snapshot: IndexSnapshot) {
        dimension = snapshot.dimension
        current = Mutex(snapshot)
    }

    private static func check(_ dimension: Int) throws(RetrievalError) {
        guard dimensions.contains(dimension) else { throw .dimensionOutOfRange(dimension, allowed: dimensions) }
    }

    /// The items as they are now, unaffected by later changes: for several searches that must agree.
    public var snapshot: IndexSnapshot { current.withLock { $0 } }

    /// Items held now.
    public var count: Int { snapshot.count }

    // MARK: Changes

    /// Makes several changes that searches see all at once, or not at all when `body` throws.
    public func update<Result: Sendable, Failure: Error>(
        _ body: (inout IndexDraft) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try marks.withLock { mark throws(Failure) in
            mark += 1
            var draft = IndexDraft(snapshot, mark: mark)
            let result = try body(&draft)
            let next = draft.snapshot()
            // The old snapshot is let go outside the lock: freeing its chunks is not the searches' business.
            let old = current.withLock { current in
                let old = current
                current = next
                return old
            }
            _ = old
            return result
        }
    }

    /// Adds an item, or replaces the one with this id.
    public func upsert(_ id: Int64, vector: [Float], category: UInt16 = 0) throws(RetrievalError) {
        try update { draft throws(RetrievalError) in try draft.upsert(id, vector: vector, category: category) }
    }

    /// Removes an item; false when there is none with this id.
    @discardableResult
    public func remove(_ id: Int64) -> Bool { update { $0.remove(id) } }

    // MARK: Searches; see `IndexSnapshot` for what they promise

    public func search(
        _ query: [Float], topK: Int, candidates: [Int64]? = nil, filter: ItemFilter = ItemFilter(), threads: Int = 1
    ) throws(RetrievalError) -> SearchResult {
        try snapshot.search(query, topK: topK, candidates: candidates, filter: filter, threads: threads)
    }

    public func search(
        batch queries: [Float], topK: Int, candidates: [Int64]? = nil, filter: ItemFilter = ItemFilter(),
        threads: Int = 1
    ) throws(RetrievalError) -> [SearchResult] {
        try snapshot.search(batch: queries, topK: topK, candidates: candidates, filter: filter, threads: threads)
    }
}
