import CKernels
import Foundation
import Kernels
import Testing

@Suite("Kernels on ragged sequences")
struct SequenceTests {
    private func offsets(_ lengths: [Int]) -> [Int32] { lengths.reduce(into: [0]) { $0.append($0.last! + Int32($1)) } }

    private func softmaxAttention(_ qkv: Twins, _ offsets: [Int32], heads: Int, d: Int) -> (
        out: [Double], lse: [Double]
    ) {
        let x = qkv.double
        var out = [Double](repeating: 0, count: x.rows * heads * d)
        var lse = [Double](repeating: 0, count: x.rows * heads)
        for (first, end) in zip(offsets, offsets.dropFirst()) {
            for h in 0..<heads {
                for i in Int(first)..<Int(end) {
                    let events = Int(first)..<Int(end)
                    let scores = events.map { j in
                        (0..<d).reduce(0) { $0 + x[i, h * d + $1] * x[j, (heads + h) * d + $1] }
                            / Double(d).squareRoot()
                    }
                    let largest = scores.max()!
                    let weights = scores.map { exponential($0 - largest) }
                    let total = weights.reduce(0, +)
                    lse[i * heads + h] = largest + logarithm(total)
                    for c in 0..<d {
                        out[i * heads * d + h * d + c] =
                            zip(weights, events).reduce(0) { $0 + $1.0 * x[$1.1, (2 * heads + h) * d + c] } / total
                    }
                }
            }
        }
        return (out, lse)
    }

    @Test(
        "Attention in AVX-512 agrees with the portable one, whether it keeps probabilities or not",
        .enabled(if: Processor.hasAVX512), arguments: [1, 15, 16, 17, 32, 80])
    func portable(d: Int) {
        var random = SplitMix(state: 12)
        let heads = 2
        let offsets = offsets([0, 1, 2, 15, 16, 17, 31, 33, 48, 49, 50, 56, 57, 63, 64, 65, 0, 113, 130])
        let (events, requests) = (Int(offsets.last!), offsets.count - 1)
        let qkv = Twins(events, 3 * heads * d) { random.value() }
        let dout = Twins(events, heads * d) { random.value() }
        func results() -> [Twins] {
            [Twins(events, heads * d) { .nan }, Twins(events, heads, gap: 0) { .nan }, Twins(events, 3 * heads * d) { .nan }]
        }
        let portable = results()
        hs_attention_portable(
            qkv.f, qkv.float.stride, offsets, requests, heads, d, portable[0].f, portable[0].float.stride, portable[1].f)
        hs_attention_backward_portable(
            qkv.f, qkv.float.stride, portable[0].f, portable[0].float.stride, dout.f, dout.float.stride, portable[1].f,
            offsets, requests, heads, d, portable[2].f, portable[2].float.stride)
        for keeps in [false, true] {
            let fast = results()
            keepingProbabilities(keeps, events: events, heads: heads) { probabilities in
                Float.attention(
                    qkv: qkv.float, offsets: offsets, requests: requests, heads: heads, headDimension: d,
                    into: fast[0].float, logSumExp: fast[1].f, probabilities: probabilities)
                Float.attentionBackward(
                    qkv: qkv.float, out: fast[0].float, dout: dout.float, logSumExp: fast[1].f,
                    probabilities: probabilities.map { UnsafePointer($0) }, offsets: offsets, requests: requests,
                    heads: heads, headDimension: d, into: fast[2].float)
            }
            for (a, b) in zip(fast, portable) {
                let differs = (0..<events).first { r in
                    (0..<a.float.stride).contains {
                        let (x, y) = (a.float[r, $0], b.float[r, $0])
                        return !(abs(x - y) <= 2e-5 * (1 + abs(y)))
                    }
                }
                #expect(differs == nil, "the first row that differs; probabilities kept: \(keeps)")
            }
        }
    }

    /// Room for the probabilities of attention, and nothing said about what it holds at first.
    private func keepingProbabilities(
        _ keeps: Bool, events: Int, heads: Int, _ body: (UnsafeMutablePointer<Float>?) -> Void
    ) {
        guard keeps else { return body(nil) }
        var room = [Float](repeating: .nan, count: events * heads * Float.attentionRoom)
        room.withUnsafeMutableBufferPointer { body($0.baseAddress) }
    }

    @Test("Attention agrees with its definition", arguments: [1, 4], [5, 16, 32])
    func attention(heads: Int, d: Int) {
        var random = SplitMix(state: 9)
        let offsets = offsets([2, 0, 1, 7, 50, 16, 130, 0, 64, 65])
        let events = Int(offsets.last!)
        let qkv = Twins(events, 3 * heads * d) { random.value() }
        let out = Twins(events, heads * d) { .nan }
        let lse = Twins(events, heads, gap: 0) { .nan }
        Float.attention(
            qkv: qkv.float, offsets: offsets, requests: offsets.count - 1, heads: heads, headDimension: d,
            into: out.float, logSumExp: lse.f)
        Double.attention(
            qkv: qkv.double, offsets: offsets, requests: offsets.count - 1, heads: heads, headDimension: d,
            into: out.double, logSumExp: lse.d)
        let expected = softmaxAttention(qkv, offsets, heads: heads, d: d)
        out.expectDouble(expected.out)
        lse.expectDouble(expected.lse)
        out.expectAgreement(tolerance: 5e-6)
        lse.expectAgreement()

        let dout = Twins(events, heads * d) { random.value() }
        let dqkv = Twins(events, 3 * heads * d) { .nan }
        Float.attentionBackward(
            qkv: qkv.float, out: out.float, dout: dout.float, logSumExp: lse.f, offsets: offsets,
            requests: offsets.count - 1, heads: heads, headDimension: d, into: dqkv.float)
        Double.attentionBackward(
            qkv: qkv.double, out: out.double, dout: dout.double, logSumExp: lse.d, offsets: offsets,
            requests: offsets.count - 1, heads: heads, headDimension: d, into: dqkv.double)
        dqkv.expectAgreement(tolerance: 1e-5)
    }

    @Test(
        "Attention in bfloat16 is that of float32 to one part in a hundred, and no less rounded than it says",
        .enabled(if: Processor.hasBFloat16), arguments: [2, 4, 8, 18, 32, 48], [false, true])
    func attentionInBFloat16(d: Int, keeps: Bool) {
        var random = SplitMix(state: 14)
        let heads = 3
        let offsets = offsets([2, 0, 1, 7, 49, 50, 16, 130, 0, 31, 32, 33, 64, 65])
        let (events, requests) = (Int(offsets.last!), offsets.count - 1)
        let qkv = Twins(events, 3 * heads * d) { random.value() }
        let dout = Twins(events, heads * d) { random.value() }
        func run(_ precision: ProductPrecision) -> [Twins] {
            let (out, lse) = (Twins(events, heads * d) { .nan }, Twins(events, heads, gap: 0) { .nan })
            let dqkv = Twins(events, 3 * heads * d) { .nan }
            let arena = Arena<Float>()
            // What lies in the gaps between rows is nobody's.
            func operand(_ twins: Twins) -> Operand<Float> {
                let operand = arena.operand(twins.float.rows, twins.float.columns, precision)
                for i in 0..<operand.rows * operand.stride { operand.base[i] = .nan }
                for r in 0..<operand.rows { for c in 0..<operand.columns { operand[r, c] = twins.float[r, c] } }
                return operand
            }
            let results = [(operand(out), out), (operand(dqkv), dqkv)]
            let (attended, gradient) = (results[0].0, results[1].0)
            keepingProbabilities(keeps, events: events, heads: heads) { probabilities in
                let qkv = operand(qkv)
                Float.attention(
                    qkv: qkv, offsets: offsets, requests: requests, heads: heads, headDimension: d, into: attended,
                    logSumExp: lse.f, probabilities: probabilities)
                Float.attentionBackward(
                    qkv: qkv, out: attended, dout: operand(dout), logSumExp: lse.f,
                    probabilities: probabilities.map { UnsafePointer($0) }, offsets: offsets, requests: requests,
                    heads: heads, headDimension: d, into: gradient)
            }
            for (operand, twins) in results {
                for r in 0..<operand.rows { for c in 0..<operand.columns { twins.float[r, c] = operand[r, c] } }
            }
            return [out, lse, dqkv]
        }
        for (name, (rounded, exact)) in zip(["out", "logSumExp", "dqkv"], zip(run(.bfloat16), run(.float32))) {
            var (difference, size) = (0.0, 0.0)
            for r in 0..<events {
                for c in 0..<exact.float.columns {
                    difference += pow(Double(rounded.float[r, c]) - Double(exact.float[r, c]), 2)
                    size += pow(Double(exact.float[r, c]), 2)
                }
            }
            let relative = (difference / size).squareRoot()
            #expect(relative < 0.01, "\(name)")
            #expect(relative > 1e-6, "\(name): was anything rounded?")
        }
    }

    @Test("The backward of attention is its derivative")
    func attentionGradient() {
        var random = SplitMix(state: 10)
        let offsets: [Int32] = [0, 3, 3, 4, 9]
        let heads = 2
        let d = 3
        let qkv = Twins(9, 3 * heads * d) { random.value() }
        let out = Twins(9, heads * d) { 0 }
        let lse = Twins(9, heads, gap: 0) { 0 }
        let dout = Twins(9, heads * d) { random.value() }
        let dqkv = Twins(9, 3 * heads * d) { .nan }
        func loss() -> Double {
            Double.attention(
                qkv: qkv.double, offsets: offsets, requests: 4, heads: heads, headDimension: d, into: out.double,
                logSumExp: lse.d)
            return inner(out, dout)
        }
        _ = loss()
        Double.attentionBackward(
            qkv: qkv.double, out: out.double, dout: dout.double, logSumExp: lse.d, offsets: offsets, requests: 4,
            heads: heads, headDimension: d, into: dqkv.double)
        qkv.expectGradient(dqkv.values, of: loss)
    }

    @Test("Attention over scores far beyond exp's range stays finite")
    func largeScores() {
        var random = SplitMix(state: 11)
        let qkv = Twins(20, 3 * 32) { 40 * random.value() }
        let out = Twins(20, 32) { 0 }
        let lse = Twins(20, 1, gap: 0) { 0 }
        Float.attention(
            qkv: qkv.float, offsets: [0, 20], requests: 1, heads: 1, headDimension: 32, into: out.float,
            logSumExp: lse.f)
        Double.attention(
            qkv: qkv.double, offsets: [0, 20], requests: 1, heads: 1, headDimension: 32, into: out.double,
            logSumExp: lse.d)
        out.expectAgreement(tolerance: 1e-2)  // scores of 10^4 carry errors of 10^-3
        lse.expectAgreement()
    }

    @Test("A NaN in one request reaches its outputs and no other request", arguments: [5, 32])
    func attentionKeepsNaN(d: Int) {
        var random = SplitMix(state: 12)
        let qkv = Twins(20, 3 * d) { random.value() }
        let out = Twins(20, d) { 0 }
        let lse = Twins(20, 1, gap: 0) { 0 }
        qkv.float[12, d + 1] = .nan  // a key of the second request
        Float.attention(
            qkv: qkv.float, offsets: [0, 10, 20], requests: 2, heads: 1, headDimension: d, into: out.float,
            logSumExp: lse.f)
        for i in 0..<20 { #expect(out.float[i, 0].isNaN == (i >= 10) && lse.f[i].isNaN == (i >= 10)) }
    }

    @Test("A mean pool is the mean of each request's rows, zero for none", arguments: awkwardSizes)
    func meanPool(columns: Int) {
        var random = SplitMix(state: 13)
        let offsets = offsets([2, 0, 1, 7])
        let x = Twins(10, columns) { random.value() }
        let y = Twins(4, columns) { .nan }
        Float.meanPool(x.float, offsets: offsets, into: y.float)
        Double.meanPool(x.double, offsets: offsets, into: y.double)
        y.expectDouble(
            (0..<4).flatMap { r in
                (0..<columns).map { c in
                    let rows = Int(offsets[r])..<Int(offsets[r + 1])
                    return rows.isEmpty ? 0 : rows.reduce(0) { $0 + x.double[$1, c] } / Double(rows.count)
                }
            })
        y.expectAgreement()
        let dy = Twins(4, columns) { random.value() }
        let dx = Twins(10, columns) { .nan }
        Float.meanPoolBackward(dy.float, offsets: offsets, into: dx.float)
        Double.meanPoolBackward(dy.double, offsets: offsets, into: dx.double)
        dx.expectAgreement()
        x.expectGradient(dx.values) {
            Double.meanPool(x.double, offsets: offsets, into: y.double)
            return inner(y, dy)
        }
    }
}
