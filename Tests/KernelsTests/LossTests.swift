import Kernels
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

func exponential(_ x: Double) -> Double { exp(x) }
func logarithm(_ x: Double) -> Double { log(x) }

@Suite("Losses")
struct LossTests {
    /// |x - exact| in units of the float spacing at `exact`.
    private func ulps(_ x: Float, _ exact: Double) -> Double { abs(Double(x) - exact) / Double(Float(exact).ulp) }

    @Test("Float sigmoid is right to 4 ULP wherever it is a normal number")
    func sigmoidAccuracy() {
        let count = 40_001
        let x = Twins(count: count) { 0 }
        let y = Twins(count: count) { .nan }
        for i in 0..<count { x.f[i] = Float(i - 20_000) * (87.3 / 20_000) }
        Float.sigmoid(x.f, inverseTemperature: 1, into: y.f, count: count)
        var worst = 0.0
        for i in 0..<count {
            let e = exp(-abs(Double(x.f[i])))
            worst = max(worst, ulps(y.f[i], (x.f[i] < 0 ? e : 1) / (1 + e)))
        }
        #expect(worst <= 4)
    }

    @Test("Float log loss of one sample is right to 4 ULP wherever it is a normal number")
    func softplusAccuracy() {
        var worst = 0.0
        for i in 0...20_000 {
            let x = Float(i - 10_000) * (87.3 / 10_000)
            let loss = Float.logLoss([x], target: [0], weight: [1], scale: 1, gradient: nil, count: 1)
            worst = max(worst, ulps(Float(loss), log1p(exp(-abs(Double(x)))) + max(Double(x), 0)))
        }
        #expect(worst <= 4)
    }

    @Test("The ends of the line: infinities saturate, NaN stays NaN", arguments: [1, 16, 17])
    func extremes(count: Int) {
        for (x, expected) in [(Float.infinity, 1), (-.infinity, 0), (1e30, 1), (-1e30, 0), (-100, 0), (0, 0.5)]
            as [(Float, Float)]
        {
            let y = Twins(count: count) { .nan }
            Float.sigmoid([Float](repeating: x, count: count), inverseTemperature: 1, into: y.f, count: count)
            for i in 0..<count { #expect(y.f[i] == expected) }
        }
        let y = Twins(count: count) { 0 }
        Float.sigmoid([Float](repeating: .nan, count: count), inverseTemperature: 1, into: y.f, count: count)
        for i in 0..<count { #expect(y.f[i].isNaN) }
    }

    @Test("Losses agree with their definitions and gradients with their derivatives", arguments: awkwardSizes + [200])
    func losses(count: Int) {
        var random = SplitMix(state: 18)
        let x = Twins(count: count) { 4 * random.value() }
        let target = Twins(count: count) { random.value(0...1) }
        let weight = Twins(count: count) { random.value(0...3) }
        let gradient = Twins(count: count) { .nan }
        let w = weight.values
        let t = target.values

        let logLoss = Float.logLoss(
            x.f, target: target.f, weight: weight.f, scale: 0.25, gradient: gradient.f, count: count)
        let logLossTwin = Double.logLoss(
            x.d, target: target.d, weight: weight.d, scale: 0.25, gradient: gradient.d, count: count)
        let expected = (0..<count).reduce(0) { $0 + w[$1] * (log(1 + exp(x.d[$1])) - t[$1] * x.d[$1]) }
        #expect(abs(logLossTwin - expected) <= 1e-12 * (1 + expected))
        #expect(abs(logLoss - expected) <= 1e-6 * (1 + expected))
        gradient.expectAgreement()
        x.expectGradient(gradient.values, tolerance: 1e-6) {
            0.25 * Double.logLoss(x.d, target: target.d, weight: weight.d, scale: 1, gradient: nil, count: count)
        }

        let squared = Float.squaredLoss(
            x.f, target: target.f, weight: weight.f, scale: 0.25, gradient: gradient.f, count: count)
        let squaredTwin = Double.squaredLoss(
            x.d, target: target.d, weight: weight.d, scale: 0.25, gradient: gradient.d, count: count)
        let squares = (0..<count).reduce(0) { $0 + w[$1] * (x.d[$1] - t[$1]) * (x.d[$1] - t[$1]) }
        #expect(abs(squaredTwin - squares) <= 1e-12 * (1 + squares))
        #expect(abs(squared - squares) <= 1e-6 * (1 + squares))
        gradient.expectAgreement()
        x.expectGradient(gradient.values, tolerance: 1e-6) {
            0.25 * Double.squaredLoss(x.d, target: target.d, weight: weight.d, scale: 1, gradient: nil, count: count)
        }

        Float.sigmoid(x.f, inverseTemperature: 0.5, into: gradient.f, count: count)
        Double.sigmoid(x.d, inverseTemperature: 0.5, into: gradient.d, count: count)
        gradient.expectDouble(x.values.map { 1 / (1 + exp(-0.5 * $0)) })
        gradient.expectAgreement()

        #expect(Float.areFinite(x.f, count: count))
        #expect(Double.areFinite(x.d, count: count))
    }

    @Test("One NaN or infinity anywhere shows in the sums", arguments: [1, 15, 16, 17, 33, 100])
    func notFinite(count: Int) {
        for place in [0, count / 2, count - 1] {
            for value in [Float.nan, .infinity, -.infinity] {
                let x = Twins(count: count) { 1 }
                let one = Twins(count: count) { 1 }
                let half = Twins(count: count) { 0.5 }
                let g = Twins(count: count) { 0 }
                x.f[place] = value
                x.d[place] = Double(value)
                #expect(!Float.areFinite(x.f, count: count))
                #expect(!Double.areFinite(x.d, count: count))
                let loss = Float.logLoss(x.f, target: half.f, weight: one.f, scale: 1, gradient: g.f, count: count)
                #expect(!loss.isFinite)
                #expect(g.f[place].isNaN == value.isNaN)
            }
        }
        let large = Twins(count: count) { 3e38 }
        #expect(Float.areFinite(large.f, count: count))
    }
}
