import CKernels
import Kernels
import Testing

@Suite("Products")
struct ProductTests {
    private static let sizes: [(m: Int, n: Int, k: Int)] = [
        (1, 1, 1), (1, 64, 17), (6, 64, 16), (7, 63, 15), (13, 65, 33), (5, 16, 4), (9, 17, 8), (12, 32, 31), (25, 48, 2),
        (17, 49, 3), (11, 130, 70), (50, 15, 1), (0, 3, 4), (3, 0, 4), (3, 4, 0), (3, 5, 1025), (8, 70, 2049),
        // More of A than one block.
        (130, 20, 1030),
    ]

    /// A call of the C kernel on matrices one element off alignment.
    private struct Call {
        let a: Twins
        let b: Twins
        let addend: Twins
        let bias: Twins
        let gate: Twins
        var packed: [Float]
        let transposedA: Bool
        let transposedB: Bool
        let size: (m: Int, n: Int, k: Int)
        let isBFloat16: Bool

        init(_ size: (m: Int, n: Int, k: Int), _ ta: Bool, _ tb: Bool, pack: Bool, bfloat16: Bool = false, seed: UInt64) {
            var random = SplitMix(state: seed)
            let (m, n, k) = size
            self.size = size
            transposedA = ta
            transposedB = tb
            isBFloat16 = bfloat16
            a = ta ? Twins(k, m) { random.value() } : Twins(m, k) { random.value() }
            b = tb ? Twins(n, k) { random.value() } : Twins(k, n) { random.value() }
            addend = Twins(m, n) { random.value() }
            bias = Twins(count: n) { random.value() }
            gate = Twins(m, n) { random.value() }
            packed = []
            if bfloat16 {
                packed = .init(repeating: .nan, count: hs_packed_count_bf16(k, n))
                hs_pack_bf16(b.f, b.float.stride, tb ? 1 : 0, k, n, &packed)
            } else if pack {
                packed = .init(repeating: .nan, count: hs_packed_count(k, n))
                hs_pack_f32(b.f, b.float.stride, tb ? 1 : 0, k, n, &packed)
            }
        }

        func run(_ body: (UnsafePointer<hs_product>) -> Void, finishes: Bool) -> [Float] {
            let (m, n, k) = size
            let c = Twins(m, n) { .nan }
            packed.withUnsafeBufferPointer { packed in
                let strip = Int(HS_STRIP)
                let inner = isBFloat16 ? (k + 1) / 2 : k
                let isPacked = packed.count > 0
                var product = hs_product(
                    m: m, n: n, k: k, a: a.f, arow: transposedA ? 1 : a.float.stride,
                    ainner: transposedA ? a.float.stride : 1,
                    b: isPacked ? packed.baseAddress! : UnsafePointer(b.f), brow: isPacked ? strip : b.float.stride,
                    bstrip: isPacked ? strip * inner : strip, c: c.f, cstride: c.float.stride,
                    addend: finishes ? UnsafePointer(addend.f) : nil, addendstride: addend.float.stride,
                    bias: finishes ? UnsafePointer(bias.f) : nil, relu: finishes ? 1 : 0,
                    gate: finishes ? UnsafePointer(gate.f) : nil, gatestride: gate.float.stride, anarrow: 0, cnarrow: 0,
                    gatenarrow: 0, next: nil)
                var walk = hs_walk(from: addend.f, count: m * addend.float.stride, asked: 0)
                withUnsafeMutablePointer(to: &walk) {
                    product.next = finishes ? $0 : nil
                    body(&product)
                }
            }
            for r in 0..<m { for x in n..<c.float.stride { #expect(c.float[r, x] == 12345, "gap of row \(r)") } }
            return (0..<m).flatMap { r in (0..<n).map { c.float[r, $0] } }
        }
    }

    @Test(
        "The product of vectors is the scalar one, bit for bit", .enabled(if: Processor.hasAVX512), arguments: [false, true],
        [false, true])
    func scalarTwin(ta: Bool, finishes: Bool) {
        for (number, size) in Self.sizes.enumerated() {
            for (tb, pack) in [(false, false), (false, true), (true, true)] {
                let call = Call(size, ta, tb, pack: pack, seed: UInt64(number))
                let fast = call.run(hs_product_f32, finishes: finishes).map(\.bitPattern)
                let scalar = call.run(hs_product_scalar, finishes: finishes).map(\.bitPattern)
                #expect(fast == scalar, "\(size), packed \(pack), B transposed \(tb)")
            }
        }
    }

    /// Both round to bfloat16 alike, so what differs is the order of float32 sums.
    @Test(
        "The product of bfloat16 vectors is the scalar one but for rounding of sums", .enabled(if: Processor.hasBFloat16),
        arguments: [false, true], [false, true])
    func bfloat16Twin(ta: Bool, tb: Bool) {
        for (number, size) in Self.sizes.enumerated() {
            for finishes in [false, true] {
                let call = Call(size, ta, tb, pack: true, bfloat16: true, seed: UInt64(number))
                let fast = call.run(hs_product_bf16, finishes: finishes)
                let scalar = call.run(hs_product_bf16_scalar, finishes: finishes)
                // |a b| <= 4, so a sum of k terms has k roundings of at most 4 k 2^-24.
                let tolerance = 4 * Float(size.k + 2) * Float(size.k + 2).squareRoot() * 0x1p-24
                let worst = zip(fast, scalar).map { abs($0 - $1) }.reduce(0, nanMax)
                #expect(worst <= tolerance, "\(size)")
            }
        }
    }

    /// Each factor is off by at most half a unit in the last of its eight bits, 2^-8 of itself.
    @Test("Rounding to bfloat16 is off by at most 2^-7 of the absolute sum", arguments: [false, true])
    func bfloat16Error(ta: Bool) {
        for (number, size) in Self.sizes.enumerated() {
            let call = Call(size, ta, false, pack: true, bfloat16: true, seed: UInt64(number))
            let rounded = call.run(Processor.hasBFloat16 ? hs_product_bf16 : hs_product_bf16_scalar, finishes: false)
            let (m, n, k) = size
            var worst = 0.0
            for i in 0..<m {
                for j in 0..<n {
                    let terms = (0..<k).map { (ta ? call.a.double[$0, i] : call.a.double[i, $0]) * call.b.double[$0, j] }
                    let bound = terms.reduce(0) { $0 + abs($1) } * (0x1p-7 + 0x1p-16 + 0x1p-24 * Double(k)) + 1e-30
                    worst = nanMax(worst, abs(Double(rounded[i * n + j]) - terms.reduce(0, +)) / bound)
                }
            }
            #expect(worst <= 1, "\(size)")
        }
    }

    @Test("Both bfloat16 packings agree", .enabled(if: Processor.hasBFloat16))
    func packings() {
        var random = SplitMix(state: 5)
        for (k, n) in [(1, 1), (2, 16), (33, 65), (31, 48), (64, 50)] {
            let b = Twins(k, n) { random.value() }
            let transpose = Twins(n, k) { 0 }
            for i in 0..<k { for j in 0..<n { transpose.float[j, i] = b.float[i, j] } }
            var packed = [Float](repeating: .nan, count: hs_packed_count_bf16(k, n))
            var other = packed
            hs_pack_bf16(b.f, b.float.stride, 0, k, n, &packed)
            hs_pack_bf16(transpose.f, transpose.float.stride, 1, k, n, &other)
            #expect(packed.map(\.bitPattern) == other.map(\.bitPattern))
        }
    }

    @Test(
        "Narrow operands give the product of their elements, and take its rounding, bit for bit",
        .enabled(if: Processor.hasBFloat16), arguments: [false, true])
    func narrowOperands(ta: Bool) {
        let arena = Arena<Float>()
        for (number, size) in Self.sizes.enumerated() {
            let (m, n, k) = size
            let call = Call(size, ta, false, pack: false, seed: UInt64(number))
            let (a, b, gate) = (narrow(call.a.float, arena), narrow(call.b.float, arena), narrow(call.gate.float, arena))
            let rightWide = Float.prepare(call.b.float, transposed: false, precision: .bfloat16, arena: arena)
            let right = Float.prepare(b, transposed: false, precision: .bfloat16, arena: arena)
            let (wide, mixed) = (Twins(m, n) { .nan }, Twins(m, n) { .nan })
            let c = narrow(wide.float, arena)
            for i in 0..<c.rows * c.stride { c.base[i] = .nan }
            func finish(_ gate: Operand<Float>) -> Finish<Float> {
                Finish(adding: call.addend.float, bias: call.bias.f, relu: number % 2 == 0, gate: gate)
            }
            Float.product(
                Operand(call.a.float), transposed: ta, rightWide, into: Operand(wide.float), finish(Operand(call.gate.float)))
            Float.product(a, transposed: ta, right, into: Operand(mixed.float), finish(gate))
            Float.product(a, transposed: ta, right, into: c, finish(gate))
            let rounded = narrow(wide.float, arena)
            for i in 0..<m {
                for j in 0..<n {
                    #expect(mixed.float[i, j].bitPattern == wide.float[i, j].bitPattern, "\(size)")
                    // A narrow C takes the whole inner dimension in one sum, whose roundings are others.
                    let slack = k <= 512 ? 0 : 0x1p-7 * abs(wide.float[i, j]) + 1e-3
                    #expect(abs(c[i, j] - rounded[i, j]) <= slack, "\(size)")
                }
                // Whoever reads the last pair of an odd row multiplies what is in it by zero.
                if n % 2 == 1 { #expect(c.base[i * c.stride + n / 2].bitPattern >> 16 == 0, "\(size)") }
            }
            arena.reset()
        }
    }

    /// A matrix rounded to bfloat16, a NaN in every place that is no element's.
    private func narrow(_ x: Matrix<Float>, _ arena: Arena<Float>) -> Operand<Float> {
        let y = arena.operand(x.rows, x.columns, .bfloat16)
        for r in 0..<x.rows {
            for place in (x.columns + 1) / 2..<y.stride { y.base[r * y.stride + place] = .nan }
            if x.columns % 2 == 1 { y.base[r * y.stride + x.columns / 2] = 0 }
            for c in 0..<x.columns { y[r, c] = x[r, c] }
        }
        return y
    }

    @Test("Column sums of a narrow matrix are those of its elements", .enabled(if: Processor.hasBFloat16))
    func narrowColumnSums() {
        let arena = Arena<Float>()
        var random = SplitMix(state: 21)
        for (rows, columns) in [(0, 3), (1, 1), (3, 16), (64, 17), (65, 31), (257, 33), (130, 64), (7, 130)] {
            let values = Twins(rows, columns) { random.value() }
            let x = withExtendedLifetime(values) { narrow(values.float, arena) }
            let sums = Twins(count: columns) { random.value() }
            Float.addColumnSums(of: x, to: sums.f)
            for c in 0..<columns {
                let expected = (0..<rows).reduce(sums.double[0, c]) { $0 + Double(x[$1, c]) }
                #expect(abs(Double(sums.f[c]) - expected) <= 1e-5 * (1 + abs(expected)), "\(rows) x \(columns)")
            }
            arena.reset()
        }
    }

    @Test("A finished product agrees with its definition in both types", arguments: [false, true], [false, true])
    func finished(ta: Bool, tb: Bool) {
        let (floats, doubles) = (Arena<Float>(), Arena<Double>())
        for (number, size) in Self.sizes.enumerated() {
            let (m, n, k) = size
            let call = Call(size, ta, tb, pack: false, seed: UInt64(number))
            for accumulates in [false, true] {
                var random = SplitMix(state: 77)
                let c = Twins(m, n) { accumulates ? random.value() : .nan }
                var expected: [Double] = []
                for i in 0..<m {
                    for j in 0..<n {
                        var sum = accumulates ? c.double[i, j] : call.addend.double[i, j] + call.bias.d[j]
                        for p in 0..<k {
                            sum +=
                                (ta ? call.a.double[p, i] : call.a.double[i, p])
                                * (tb ? call.b.double[j, p] : call.b.double[p, j])
                        }
                        if !accumulates { sum = call.gate.double[i, j] > 0 ? max(0, sum) : 0 }
                        expected.append(sum)
                    }
                }
                Float.product(
                    call.a.float, transposed: ta,
                    Float.prepare(call.b.float, transposed: tb, precision: .float32, arena: floats), into: c.float,
                    accumulates
                        ? Finish(adding: c.float)
                        : Finish(adding: call.addend.float, bias: call.bias.f, relu: true, gate: Operand(call.gate.float)))
                Double.product(
                    call.a.double, transposed: ta,
                    Double.prepare(call.b.double, transposed: tb, precision: .bfloat16, arena: doubles),
                    into: c.double,
                    accumulates
                        ? Finish(adding: c.double)
                        : Finish(adding: call.addend.double, bias: call.bias.d, relu: true, gate: Operand(call.gate.double)))
                c.expectDouble(expected, "\(size)")
                c.expectAgreement(tolerance: 1e-5 + 8e-8 * Double(k), "\(size)")
            }
            floats.reset()
            doubles.reset()
        }
    }

    @Test("A row's product does not depend on the rows beside it", .enabled(if: Processor.hasAVX512))
    func rowsAreIndependent() {
        var random = SplitMix(state: 8)
        let (x, w) = (Twins(50, 70) { random.value() }, Twins(70, 100) { random.value() })
        let (all, one) = (Twins(50, 100) { .nan }, Twins(1, 100) { .nan })
        Float.gemm(x.float, transposed: false, w.float, transposed: false, into: all.float, alpha: 1, beta: 0)
        for r in 0..<50 {
            let row = x.float.rows(r..<(r + 1))
            Float.gemm(row, transposed: false, w.float, transposed: false, into: one.float, alpha: 1, beta: 0)
            for c in 0..<100 { #expect(one.float[0, c].bitPattern == all.float[r, c].bitPattern) }
        }
    }

    @Test("A NaN comes through a finished product")
    func keepsNaN() {
        let arena = Arena<Float>()
        let (x, w, y) = (arena.zeros(2, 3), arena.zeros(3, 20), arena.zeros(2, 20))
        x[1, 2] = .nan
        let operand = Float.prepare(w, transposed: false, precision: .float32, arena: arena)
        Float.product(x, transposed: false, operand, into: y, Finish(relu: true))
        for c in 0..<20 { #expect(y[0, c] == 0 && y[1, c].isNaN) }
    }
}

/// The larger; infinite when either is NaN.
private func nanMax<T: BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a.isNaN || b.isNaN ? .infinity : max(a, b) }
