import CKernels

/// The distinct rows that a batch needs of a table, and for each occurrence its place among them.
///
///     rowSet.reset(capacity: 5)
///     rowSet.add(ids: [7, 3, 7])  // 0, 1, 0
///     rowSet.add(ids: [3, 9])     // 1, 2
///     rowSet.unique               // 7, 3, 9
///
/// Ids keep the order in which they first appear, so the result is a function of the batch alone. O(1) an
/// occurrence; memory in proportion to the largest batch, none allocated once that has been seen. Not thread-safe: one a
/// worker and table.
public final class RowSet {
    private let name: String
    private var table = hs_row_set()
    private var unique32: UnsafeMutablePointer<Int32>
    private var locals: UnsafeMutablePointer<Int32>
    private var capacity = 0
    private var room = 0
    private var used = 0

    /// - Parameters:
    ///   - table: its name, for whom an id that it has no row for is reported to.
    ///   - rows: of the table; ids are below it.
    public init(of table: String, rows: Int) {
        name = table
        hs_row_set_init(&self.table, UInt32(clamping: rows))
        unique32 = .allocate(capacity: 1)
        locals = .allocate(capacity: 1)
    }

    deinit {
        hs_row_set_free(&table)
        unique32.deallocate()
        locals.deallocate()
    }

    /// Empties the set and makes room for `capacity` occurrences. Earlier pointers become invalid.
    public func reset(capacity: Int) {
        precondition(capacity >= 0 && capacity <= Int(Int32.max), "RowSet: capacity \(capacity)")
        if capacity > room {
            unique32.deallocate()
            locals.deallocate()
            room = capacity + capacity / 4
            unique32 = .allocate(capacity: room)
            locals = .allocate(capacity: room)
        }
        self.capacity = capacity
        used = 0
        precondition(hs_row_set_reset(&table, unique32, capacity) != 0, "RowSet: out of memory")
    }

    /// Adds ids, not negative and below the table's rows, and returns the place of each among `unique`; valid until the
    /// next `reset`.
    @discardableResult
    public func add(ids: UnsafeBufferPointer<Int32>) -> UnsafePointer<Int32> {
        precondition(used + ids.count <= capacity, "RowSet: \(used + ids.count) ids after reset(capacity: \(capacity))")
        let local = locals + used
        guard let base = ids.baseAddress else { return UnsafePointer(local) }
        let added = hs_row_set_add(&table, base, ids.count, local)
        precondition(added == ids.count, "table '\(name)': row \(ids[added]) of \(table.rows)")
        used += ids.count
        return UnsafePointer(local)
    }

    /// The distinct ids in order of first appearance; grows with `add`, valid until the next `reset`.
    public var unique: UnsafeBufferPointer<Int32> { UnsafeBufferPointer(start: unique32, count: table.count) }

    /// How many distinct ids there are.
    public var count: Int { table.count }
}
