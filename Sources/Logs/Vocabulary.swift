/// A closed list of values, each with a row: 2, 3, ... in the list's order.
///
/// Values are texts. Those that spell an integer are also found by the integer itself, without making a text.
/// Immutable, so that all threads may share it.
final class Vocabulary: @unchecked Sendable {
    let values: [String]

    // Open addressing, at most half full. Row 0 marks an empty slot.
    private let integerMask: Int
    private let integerKeys: UnsafeMutablePointer<Int64>
    private let integerRows: UnsafeMutablePointer<Int32>
    private let textMask: Int
    private let textHashes: UnsafeMutablePointer<UInt64>
    private let textRows: UnsafeMutablePointer<Int32>
    // Text of row r: bytes[starts[r - 2] ..< starts[r - 1]].
    private let starts: UnsafeMutablePointer<Int>
    private let bytes: UnsafeMutablePointer<UInt8>
    private(set) var trueRow: Int32 = 1
    private(set) var falseRow: Int32 = 1

    init(_ values: [String]) {
        self.values = values
        var slots = 16
        while slots < 2 * values.count { slots *= 2 }
        integerMask = slots - 1
        textMask = slots - 1
        integerKeys = .allocate(capacity: slots)
        integerKeys.initialize(repeating: 0, count: slots)
        integerRows = .allocate(capacity: slots)
        integerRows.initialize(repeating: 0, count: slots)
        textHashes = .allocate(capacity: slots)
        textHashes.initialize(repeating: 0, count: slots)
        textRows = .allocate(capacity: slots)
        textRows.initialize(repeating: 0, count: slots)
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
        integerKeys.deallocate()
        integerRows.deallocate()
        textHashes.deallocate()
        textRows.deallocate()
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
            var slot = Int(truncatingIfNeeded: StableHash.integer(integer)) & integerMask
            while integerRows[slot] != 0 {
                if integerKeys[slot] == integer { return }
                slot = (slot + 1) & integerMask
            }
            integerKeys[slot] = integer
            integerRows[slot] = row
            return
        }
        let hash = StableHash.bytes(bytes + start, count)
        var slot = Int(truncatingIfNeeded: hash) & textMask
        while textRows[slot] != 0 {
            if textHashes[slot] == hash, holds(textRows[slot], bytes + start, count) { return }
            slot = (slot + 1) & textMask
        }
        textHashes[slot] = hash
        textRows[slot] = row
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
        var slot = Int(truncatingIfNeeded: StableHash.integer(value)) & integerMask
        while true {
            let row = integerRows[slot]
            if row == 0 { return 1 }
            if integerKeys[slot] == value { return row }
            slot = (slot + 1) & integerMask
        }
    }

    /// 1 when unseen.
    @inline(__always)
    func row(ofText p: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        if let integer = ValueText.integer(p, count) { return row(of: integer) }
        let hash = StableHash.bytes(p, count)
        var slot = Int(truncatingIfNeeded: hash) & textMask
        while true {
            let row = textRows[slot]
            if row == 0 { return 1 }
            if textHashes[slot] == hash, holds(row, p, count) { return row }
            slot = (slot + 1) & textMask
        }
    }
}
