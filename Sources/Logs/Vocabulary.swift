/// A closed list of values, each with a row: 2, 3, ... in the list's order.
///
/// Values are texts. Those that spell an integer are also found by the integer itself, without making a text.
/// Immutable, so that all threads may share it.
final class Vocabulary: @unchecked Sendable {
    let values: [String]

    /// A key beside its row, so that a look for it is one miss of the caches and not two. Row 0 marks an empty slot.
    private struct Slot<Key> {
        var key: Key
        var row: Int32
    }

    // Open addressing, at most half full.
    private let mask: Int
    private let integers: UnsafeMutablePointer<Slot<Int64>>
    /// By their hash.
    private let texts: UnsafeMutablePointer<Slot<UInt64>>
    // Text of row r: bytes[starts[r - 2] ..< starts[r - 1]].
    private let starts: UnsafeMutablePointer<Int>
    private let bytes: UnsafeMutablePointer<UInt8>
    private(set) var trueRow: Int32 = 1
    private(set) var falseRow: Int32 = 1

    init(_ values: [String]) {
        self.values = values
        var slots = 16
        while slots < 2 * values.count { slots *= 2 }
        mask = slots - 1
        integers = .allocate(capacity: slots)
        integers.initialize(repeating: Slot(key: 0, row: 0), count: slots)
        texts = .allocate(capacity: slots)
        texts.initialize(repeating: Slot(key: 0, row: 0), count: slots)
        starts = .allocate(capacity: values.count + 1)
        starts[0] = 0
        for (i, value) in values.enumerated() { starts[i + 1] = starts[i] + value.utf8.count }
        bytes = .allocate(capacity: max(1, starts[values.count]))
        for (i, value) in values.enumerated() {
            var at = starts[i]
            for byte in value.utf8 {
                bytes[at] = byte
                at += 1
            }
            insert(row: Int32(i + 2), start: starts[i], count: value.utf8.count)
        }
        trueRow = booleanRow("true", orInteger: 1)
        falseRow = booleanRow("false", orInteger: 0)
    }

    deinit {
        integers.deallocate()
        texts.deallocate()
        starts.deallocate()
        bytes.deallocate()
    }

    private func booleanRow(_ name: StaticString, orInteger value: Int64) -> Int32 {
        let row = row(ofText: name.utf8Start, name.utf8CodeUnitCount)
        return row != 1 ? row : self.row(of: value)
    }

    /// The first of two equal values wins.
    private func insert(row: Int32, start: Int, count: Int) {
        guard count > 0 else { return }
        if let integer = ValueText.integer(bytes + start, count) {
            var slot = Int(truncatingIfNeeded: StableHash.integer(integer)) & mask
            while integers[slot].row != 0 {
                if integers[slot].key == integer { return }
                slot = (slot + 1) & mask
            }
            integers[slot] = Slot(key: integer, row: row)
            return
        }
        let hash = StableHash.bytes(bytes + start, count)
        var slot = Int(truncatingIfNeeded: hash) & mask
        while texts[slot].row != 0 {
            if texts[slot].key == hash, holds(texts[slot].row, bytes + start, count) { return }
            slot = (slot + 1) & mask
        }
        texts[slot] = Slot(key: hash, row: row)
    }

    @inline(__always)
    private func holds(_ row: Int32, _ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let start = starts[Int(row) - 2]
        guard starts[Int(row) - 1] - start == count else { return false }
        for i in 0..<count where bytes[start + i] != p[i] { return false }
        return true
    }

    /// 1 when unseen.
    @inline(__always)
    func row(of value: Int64) -> Int32 {
        var slot = Int(truncatingIfNeeded: StableHash.integer(value)) & mask
        while true {
            let found = integers[slot]
            if found.row == 0 { return 1 }
            if found.key == value { return found.row }
            slot = (slot + 1) & mask
        }
    }

    /// 1 when unseen.
    @inline(__always)
    func row(ofText p: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        if let integer = ValueText.integer(p, count) { return row(of: integer) }
        let hash = StableHash.bytes(p, count)
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let found = texts[slot]
            if found.row == 0 { return 1 }
            if found.key == hash, holds(found.row, p, count) { return found.row }
            slot = (slot + 1) & mask
        }
    }
}
