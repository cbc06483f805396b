import CArrow

/// Consecutive rows of one file: a view of each wanted column.
///
/// The views are valid while the chunk lives.
final class Chunk {
    let file: LogFile
    /// Number of the first row in the file, from 0.
    let firstRow: Int
    let count: Int
    private(set) var columns: [ColumnView]
    /// What the views point into.
    private var owners: [AnyObject]
    /// Rows that the reader dropped before this chunk or in it (ragged CSV rows), ascending, from 0.
    var droppedRows: [Int] = []

    init(file: LogFile, firstRow: Int, count: Int, columns: [ColumnView], owners: [AnyObject]) {
        self.file = file
        self.firstRow = firstRow
        self.count = count
        self.columns = columns
        self.owners = owners
    }

    func replace(_ i: Int, with view: ColumnView, owner: AnyObject) {
        columns[i] = view
        owners.append(owner)
    }

    /// The row's number in the file for people: from 1, counting dropped rows too.
    func number(ofRow i: Int) -> Int {
        var number = firstRow + i
        for dropped in droppedRows where dropped <= number { number += 1 }
        return number + 1
    }
}

/// The columns that a reader shall give, in order.
struct WantedColumn: Sendable, Equatable {
    var name: String
    var isList: Bool
}

/// Reads one file chunk by chunk.
protocol ChunkReader: AnyObject {
    /// The next rows, or nil at the end of the file.
    func next() throws -> Chunk?
}

/// Memory that grows, then stays: the columns of blocks and of text readers.
///
/// SAFETY: whoever fills it is its only user until it is frozen into a `Slab`.
final class Growable<Element: BitwiseCopyable> {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int = 64) {
        self.capacity = max(1, capacity)
        base = .allocate(capacity: self.capacity)
    }
    deinit { base.deallocate() }

    @inline(__always)
    func append(_ value: Element) {
        if count == capacity { grow(to: count + 1) }
        base[count] = value
        count += 1
    }

    @inline(__always)
    func append(from source: UnsafePointer<Element>, count n: Int) {
        extend(by: n).update(from: source, count: n)
    }

    /// Room for `n` more elements, which the caller fills.
    @inline(__always)
    func extend(by n: Int) -> UnsafeMutablePointer<Element> {
        if count + n > capacity { grow(to: count + n) }
        defer { count += n }
        return base + count
    }

    func removeAll() { count = 0 }

    private func grow(to needed: Int) {
        capacity = max(needed, capacity * 3 / 2)
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
        larger.update(from: base, count: count)
        base.deallocate()
        base = larger
    }
}

/// Constant memory with the object that keeps it alive: a `Growable`, or a mapped file.
struct Slab<Element: BitwiseCopyable>: @unchecked Sendable {
    // SAFETY: nobody writes to it any more, and `owner` keeps it.
    let base: UnsafePointer<Element>
    let count: Int
    let owner: AnyObject

    init(_ growable: Growable<Element>) {
        base = UnsafePointer(growable.base)
        count = growable.count
        owner = growable
    }

    init(base: UnsafePointer<Element>, count: Int, owner: AnyObject) {
        self.base = base
        self.count = count
        self.owner = owner
    }

    @inline(__always) subscript(i: Int) -> Element { base[i] }
    var byteCount: Int { count * MemoryLayout<Element>.stride }
}
