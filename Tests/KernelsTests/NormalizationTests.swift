import Kernels
import Testing

@Suite("Normalisations")
struct NormalizationTests {
    /// Copies of rows, the definition that multiplicities abbreviate.
    private func repeated(_ x: Twins, _ w: Twins?) -> [[Double]] {
        (0..<x.double.rows).flatMap { r in
            Array(repeating: (0..<x.double.columns).map { x.double[r, $0] }, count: w.map { Int($0.d[r]) } ?? 1)
        }
    }

    @Test("Weighted moments are those of the repeated rows", arguments: awkwardSizes + [513])
    func moments(columns: Int) {
        var random = SplitMix(state: 4)
        for rows in [1, 3, 4, 5, 64, 65, 130] {
            for weighted in [false, true] {
                // A mean far from zero: one pass would lose the variance.
                let x = Twins(rows, columns) { 100 + random.value() }
                let w = weighted ? Twins(count: rows) { Float(Int.random(in: 1...5, using: &random)) } : nil
                let mean = Twins(count: columns) { .nan }
                let variance = Twins(count: columns) { .nan }
                Float.weightedMoments(x.float, multiplicity: w?.f, mean: mean.f, variance: variance.f)
                Double.weightedMoments(x.double, multiplicity: w?.d, mean: mean.d, variance: variance.d)
                let all = repeated(x, w)
                let means = (0..<columns).map { c in all.reduce(0) { $0 + $1[c] } / Double(all.count) }
                mean.expectDouble(means)
                variance.expectDouble(
                    (0..<columns).map { c in
                        all.reduce(0) { $0 + ($1[c] - means[c]) * ($1[c] - means[c]) } / Double(all.count)
                    })
                mean.expectAgreement(tolerance: 1e-6)
                variance.expectAgreement(tolerance: 1e-5)
            }
        }
    }

    @Test("Moments of no rows are zero")
    func noMoments() {
        let x = Twins(0, 3) { 0 }
        let mean = Twins(count: 3) { .nan }
        let variance = Twins(count: 3) { .nan }
        Float.weightedMoments(x.float, multiplicity: nil, mean: mean.f, variance: variance.f)
        Double.weightedMoments(x.double, multiplicity: nil, mean: mean.d, variance: variance.d)
        mean.expectDouble([0, 0, 0])
        variance.expectDouble([0, 0, 0])
        mean.expectAgreement()
        variance.expectAgreement()
    }

    @Test(
        "Batch norm and leaky ReLU agree with their definition, forward and backward", arguments: awkwardSizes + [513])
    func batchNorm(columns: Int) {
        var random = SplitMix(state: 5)
        for (rows, slope, weighted) in [(1, 1, false), (5, 0.1, true), (70, 0, true), (64, 0.1, false)]
            as [(Int, Float, Bool)]
        {
            let x = Twins(rows, columns) { random.value() }
            let y = Twins(rows, columns) { .nan }
            let dy = Twins(rows, columns) { random.value() }
            let mean = Twins(count: columns) { random.value() }
            let rstd = Twins(count: columns) { random.value(0.5...2) }
            let gamma = Twins(count: columns) { random.value() }
            let beta = Twins(count: columns) { random.value() }
            let dgamma = Twins(count: columns) { 1 }
            let dbeta = Twins(count: columns) { 2 }
            let w = weighted ? Twins(count: rows) { Float(Int.random(in: 1...5, using: &random)) } : nil
            Float.normalizeLeaky(
                x.float, mean: mean.f, rstd: rstd.f, gamma: gamma.f, beta: beta.f, slope: slope, into: y.float)
            Double.normalizeLeaky(
                x.double, mean: mean.d, rstd: rstd.d, gamma: gamma.d, beta: beta.d, slope: Double(slope), into: y.double
            )
            y.expectDouble(
                x.values.enumerated().map { i, x in
                    let c = i % columns
                    let v = gamma.d[c] * (x - mean.d[c]) * rstd.d[c] + beta.d[c]
                    return v > 0 ? v : Double(slope) * v
                })
            y.expectAgreement(tolerance: 5e-6)
            var values = x.values.makeIterator()
            let inPlace = Twins(rows, columns) { Float(values.next()!) }
            Float.normalizeLeaky(
                inPlace.float, mean: mean.f, rstd: rstd.f, gamma: gamma.f, beta: beta.f, slope: slope,
                into: inPlace.float)
            Double.normalizeLeaky(
                inPlace.double, mean: mean.d, rstd: rstd.d, gamma: gamma.d, beta: beta.d, slope: Double(slope),
                into: inPlace.double)
            inPlace.expectDouble(y.values, "in place")
            inPlace.expectAgreement(tolerance: 5e-6, "in place")
            // Where the twins disagree on the sign of y, one of them is at the kink: keep them together.
            for r in 0..<rows { for c in 0..<columns { y.float[r, c] = Float(y.double[r, c]) } }
            let total = w.map { $0.values.reduce(0, +) } ?? Double(rows)
            var expected = [Double](repeating: 0, count: rows * columns)
            var s1 = [Double](repeating: 0, count: columns)
            var s2 = s1
            for pass in 0..<2 {
                for r in 0..<rows {
                    for c in 0..<columns {
                        let g = dy.double[r, c] * (y.double[r, c] > 0 ? 1 : Double(slope))
                        let xhat = (x.double[r, c] - mean.d[c]) * rstd.d[c]
                        if pass == 0 {
                            s1[c] += g
                            s2[c] += g * xhat
                        } else {
                            expected[r * columns + c] =
                                gamma.d[c] * rstd.d[c] * (g - (w?.d[r] ?? 1) * (s1[c] + xhat * s2[c]) / total)
                        }
                    }
                }
            }
            // In place: dx is dy.
            Float.normalizeLeakyBackward(
                x.float, dy.float, multiplicity: w?.f, mean: mean.f, rstd: rstd.f, gamma: gamma.f, beta: beta.f,
                slope: slope, dgamma: dgamma.f, dbeta: dbeta.f, into: dy.float)
            Double.normalizeLeakyBackward(
                x.double, dy.double, multiplicity: w?.d, mean: mean.d, rstd: rstd.d, gamma: gamma.d, beta: beta.d,
                slope: Double(slope), dgamma: dgamma.d, dbeta: dbeta.d, into: dy.double)
            dy.expectDouble(expected)
            dgamma.expectDouble(s2.map { 1 + $0 })
            dbeta.expectDouble(s1.map { 2 + $0 })
            dy.expectAgreement(tolerance: 1e-5)
            dgamma.expectAgreement(tolerance: 1e-5)
            dbeta.expectAgreement(tolerance: 1e-5)
        }
    }

    @Test(
        "Batch norm into narrow operands is batch norm, rounded", .enabled(if: Processor.hasBFloat16),
        arguments: awkwardSizes + [513])
    func narrowBatchNorm(columns: Int) {
        let arena = Arena<Float>()
        var random = SplitMix(state: 6)
        for (rows, slope, weighted) in [(1, 1, false), (5, 0.1, true), (70, 0, true)] as [(Int, Float, Bool)] {
            let (x, dy) = (Twins(rows, columns) { random.value() }, Twins(rows, columns) { random.value() })
            let w = weighted ? Twins(count: rows) { Float(Int.random(in: 1...5, using: &random)) } : nil
            let (mean, rstd) = (Twins(count: columns) { random.value() }, Twins(count: columns) { 0.5 + abs(random.value()) })
            let (gamma, beta) = (Twins(count: columns) { random.value() }, Twins(count: columns) { random.value() })
            let wide = [Twins(rows, columns) { .nan }, Twins(rows, columns) { .nan }]
            let narrow = wide.map { _ in arena.operand(rows, columns, .bfloat16) }
            func run(into y: Operand<Float>, _ dx: Operand<Float>) -> [UInt32] {
                let (dgamma, dbeta) = (Twins(count: columns) { 1 }, Twins(count: columns) { 2 })
                Float.normalizeLeaky(
                    x.float, mean: mean.f, rstd: rstd.f, gamma: gamma.f, beta: beta.f, slope: slope, into: y)
                Float.normalizeLeakyBackward(
                    x.float, dy.float, multiplicity: w?.f, mean: mean.f, rstd: rstd.f, gamma: gamma.f, beta: beta.f,
                    slope: slope, dgamma: dgamma.f, dbeta: dbeta.f, into: dx)
                return (0..<columns).flatMap { [dgamma.f[$0].bitPattern, dbeta.f[$0].bitPattern] }
            }
            #expect(
                run(into: Operand(wide[0].float), Operand(wide[1].float)) == run(into: narrow[0], narrow[1]),
                "the gradients of gamma and beta are not rounded")
            for (a, b) in zip(wide, narrow) {
                for r in 0..<rows {
                    for c in 0..<columns {
                        // Half a unit in the last of eight bits, and float32's own rounding in another order.
                        #expect(abs(b[r, c] - a.float[r, c]) <= 0x1p-8 * abs(a.float[r, c]) + 1e-5)
                    }
                    if columns % 2 == 1 { #expect(b.base[r * b.stride + columns / 2].bitPattern >> 16 == 0) }
                }
            }
            arena.reset()
        }
    }

    @Test("The backward of batch norm is the derivative through the statistics too")
    func batchNormGradient() {
        var random = SplitMix(state: 6)
        let rows = 6
        let columns = 3
        let epsilon = 1e-3
        let x = Twins(rows, columns) { random.value() }
        let y = Twins(rows, columns) { 0 }
        let gamma = Twins(count: columns) { random.value(0.5...2) }
        let beta = Twins(count: columns) { random.value() }
        let w = Twins(count: rows) { Float(Int.random(in: 1...4, using: &random)) }
        let dy = Twins(rows, columns) { random.value() }
        let mean = Twins(count: columns) { 0 }
        let rstd = Twins(count: columns) { 0 }
        func loss() -> Double {
            Double.weightedMoments(x.double, multiplicity: w.d, mean: mean.d, variance: rstd.d)
            for c in 0..<columns { rstd.d[c] = 1 / (rstd.d[c] + epsilon).squareRoot() }
            Double.normalizeLeaky(
                x.double, mean: mean.d, rstd: rstd.d, gamma: gamma.d, beta: beta.d, slope: 0.2, into: y.double)
            return inner(y, dy)
        }
        _ = loss()
        let dx = Twins(rows, columns) { 0 }
        let dgamma = Twins(count: columns) { 0 }
        let dbeta = Twins(count: columns) { 0 }
        Double.normalizeLeakyBackward(
            x.double, dy.double, multiplicity: w.d, mean: mean.d, rstd: rstd.d, gamma: gamma.d, beta: beta.d,
            slope: 0.2, dgamma: dgamma.d, dbeta: dbeta.d, into: dx.double)
        x.expectGradient(dx.values, "x", of: loss)
        gamma.expectGradient(dgamma.values, "gamma", of: loss)
        beta.expectGradient(dbeta.values, "beta", of: loss)
    }

    @Test("Layer norm agrees with its definition, forward and backward", arguments: [1, 15, 16, 17, 33, 64, 127, 128, 129, 200])
    func layerNorm(columns: Int) {
        var random = SplitMix(state: 7)
        for rows in [0, 1, 8, 19] {
            for residual in [false, true] {
                let x = Twins(rows, columns) { random.value() }
                let add = residual ? Twins(rows, columns) { random.value() } : nil
                let gamma = Twins(count: columns) { random.value() }
                let beta = Twins(count: columns) { random.value() }
                let z = Twins(rows, columns) { .nan }
                let y = Twins(rows, columns) { .nan }
                let mean = Twins(count: rows) { .nan }
                let rstd = Twins(count: rows) { .nan }
                Float.layerNorm(
                    x.float, residual: add?.float, gamma: gamma.f, beta: beta.f, epsilon: 0.01, sum: z.float,
                    into: y.float, mean: mean.f, rstd: rstd.f)
                Double.layerNorm(
                    x.double, residual: add?.double, gamma: gamma.d, beta: beta.d, epsilon: 0.01, sum: z.double,
                    into: y.double, mean: mean.d, rstd: rstd.d)
                var expected: [Double] = []
                for r in 0..<rows {
                    let row = (0..<columns).map { x.double[r, $0] + (add?.double[r, $0] ?? 0) }
                    let m = row.reduce(0, +) / Double(columns)
                    let v = row.reduce(0) { $0 + ($1 - m) * ($1 - m) } / Double(columns)
                    for c in 0..<columns {
                        expected.append(gamma.d[c] * (row[c] - m) / (v + 0.01).squareRoot() + beta.d[c])
                    }
                }
                y.expectDouble(expected)
                for twins in [z, y, mean, rstd] { twins.expectAgreement(tolerance: 1e-5) }

                let dy = Twins(rows, columns) { random.value() }
                let dgamma = Twins(count: columns) { 1 }
                let dbeta = Twins(count: columns) { 2 }
                // In place: dz is dy.
                Float.layerNormBackward(
                    sum: z.float, dy.float, gamma: gamma.f, mean: mean.f, rstd: rstd.f, dgamma: dgamma.f,
                    dbeta: dbeta.f, into: dy.float)
                Double.layerNormBackward(
                    sum: z.double, dy.double, gamma: gamma.d, mean: mean.d, rstd: rstd.d, dgamma: dgamma.d,
                    dbeta: dbeta.d, into: dy.double)
                for twins in [dy, dgamma, dbeta] { twins.expectAgreement(tolerance: 5e-5) }
            }
        }
    }

    @Test("The backward of layer norm is its derivative", arguments: [2, 17])
    func layerNormGradient(columns: Int) {
        var random = SplitMix(state: 8)
        let rows = 9
        let x = Twins(rows, columns) { random.value() }
        let y = Twins(rows, columns) { 0 }
        let z = Twins(rows, columns) { 0 }
        let gamma = Twins(count: columns) { random.value() }
        let beta = Twins(count: columns) { random.value() }
        let dy = Twins(rows, columns) { random.value() }
        let dx = Twins(rows, columns) { 0 }
        let mean = Twins(count: rows) { 0 }
        let rstd = Twins(count: rows) { 0 }
        let dgamma = Twins(count: columns) { 0 }
        let dbeta = Twins(count: columns) { 0 }
        func loss() -> Double {
            Double.layerNorm(
                x.double, residual: nil, gamma: gamma.d, beta: beta.d, epsilon: 0.01, sum: z.double, into: y.double,
                mean: mean.d, rstd: rstd.d)
            return inner(y, dy)
        }
        _ = loss()
        Double.layerNormBackward(
            sum: z.double, dy.double, gamma: gamma.d, mean: mean.d, rstd: rstd.d, dgamma: dgamma.d, dbeta: dbeta.d,
            into: dx.double)
        x.expectGradient(dx.values, "x", of: loss)
        gamma.expectGradient(dgamma.values, "gamma", of: loss)
        beta.expectGradient(dbeta.values, "beta", of: loss)
    }
}
