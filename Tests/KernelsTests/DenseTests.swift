import Kernels
import Testing

@Suite("Dense kernels")
struct DenseTests {
    @Test(
        "A product agrees with its definition for every transpose, alpha and beta", arguments: [false, true],
        [false, true])
    func products(ta: Bool, tb: Bool) {
        var random = SplitMix(state: 1)
        for (m, n, k) in [
            (1, 1, 1), (1, 33, 17), (8, 16, 15), (17, 1, 33), (33, 15, 16), (16, 17, 1), (5, 70, 130), (0, 3, 4),
            (3, 0, 4), (3, 4, 0),
        ] {
            for (alpha, beta) in [(1, 0), (0.5, 1), (-2, 0.25)] as [(Float, Float)] {
                let a = ta ? Twins(k, m) { random.value() } : Twins(m, k) { random.value() }
                let b = tb ? Twins(n, k) { random.value() } : Twins(k, n) { random.value() }
                let c = Twins(m, n) { beta == 0 ? .nan : random.value() }
                var expected: [Double] = []
                for i in 0..<m {
                    for j in 0..<n {
                        var sum = 0.0
                        for p in 0..<k {
                            sum += (ta ? a.double[p, i] : a.double[i, p]) * (tb ? b.double[j, p] : b.double[p, j])
                        }
                        expected.append(Double(alpha) * sum + (beta == 0 ? 0 : Double(beta) * c.double[i, j]))
                    }
                }
                Float.gemm(a.float, transposed: ta, b.float, transposed: tb, into: c.float, alpha: alpha, beta: beta)
                Double.gemm(
                    a.double, transposed: ta, b.double, transposed: tb, into: c.double, alpha: Double(alpha),
                    beta: Double(beta))
                c.expectDouble(expected, "\(m) x \(n) x \(k)")
                c.expectAgreement(tolerance: 1e-5, "\(m) x \(n) x \(k)")
            }
        }
    }

    @Test("A product of shapes that do not fit traps")
    func productShapes() async {
        await #expect(processExitsWith: .failure) {
            let arena = Arena<Float>()
            Float.gemm(
                arena.zeros(3, 4), transposed: false, arena.zeros(5, 6), transposed: false, into: arena.zeros(3, 6),
                alpha: 1, beta: 0)
        }
    }

    @Test("Elementwise kernels agree with their definitions", arguments: awkwardSizes)
    func elementwise(size: Int) {
        var random = SplitMix(state: 2)
        for rows in [0, 1, 3] {
            let bias = Twins(count: size) { random.value() }
            let x = Twins(rows, size) { random.value() }
            let before = x.values
            Float.addRow(bias.f, to: x.float)
            Double.addRow(bias.d, to: x.double)
            x.expectAgreement("addRow")
            x.expectDouble(before.enumerated().map { $1 + bias.d[$0 % size] }, "addRow")

            for slope in [0, 0.1] as [Float] {
                let y = Twins(rows, size) { random.value() }
                let dy = Twins(rows, size) { random.value() }
                let input = y.values
                let gradient = dy.values
                if slope == 0 {
                    Float.relu(y.float)
                    Double.relu(y.double)
                    Float.reluBackward(y.float, dy.float)
                    Double.reluBackward(y.double, dy.double)
                } else {
                    Float.leakyRelu(y.float, slope: slope)
                    Double.leakyRelu(y.double, slope: Double(slope))
                    Float.leakyReluBackward(y.float, dy.float, slope: slope)
                    Double.leakyReluBackward(y.double, dy.double, slope: Double(slope))
                }
                y.expectAgreement("leakyRelu")
                dy.expectAgreement("leakyReluBackward")
                y.expectDouble(input.map { $0 > 0 ? $0 : Double(slope) * $0 }, "leakyRelu")
                dy.expectDouble(zip(input, gradient).map { $0 > 0 ? $1 : Double(slope) * $1 }, "leakyReluBackward")
            }
        }
        let x = Twins(count: size) { random.value() }
        let y = Twins(count: size) { random.value() }
        let expected = zip(x.values, y.values).map { 0.5 * $0 + $1 }
        Float.axpy(0.5, x.f, y.f, count: size)
        Double.axpy(0.5, x.d, y.d, count: size)
        y.expectAgreement("axpy")
        y.expectDouble(expected, "axpy")
    }

    @Test("A NaN comes through the activations")
    func activationsKeepNaN() {
        for columns in [1, 16, 17] {
            let x = Twins(1, columns) { .nan }
            Float.relu(x.float)
            Double.relu(x.double)
            #expect(x.float[0, columns - 1].isNaN && x.double[0, columns - 1].isNaN)
            Float.leakyRelu(x.float, slope: 0.1)
            #expect(x.float[0, columns - 1].isNaN)
        }
    }

    @Test("Column sums are added to what is there", arguments: awkwardSizes + [600])
    func columnSums(columns: Int) {
        var random = SplitMix(state: 3)
        for rows in [0, 1, 7, 8, 9, 64, 65, 200] {
            let x = Twins(rows, columns) { random.value() }
            let sums = Twins(count: columns) { random.value() }
            let expected = (0..<columns).map { c in (0..<rows).reduce(sums.d[c]) { $0 + x.double[$1, c] } }
            Float.addColumnSums(of: x.float, to: sums.f)
            Double.addColumnSums(of: x.double, to: sums.d)
            sums.expectDouble(expected)
            sums.expectAgreement()
        }
    }

    @Test("Column sums of many equal rows are right to one rounding")
    func longColumnSums() {
        let x = Twins(100_000, 2, gap: 0) { 0.1 }
        let sums = Twins(count: 2) { 0 }
        Float.addColumnSums(of: x.float, to: sums.f)
        #expect(abs(sums.f[1] / (100_000 * Float(0.1)) - 1) <= 4e-7)
    }
}
