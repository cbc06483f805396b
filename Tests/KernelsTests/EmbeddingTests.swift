import Kernels
import Testing

@Suite("Embedding kernels")
struct EmbeddingTests {
    @Test("Rows are gathered, added and scattered by index", arguments: awkwardSizes + [8, 64])
    func rows(columns: Int) {
        var random = SplitMix(state: 14)
        for count in [0, 1, 5, 40] {
            let table = Twins(9, columns) { random.value() }
            let index = (0..<count).map { _ in Int32.random(in: 0..<9, using: &random) }
            let y = Twins(count, columns) { .nan }
            Float.gatherRows(table.float, index: index, into: y.float)
            Double.gatherRows(table.double, index: index, into: y.double)
            let picked = index.flatMap { i in (0..<columns).map { table.double[Int(i), $0] } }
            y.expectDouble(picked)
            y.expectAgreement(tolerance: 0)

            Float.gatherAddRows(table.float, index: index, into: y.float)
            Double.gatherAddRows(table.double, index: index, into: y.double)
            y.expectDouble(picked.map { 2 * $0 })
            y.expectAgreement(tolerance: 0)

            var sums = table.values
            for (i, row) in index.enumerated() {
                for c in 0..<columns { sums[Int(row) * columns + c] += y.double[i, c] }
            }
            Float.scatterAddRows(y.float, index: index, into: table.float)
            Double.scatterAddRows(y.double, index: index, into: table.double)
            table.expectDouble(sums)
            table.expectAgreement()
        }
    }

    @Test("Narrow rows are scattered as their elements are", .enabled(if: Processor.hasBFloat16), arguments: awkwardSizes)
    func narrowScatter(columns: Int) {
        var random = SplitMix(state: 31)
        let arena = Arena<Float>()
        let index = (0..<40).map { _ in Int32.random(in: 0..<7, using: &random) }
        let x = arena.operand(index.count, columns, .bfloat16)
        let table = Twins(7, columns) { random.value() }
        var expected = (0..<7).flatMap { r in (0..<columns).map { table.float[r, $0] } }
        for (i, row) in index.enumerated() {
            for c in 0..<columns {
                x[i, c] = random.value()
                expected[Int(row) * columns + c] += x[i, c]
            }
        }
        Float.scatterAddRows(x, index: index, into: table.float)
        for r in 0..<7 {
            for c in 0..<columns { #expect(table.float[r, c] == expected[r * columns + c]) }
            for c in columns..<table.float.stride { #expect(table.float[r, c] == 12345, "gap of row \(r)") }
        }
    }

    @Test(
        "A bag is the sum or mean of its rows, zero for none, and its backward the derivative",
        arguments: [false, true], awkwardSizes)
    func bags(mean: Bool, columns: Int) {
        var random = SplitMix(state: 15)
        let offsets: [Int32] = [0, 2, 2, 3, 23]
        let index = (0..<23).map { _ in Int32.random(in: 0..<7, using: &random) }
        let table = Twins(7, columns) { random.value() }
        let y = Twins(4, columns) { .nan }
        Float.bagRows(table.float, index: index, offsets: offsets, mean: mean, into: y.float)
        Double.bagRows(table.double, index: index, offsets: offsets, mean: mean, into: y.double)
        y.expectDouble(
            (0..<4).flatMap { i in
                (0..<columns).map { c in
                    let bag = index[Int(offsets[i])..<Int(offsets[i + 1])]
                    let sum = bag.reduce(0) { $0 + table.double[Int($1), c] }
                    return mean && !bag.isEmpty ? sum / Double(bag.count) : sum
                }
            })
        y.expectAgreement()
        let dy = Twins(4, columns) { random.value() }
        let gradient = Twins(7, columns) { 0 }
        Float.bagRowsBackward(dy.float, index: index, offsets: offsets, mean: mean, into: gradient.float)
        Double.bagRowsBackward(dy.double, index: index, offsets: offsets, mean: mean, into: gradient.double)
        gradient.expectAgreement()
        table.expectGradient(gradient.values) {
            Double.bagRows(table.double, index: index, offsets: offsets, mean: mean, into: y.double)
            return inner(y, dy)
        }
    }
}
