import Testing

@testable import Kernels

@Suite struct NarrowRowsTests {
    private static let widths = [1, 7, 8, 15, 16, 17, 33]

    private func values(_ count: Int, seed: UInt32) -> [Float] {
        var x = seed
        return (0..<count).map { i in
            x = x &* 1_664_525 &+ 1_013_904_223
            return i % 11 == 0 ? 0 : (Float(x >> 8) * 0x1p-23 - 1) * Float(1 + i % 5)
        }
    }

    @Test func bfloat16IsTheNearestAndGatheredExactly() {
        for columns in Self.widths {
            let table = values(9 * columns, seed: 3)
            let narrow = table.withUnsafeBufferPointer { NarrowRows.bfloat16($0) }
            for (x, bits) in zip(table, narrow) {
                let y = Float(bitPattern: UInt32(bits) << 16)
                // 8 significant bits: half a unit of the last is at most 2^-8 of the value.
                #expect(abs(x - y) <= abs(x) * 0x1p-8)
                for other in [bits &+ 1, bits &- 1] {
                    let z = Float(bitPattern: UInt32(other) << 16)
                    #expect(!(abs(x - z) < abs(x - y)), "\(x): \(y) and not \(z)")
                }
            }
            check(columns, [8, 0, 3, 3]) { EmbeddingRows(.bfloat16($0), rows: 9, columns: columns) } of: {
                narrow
            } expected: { row, column in
                Float(bitPattern: UInt32(narrow[row * columns + column]) << 16)
            }
        }
        let special: [Float] = [.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -0.0, Float(bitPattern: 0x7f80_0001)]
        let bits = special.withUnsafeBufferPointer { NarrowRows.bfloat16($0) }
        let back = bits.map { Float(bitPattern: UInt32($0) << 16) }
        #expect(back[0].isNaN && back[1] == .infinity && back[2] == -.infinity && back[3] == .infinity && back[5].isNaN)
        #expect(back[4] == 0 && back[4].sign == .minus)
    }

    @Test func int8IsWithinHalfAStep() {
        for columns in Self.widths {
            let table = values(9 * columns, seed: 8)
            let (narrow, scales) = table.withUnsafeBufferPointer { NarrowRows.int8($0, columns: columns) }
            for row in 0..<9 {
                let largest = table[row * columns..<(row + 1) * columns].map(abs).max()!
                #expect(scales[row] == largest / 127)
                for column in 0..<columns {
                    let x = table[row * columns + column], y = scales[row] * Float(narrow[row * columns + column])
                    #expect(abs(x - y) <= scales[row] * 0.5001, "\(x) became \(y), scale \(scales[row])")
                }
            }
            scales.withUnsafeBufferPointer { scales in
                check(columns, [5, 0, 8]) { EmbeddingRows(.int8($0, scales: scales.baseAddress!), rows: 9, columns: columns) } of: {
                    narrow
                } expected: { row, column in
                    scales[row] * Float(narrow[row * columns + column])
                }
            }
        }
        let tiny: [Float] = [0, 0, 1e-40, -1e-38]
        let (narrow, scales) = tiny.withUnsafeBufferPointer { NarrowRows.int8($0, columns: 2) }
        #expect(narrow == [0, 0, 0, 0] && scales == [0, 0])
    }

    /// Rows one by one, and bags of them, against the expected values.
    private func check<Value>(
        _ columns: Int, _ index: [Int32], _ rows: (UnsafePointer<Value>) -> EmbeddingRows, of narrow: () -> [Value],
        expected: (Int, Int) -> Float
    ) {
        narrow().withUnsafeBufferPointer { narrow in
            let table = rows(narrow.baseAddress!)
            let arena = Arena<Float>()
            // A range of a wider matrix, whose other columns must stay as they are.
            let wide = arena.zeros(index.count, columns + 3)
            table.gather(index, into: wide.columns(1..<1 + columns))
            for (i, row) in index.enumerated() {
                for column in 0..<columns { #expect(wide[i, 1 + column] == expected(Int(row), column)) }
                #expect(wide[i, 0] == 0 && wide[i, columns + 1] == 0 && wide[i, columns + 2] == 0)
            }
            for mean in [false, true] {
                let bags = arena.zeros(3, columns)
                let offsets: [Int32] = [0, 2, 2, Int32(index.count)]
                table.bag(index, offsets: offsets, mean: mean, into: bags, scratch: arena)
                for bag in 0..<3 {
                    let rows = index[Int(offsets[bag])..<Int(offsets[bag + 1])]
                    for column in 0..<columns {
                        let sum = rows.reduce(Float(0)) { $0 + expected(Int($1), column) }
                        let wanted = mean && rows.count > 1 ? sum * (1 / Float(rows.count)) : sum
                        #expect(abs(bags[bag, column] - wanted) <= 1e-6 * max(1, abs(wanted)))
                    }
                }
            }
        }
    }
}
