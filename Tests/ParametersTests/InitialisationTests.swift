import Foundation
import Parameters
import Testing

@Suite struct InitialisationTests {
    func table(_ names: [String], _ name: String, seed: UInt64 = 1, rows: Int = 1000, dimension: Int = 16) -> [Float] {
        let server = LocalParameterServer(
            dense: [], tables: names.map { TableSpec(name: $0, rows: rows, dimension: dimension, deviation: 0.5) },
            optimiser: SGD(), seed: seed)
        return server.values(table: names.firstIndex(of: name)!)
    }

    @Test func otherTablesDoNotMatter() {
        let alone = table(["b"], "b")
        #expect(bits(alone) == bits(table(["a", "b", "c"], "b")))
        #expect(bits(alone) == bits(table(["c", "b"], "b")))
    }

    @Test func moreRowsLeaveTheFirstAsTheyWere() {
        // 3 million floats are filled by several threads in blocks.
        let many = table(["b"], "b", rows: 200_001, dimension: 15)
        #expect(bits(table(["b"], "b", rows: 333, dimension: 15)) == bits(Array(many[..<(333 * 15)])))
        #expect(bits(many) == bits(table(["b"], "b", rows: 200_001, dimension: 15)))
    }

    @Test func nameAndSeedMatter() {
        let first = table(["a"], "a")
        for other in [table(["b"], "b"), table(["a"], "a", seed: 2)] {
            #expect(zip(first, other).count { $0 == $1 } < 5)
            let correlation = zip(first, other).reduce(0) { $0 + Double($1.0) * Double($1.1) } / 16_000 / 0.25
            #expect(abs(correlation) < 5 / 16_000.0.squareRoot())
        }
    }

    @Test func valuesAreNormal() {
        let values = table(["x"], "x", rows: 100_000, dimension: 10).map { Double($0) / 0.5 }
        let count = Double(values.count)
        func mean(_ value: (Double) -> Double) -> Double { values.reduce(0) { $0 + value($1) } / count }
        // Five standard errors of each estimate, under a standard normal.
        #expect(abs(mean { $0 }) < 5 / count.squareRoot())
        #expect(abs(mean { $0 * $0 } - 1) < 5 * (2 / count).squareRoot())
        #expect(abs(mean { $0 * $0 * $0 }) < 5 * (15 / count).squareRoot())
        #expect(abs(mean { pow($0, 4) } - 3) < 5 * (96 / count).squareRoot())
        // The distribution function, Kolmogorov's distance at about p = 1e-6.
        let sorted = values.sorted()
        let distance = sorted.indices.map { abs(0.5 * erfc(-sorted[$0] / 2.0.squareRoot()) - Double($0) / count) }.max()!
        #expect(distance < 2.7 / count.squareRoot())
        // Neighbours within a row and within a pair are independent.
        #expect(abs((1..<values.count).reduce(0) { $0 + values[$1] * values[$1 - 1] } / count) < 5 / count.squareRoot())
    }

    /// The kernel's polynomials against Foundation's functions in Double, from the same hash.
    @Test func valuesAreBoxMullersOfTheHash() {
        let values = table(["x"], "x", rows: 1000, dimension: 3)
        let seedBytes = (0..<8).map { UInt8(truncatingIfNeeded: 1 as UInt64 >> (8 * $0)) }
        var hash = SplitMix(
            state: (seedBytes + Array("x".utf8)).reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
                &- 0x9E37_79B9_7F4A_7C15)
        for pair in 0..<1500 {
            let bits = hash.next()
            let uniform = (Double(bits >> 41) + 0.5) / 0x1p23
            let low = UInt32(truncatingIfNeeded: bits)
            let turn = (Double(low & 3) + Double((low >> 6) & 0xFF_FFFF) / 0x1p24 - 0.5) / 4
            let radius = 0.5 * (-2 * log(uniform)).squareRoot()
            #expect(abs(Double(values[2 * pair]) - radius * cos(2 * .pi * turn)) < 1e-6)
            #expect(abs(Double(values[2 * pair + 1]) - radius * sin(2 * .pi * turn)) < 1e-6)
        }
    }

    @Test func stateThatStartsAtZeroCostsNothingUntilTouched() throws {
        // 2^30 rows of 1 Adam step each is 4 GiB of state a buffer; only address space.
        let server = LocalParameterServer(
            dense: [], tables: [TableSpec(name: "huge", rows: 1 << 30, dimension: 4, deviation: 0)], optimiser: Adam(), seed: 1)
        server.push([1 << 29, 7], [Float](repeating: 1, count: 8), learningRate: 0.1)
        #expect(server.rows([7]) == server.rows([1 << 29]))
        #expect(server.rows([8]) == [0, 0, 0, 0])
    }
}
