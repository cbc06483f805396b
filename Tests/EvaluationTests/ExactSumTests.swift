import Foundation
import Testing

@testable import Evaluation

@Suite("Exact sums")
struct ExactSumTests {
    private func sum(_ numbers: [Double]) -> ExactSum {
        numbers.reduce(into: ExactSum()) { $0.add($1) }
    }

    @Test("A single number comes back as it was")
    func single() {
        let numbers = [
            0, 1, -1, 0.1, -0.1, .pi, 1e-300, -1e300, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
            .leastNormalMagnitude, -.leastNonzeroMagnitude, 0x1.fffffffffffffp31, 0x1p32,
            0x1.0000000000001p-31,
        ]
        for number in numbers { #expect(sum([number]).value == number) }
    }

    @Test("What cancels leaves exactly what is left")
    func cancellation() {
        #expect(sum([1e100, 1, -1e100]).value == 1)
        #expect(sum([1e300, 1e-300, -1e300, -1e-300]).value == 0)
        #expect(sum([-1e16, 1, 1, 1e16]).value == 2)
        #expect(sum([0x1p53, 1, 0x1p-60]).value == 0x1p53 + 2, "a bit far below breaks the tie upwards")
        #expect(sum([0x1p53, 1]).value == 0x1p53, "a tie goes to even")
    }

    @Test("Integers sum to the integer, beyond the carry interval")
    func integers() {
        var random = TestRandom(seed: 3)
        var exact: Int128 = 0
        var state = ExactSum()
        for _ in 0..<20_000 {
            let number = Int64(bitPattern: random.next()) >> 11
            exact += Int128(number)
            state.add(Double(number))
        }
        #expect(state.value == Double(exact))
    }

    @Test("Many equal numbers that fill a chunk's spare bits as fast as can be do not overflow it")
    func carries() {
        // Exponent field 1023 is 31 modulo 32, so nearly the whole mantissa lands in the upper chunk.
        let almostTwo = 0x1.fffffffffffffp0
        #expect(sum(Array(repeating: almostTwo, count: 100_000)).value == 200_000 - 100_000 * 0x1p-52)
        #expect(sum(Array(repeating: -almostTwo, count: 100_000)).value == -200_000 + 100_000 * 0x1p-52)
    }

    @Test("Neither order nor merging changes the state")
    func order() {
        var random = TestRandom(seed: 4)
        let numbers = (0..<10_000).map { _ in random.normal() * exp2(Double(Int(random.next() % 200)) - 100) }
        let whole = sum(numbers)
        #expect(sum(numbers.reversed()) == whole)
        var merged = sum(Array(numbers[..<3000]))
        merged.merge(sum(Array(numbers[3000...])))
        #expect(merged == whole)
        #expect(merged.value == whole.value)
    }
}

@Suite("Radix sort")
struct RadixSortTests {
    @Test(
        "Keys come out sorted and payloads keep the order of equal keys",
        arguments: [0, 1, 2, 255, 256, 257, 5000])
    func sorts(count: Int) {
        var random = TestRandom(seed: UInt64(count + 1))
        let masks: [UInt64] = [.max, 0xff00_0000_00ff_0000, 0x7]
        for mask in masks {
            let original = (0..<count).map { _ in random.next() & mask }
            var keys = original
            radixSort(&keys)
            #expect(keys == original.sorted())
            keys = original
            var payload = (0..<UInt64(count)).map { $0 }
            radixSort(&keys, carrying: &payload)
            let expected = original.enumerated().sorted { ($0.element, $0.offset) < ($1.element, $1.offset) }
            #expect(payload == expected.map { UInt64($0.offset) })
        }
    }

    @Test("Ordered bits order floats as floats")
    func orderedFloats() {
        let floats: [Float] = [-.infinity, -2, -1, -0x1p-140, 0, 0x1p-140, 0.5, 1, 3e38, .infinity]
        #expect(floats.map(orderedBits) == floats.map(orderedBits).sorted())
        #expect(Set(floats.map(orderedBits)).count == floats.count)
        #expect(orderedBits(-0.0) == orderedBits(0))
    }
}
