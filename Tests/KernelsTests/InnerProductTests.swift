import Kernels
import Testing

@Suite("Inner-product kernels")
struct InnerProductTests {
    @Test("Rows are scaled to unit length, short ones by epsilon", arguments: awkwardSizes)
    func normalize(columns: Int) {
        var random = SplitMix(state: 16)
        var row = 0
        // Row 2 is shorter than epsilon, row 3 zero.
        let x = Twins(5, columns) {
            defer { row += 1 }
            return [1, 1, 1e-4, 0, 1][row / columns] * random.value()
        }
        let y = Twins(5, columns) { .nan }
        let norms = Twins(count: 5) { .nan }
        Float.l2Normalize(x.float, epsilon: 0.01, into: y.float, norms: norms.f)
        Double.l2Normalize(x.double, epsilon: 0.01, into: y.double, norms: norms.d)
        let lengths = (0..<5).map { r in (0..<columns).reduce(0) { $0 + x.double[r, $1] * x.double[r, $1] }.squareRoot()
        }
        norms.expectDouble(lengths)
        y.expectDouble(x.values.enumerated().map { $1 / max(0.01, lengths[$0 / columns]) })
        norms.expectAgreement()
        y.expectAgreement()
        let dy = Twins(5, columns) { random.value() }
        let dx = Twins(5, columns) { .nan }
        Float.l2NormalizeBackward(y.float, dy.float, norms: norms.f, epsilon: 0.01, into: dx.float)
        Double.l2NormalizeBackward(y.double, dy.double, norms: norms.d, epsilon: 0.01, into: dx.double)
        dx.expectAgreement(tolerance: 1e-5)
        let scratch = Twins(5, columns) { 0 }
        x.expectGradient(dx.values, tolerance: 1e-5) {
            Double.l2Normalize(x.double, epsilon: 0.01, into: scratch.double, norms: norms.d)
            return inner(scratch, dy)
        }
    }

    @Test("A NaN makes its whole row NaN")
    func normalizeKeepsNaN() {
        let x = Twins(2, 17) { 1 }
        let norms = Twins(count: 2) { 0 }
        x.float[1, 3] = .nan
        Float.l2Normalize(x.float, epsilon: 0.01, into: x.float, norms: norms.f)
        for c in 0..<17 { #expect(!x.float[0, c].isNaN && x.float[1, c].isNaN) }
    }

    @Test(
        "Pair products follow their indices, and their backward is the derivative", arguments: [false, true],
        awkwardSizes)
    func pairs(indexed: Bool, columns: Int) {
        var random = SplitMix(state: 17)
        let count = 7
        let u = Twins(count, columns) { random.value() }
        let v = Twins(count, columns) { random.value() }
        let ui = indexed ? (0..<count).map { _ in Int32.random(in: 0..<3, using: &random) } : nil
        let vi: [Int32]? = indexed ? (0..<count).map { _ in Int32.random(in: 0..<7, using: &random) } : nil
        let out = Twins(count: count) { .nan }
        withOptional(ui) { ui in
            withOptional(vi) { vi in
                Float.pairDot(u.float, ui, v.float, vi, scale: 0.5, count: count, into: out.f)
                Double.pairDot(u.double, ui, v.double, vi, scale: 0.5, count: count, into: out.d)
                out.expectDouble(
                    (0..<count).map { i in
                        let a = ui.map { Int($0[i]) } ?? i
                        let b = vi.map { Int($0[i]) } ?? i
                        return 0.5 * (0..<columns).reduce(0) { $0 + u.double[a, $1] * v.double[b, $1] }
                    })
                out.expectAgreement(tolerance: 5e-6)
                let d = Twins(count: count) { random.value() }
                let du = Twins(count, columns) { 0 }
                let dv = Twins(count, columns) { 0 }
                Float.pairDotBackward(
                    d.f, u.float, ui, v.float, vi, scale: 0.5, count: count, du: du.float, dv: dv.float)
                Double.pairDotBackward(
                    d.d, u.double, ui, v.double, vi, scale: 0.5, count: count, du: du.double, dv: dv.double)
                du.expectAgreement(tolerance: 5e-6)
                dv.expectAgreement(tolerance: 5e-6)
                func loss() -> Double {
                    Double.pairDot(u.double, ui, v.double, vi, scale: 0.5, count: count, into: out.d)
                    return inner(out, d)
                }
                u.expectGradient(du.values, "u", of: loss)
                v.expectGradient(dv.values, "v", of: loss)
            }
        }
    }

    private func withOptional(_ index: [Int32]?, _ body: (UnsafePointer<Int32>?) -> Void) {
        guard let index else { return body(nil) }
        index.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
