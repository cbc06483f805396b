import Kernels
import Layers
import Testing

@Suite struct PropertyTests {
    private let shape = SequenceShape(width: 4, heads: 2, headDimension: 3, feedForward: 8)

    /// A block with the same weights whatever the lengths.
    private func bench<S: Scalar>(_ lengths: [Int], _: S.Type = Double.self) -> Bench<S> {
        Bench(.sequence(shape, lengths: lengths))
    }

    @Test("a sequence's vector and gradient do not depend on the other sequences of the batch")
    func sequencesAreIndependent() {
        var random = SplitMix64(seed: 21)
        let lengths = [3, 0, 17, 1, 40]
        let x = Values(lengths.reduce(0, +), 4, using: &random)
        let dy = Values(lengths.count, 4, using: &random)
        let together = bench(lengths).run([x], dy: dy)
        var start = 0
        for (r, length) in lengths.enumerated() {
            let rows = (start * 4)..<((start + length) * 4)
            let vector = (r * 4)..<((r + 1) * 4)
            let alone = bench([length]).run(
                [Values(length, 4, Array(x.values[rows]))], dy: Values(1, 4, Array(dy.values[vector])))
            #expect(distance(alone.y.values, Array(together.y.values[vector])) < 1e-13)
            #expect(distance(alone.inputs[0].values, Array(together.inputs[0].values[rows])) < 1e-13)
            start += length
        }
    }

    @Test("the order of a sequence's events does not matter: there are no positions")
    func eventsAreASet() {
        var random = SplitMix64(seed: 22)
        let x = Values(6, 4, using: &random)
        let reversed = Values(6, 4, (0..<6).reversed().flatMap { x.values[($0 * 4)..<($0 * 4 + 4)] })
        let a = bench([6]).run([x], dy: nil).y
        let b = bench([6]).run([reversed], dy: nil).y
        #expect(distance(a.values, b.values) < 1e-13)
    }

    @Test("empty sequences give zeros, take no gradient, and may be the whole batch")
    func noEvents() {
        var random = SplitMix64(seed: 23)
        let dy = Values(3, 4, using: &random)
        func check<S: Scalar>(_ bench: Bench<S>) {
            let result = bench.run([Values(0, 4, [])], dy: dy)
            #expect(result.y.values == [Double](repeating: 0, count: 12))
            #expect(result.inputs[0].values.isEmpty)
            #expect(result.parameters.allSatisfy { $0 == 0 })
        }
        check(bench([0, 0, 0], Double.self))
        check(bench([0, 0, 0], Float.self))
    }

    @Test("a batch of one sample gives finite values and gradients", arguments: [true, false])
    func oneSample(_ batchNorm: Bool) {
        func check<S: Scalar>(_: S.Type) {
            let bench = Bench<S>(
                .joinedStack(
                    inputs: [2, 3], widths: [4, 3, 1], batchNorm: batchNorm, slope: 0.1, activateLast: false,
                    indices: [[0], nil], count: 1))
            var random = SplitMix64(seed: 24)
            let result = bench.run(
                [Values(1, 2, using: &random), Values(1, 3, using: &random)], dy: Values(1, 1, [1]))
            #expect(result.y.values[0].isFinite)
            let gradients = result.inputs.flatMap(\.values) + result.parameters
            #expect(gradients.allSatisfy { $0.isFinite })
        }
        check(Float.self)
        check(Double.self)
    }

    @Test("batch normalisation of one sample is its beta, and reports that sample with no variance")
    func batchNormOfOne() {
        let bench = Bench<Double>(.batchNorm(width: 2, slope: 0.1))
        let result = bench.run([Values(1, 2, [0.3, -4])], dy: Values(1, 2, [1, 1]))
        func slot(_ name: String) -> ParameterSlot { bench.subject.layout.entries.first { $0.name == name }!.slot }
        let beta = slot("s.norm.beta").range.map { bench.weights[$0] }
        #expect(result.y.values == beta.map { $0 > 0 ? $0 : 0.1 * $0 })
        #expect(result.inputs[0].values == [0, 0])
        #expect(Array(result.parameters[slot("s.norm.running_mean").range]) == [0.3, -4])
        #expect(Array(result.parameters[slot("s.norm.running_variance").range]) == [0, 0])
    }

    @Test("rows with multiplicity are rows repeated")
    func multiplicityIsRepetition() {
        var random = SplitMix64(seed: 25)
        let counts = [2, 1, 4]
        let owners = counts.indices.flatMap { [Int](repeating: $0, count: counts[$0]) }
        let x = Values(3, 2, using: &random)
        let dy = Values(7, 2, using: &random)
        let folded = Bench<Double>(.batchNorm(width: 2, slope: 0.1))
        folded.multiplicity = counts.map(Double.init)
        var summed = Values(3, 2, [Double](repeating: 0, count: 6))
        for (copy, owner) in owners.enumerated() {
            for c in 0..<2 { summed.values[owner * 2 + c] += dy.values[copy * 2 + c] }
        }
        let a = folded.run([x], dy: summed)
        let repeated = Values(7, 2, owners.flatMap { x.values[($0 * 2)..<($0 * 2 + 2)] })
        let b = Bench<Double>(.batchNorm(width: 2, slope: 0.1)).run([repeated], dy: dy)
        #expect(distance(a.parameters, b.parameters) < 1e-13)
        var dx = [Double](repeating: 0, count: 6)
        for (copy, owner) in owners.enumerated() {
            for c in 0..<2 { dx[owner * 2 + c] += b.inputs[0].values[copy * 2 + c] }
        }
        #expect(distance(a.inputs[0].values, dx) < 1e-13)
    }

    @Test("evaluation reports no statistics and treats every row alone")
    func evaluationIsRowByRow() {
        var random = SplitMix64(seed: 26)
        let x = Values(4, 3, using: &random)
        let bench = Bench<Double>(.stack(input: 3, widths: [5, 4, 2], batchNorm: true, slope: 0.1))
        let together = bench.run([x], dy: nil, mode: .evaluation)
        #expect(together.parameters.allSatisfy { $0 == 0 })
        for r in 0..<4 {
            let alone = bench.run([Values(1, 3, Array(x.values[(r * 3)..<(r * 3 + 3)]))], dy: nil, mode: .evaluation)
            #expect(distance(alone.y.values, Array(together.y.values[(r * 2)..<(r * 2 + 2)])) < 1e-14)
        }
    }

    @Test("initial values depend on the seed and the parameter's name, not on its neighbours")
    func initialValues() {
        func values(_ build: (inout ParameterLayout) -> Void, seed: UInt64 = 1) -> [Float] {
            var layout = ParameterLayout()
            build(&layout)
            let slot = layout.entries.first { $0.name == "s.weight" }!.slot
            return Array(layout.initialValues(seed: seed)[slot.range])
        }
        let alone = values { _ = Dense<Float>("s", input: 9, output: 3, bias: true, in: &$0) }
        let after = values {
            _ = Dense<Float>("r", input: 5, output: 4, bias: true, in: &$0)
            _ = Dense<Float>("s", input: 9, output: 3, bias: true, in: &$0)
        }
        #expect(alone == after)
        #expect(alone != values({ _ = Dense<Float>("s", input: 9, output: 3, bias: true, in: &$0) }, seed: 2))
        #expect(alone.allSatisfy { abs($0) <= 1 / 3 } && Set(alone).count == alone.count)
    }
}
