import Foundation
import Schema

/// A chunk's rows as row ids, before deduplication: scratch that is used again for every chunk.
final class ChunkEncoder {
    /// Ids of one feature for rows `0 ..< count` of the chunk; bags own `offsets[row] ..< offsets[row + 1]`.
    final class Column {
        let ids = Growable<Int32>(capacity: 1 << 15)
        let offsets = Growable<Int32>(capacity: 1 << 15)
    }

    let columns: SchemaColumns
    private let tables: [FittedTable]
    private let fieldTables: [FittedTable]
    private let privilegedTables: [FittedTable]
    private(set) var regular: [Column]
    private(set) var privileged: [Column]
    /// Distinct neighbouring sequences ("runs"): run r owns events `runOffsets[r] ..< runOffsets[r + 1]`.
    private(set) var runFields: [Growable<Int32>]
    let runOffsets = Growable<Int32>(capacity: 1 << 12)
    let runOf = Growable<Int32>(capacity: 1 << 15)
    let userKeys = Growable<UInt64>(capacity: 1 << 16)
    let itemKeys = Growable<UInt64>(capacity: 1 << 16)
    let requests = Growable<UInt64>(capacity: 1 << 15)
    let groups = Growable<UInt64>(capacity: 1 << 15)

    init(columns: SchemaColumns, encoder: FittedEncoder) throws {
        self.columns = columns
        tables = try columns.regular.map { try encoder.table($0.feature.table) }
        fieldTables = try columns.fields.map { try encoder.table($0.feature.table) }
        privilegedTables = try columns.privileged.map { try encoder.table($0.feature.table) }
        regular = columns.regular.map { _ in Column() }
        privileged = columns.privileged.map { _ in Column() }
        runFields = columns.fields.map { _ in Growable<Int32>(capacity: 1 << 15) }
    }

    func encode(_ checked: CheckedChunk) {
        let chunk = checked.chunk
        for (i, use) in columns.regular.enumerated() { encode(chunk, use, tables[i], into: regular[i]) }
        for (i, use) in columns.privileged.enumerated() { encode(chunk, use, privilegedTables[i], into: privileged[i]) }
        encodeSequences(checked)
        makeKeys(.user, userKeys, chunk.count)
        makeKeys(.item, itemKeys, chunk.count)
        hash(chunk, columns.request, into: requests)
        hash(chunk, columns.group, into: groups)
    }

    private func encode(_ chunk: Chunk, _ use: SchemaColumns.Use, _ table: FittedTable, into column: Column) {
        let view = chunk.columns[use.column]
        column.ids.removeAll()
        guard use.isList, let elements = view.elements else {
            table.encode(view, 0..<chunk.count, into: column.ids.extend(by: chunk.count))
            return
        }
        column.offsets.removeAll()
        column.offsets.append(0)
        if view.validity == nil, chunk.count > 0 {
            let whole = view.bounds(0).lowerBound..<view.bounds(chunk.count - 1).upperBound
            table.encode(elements, whole, into: column.ids.extend(by: whole.count))
            for row in 0..<chunk.count { column.offsets.append(Int32(view.bounds(row).upperBound - whole.lowerBound)) }
            return
        }
        for row in 0..<chunk.count {
            let range = view.bounds(row)
            table.encode(elements, range, into: column.ids.extend(by: range.count))
            column.offsets.append(Int32(column.ids.count))
        }
    }

    private func encodeSequences(_ checked: CheckedChunk) {
        guard let sequence = columns.schema.sequence, !columns.fields.isEmpty else { return }
        let chunk = checked.chunk
        let views = columns.fields.map { chunk.columns[$0.column] }
        runOf.removeAll()
        runOffsets.removeAll()
        runOffsets.append(0)
        for field in runFields { field.removeAll() }
        let slots = runOf.extend(by: chunk.count)
        var last = -1
        for row32 in checked.rows {
            let row = Int(row32)
            if last < 0 || !views.allSatisfy({ $0.sameElements(last, row) }) {
                let length = min(views[0].bounds(row).count, sequence.length)
                for (f, view) in views.enumerated() {
                    let start = view.bounds(row).lowerBound
                    fieldTables[f].encode(
                        view.elements!, start..<start + length, into: runFields[f].extend(by: length))
                }
                runOffsets.append(runOffsets.base[runOffsets.count - 1] + Int32(length))
            }
            slots[row] = Int32(runOffsets.count - 2)
            last = row
        }
    }

    private func makeKeys(_ side: Side, _ keys: Growable<UInt64>, _ count: Int) {
        keys.removeAll()
        let out = keys.extend(by: 2 * count)
        for row in 0..<count {
            out[2 * row] = 0x243F_6A88_85A3_08D3
            out[2 * row + 1] = 0x1319_8A2E_0370_7344
        }
        for (i, feature) in columns.schema.regular.enumerated() where feature.side == side {
            let ids = regular[i].ids.base
            if columns.regular[i].isList {
                let offsets = regular[i].offsets.base
                for row in 0..<count {
                    ContentKey.mix(out + 2 * row, offsets[row + 1] - offsets[row])
                    for j in Int(offsets[row])..<Int(offsets[row + 1]) { ContentKey.mix(out + 2 * row, ids[j]) }
                }
            } else {
                for row in 0..<count { ContentKey.mix(out + 2 * row, ids[row]) }
            }
        }
        guard side == .user, columns.schema.sequence != nil, !columns.fields.isEmpty else { return }
        let runs = runOffsets.count - 1
        guard runs > 0 else { return }
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2 * runs) { runKeys in
            let base = runKeys.baseAddress!
            for run in 0..<runs {
                base[2 * run] = 1
                base[2 * run + 1] = 2
                let start = Int(runOffsets.base[run]), end = Int(runOffsets.base[run + 1])
                ContentKey.mix(base + 2 * run, Int32(end - start))
                for field in runFields {
                    for j in start..<end { ContentKey.mix(base + 2 * run, field.base[j]) }
                }
            }
            // Rows outside the selection have no run; their keys are never read.
            for row in 0..<count {
                let run = Int(runOf.base[row])
                guard run >= 0, run < runs else { continue }
                ContentKey.mix(out + 2 * row, base[2 * run], base[2 * run + 1])
            }
        }
    }

    private func hash(_ chunk: Chunk, _ column: Int?, into out: Growable<UInt64>) {
        out.removeAll()
        let slots = out.extend(by: chunk.count)
        guard let column else {
            slots.update(repeating: 0, count: chunk.count)
            return
        }
        var hasher = ValueHasher()
        chunk.columns[column].visit(&hasher, 0..<chunk.count, into: slots)
    }
}

/// Two 64-bit lanes, each a chain of bijections of its state: a 128-bit key of a list of ids.
enum ContentKey {
    @inline(__always)
    static func mix(_ key: UnsafeMutablePointer<UInt64>, _ id: Int32) {
        let value = UInt64(UInt32(bitPattern: id))
        mix(key, value, value)
    }

    @inline(__always)
    static func mix(_ key: UnsafeMutablePointer<UInt64>, _ a: UInt64, _ b: UInt64) {
        var x = (key[0] ^ a) &* 0x9E37_79B9_7F4A_7C15
        x ^= x >> 32
        key[0] = x &* 0xD6E8_FEB8_6659_FD93
        var y = (key[1] &+ b &+ 0x632B_E59B_D9B4_E019) &* 0xFF51_AFD7_ED55_8CCD
        y ^= y >> 29
        key[1] = y &* 0xC4CE_B9FE_1A85_EC53
    }
}

extension ColumnView {
    /// Whether lists `a` and `b` hold the same raw elements.
    @inline(__always)
    func sameElements(_ a: Int, _ b: Int) -> Bool {
        let x = bounds(a), y = bounds(b)
        guard x.count == y.count else { return false }
        return x.isEmpty || elements!.sameValues(x.lowerBound, y.lowerBound, count: x.count)
    }

    private func sameValues(_ a: Int, _ b: Int, count n: Int) -> Bool {
        if validity != nil {
            for i in 0..<n where isValid(a + i) != isValid(b + i) { return false }
        }
        func same<T>(_ p: UnsafePointer<T>) -> Bool {
            memcmp(p + offset + a, p + offset + b, n * MemoryLayout<T>.stride) == 0
        }
        func sameText<T: FixedWidthInteger>(_ offsets: UnsafePointer<T>, _ bytes: UnsafePointer<UInt8>) -> Bool {
            let x = offsets + offset + a, y = offsets + offset + b
            for i in 1...n where x[i] - x[0] != y[i] - y[0] { return false }
            return memcmp(bytes + Int(x[0]), bytes + Int(y[0]), Int(x[n] - x[0])) == 0
        }
        switch layout {
        case .null: return true
        case .bool: return (0..<n).allSatisfy { text(at: a + $0) == text(at: b + $0) }
        case .int8(let p): return same(p)
        case .int16(let p): return same(p)
        case .int32(let p): return same(p)
        case .int64(let p): return same(p)
        case .uint8(let p): return same(p)
        case .uint16(let p): return same(p)
        case .uint32(let p): return same(p)
        case .uint64(let p): return same(p)
        case .half(let p): return same(p)
        case .float(let p): return same(p)
        case .double(let p): return same(p)
        case .text(let offsets, let bytes): return sameText(offsets, bytes)
        case .largeText(let offsets, let bytes): return sameText(offsets, bytes)
        case .dictionary(let codes, _): return codes.sameValues(a, b, count: n)
        case .list, .largeList: return false
        }
    }
}
