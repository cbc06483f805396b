import Kernels
import Layers
import Testing

/// Every layer, in small, with inputs that repeat where it allows that.
enum Layers: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case dense, denseWithBias, joinedDense, joinedDenseIndexed
    case batchNorm, batchNormMultiplicity, leakyRelu, layerNorm, layerNormResidual, l2Normalise
    case sequence, sequenceOneHead, stack, stackPlain, joinedStack, joinedStackPlain, joinedStackActivateLast
    case innerProduct

    var testDescription: String { rawValue }

    static let users = [0, 1, 1, 2, 0, 0]
    static let items = [3, 0, 1, 2, 1, 3]
    static let lengths = [3, 0, 1, 5, 0]

    /// Rows and columns of each input.
    var inputs: [(Int, Int)] {
        switch self {
        case .dense, .denseWithBias, .stack, .stackPlain: [(5, 4)]
        case .batchNorm, .leakyRelu, .layerNorm, .l2Normalise: [(6, 3)]
        case .batchNormMultiplicity: [(4, 3)]
        case .layerNormResidual: [(6, 3), (6, 3)]
        case .joinedDense: [(6, 2), (6, 3)]
        case .joinedDenseIndexed, .joinedStack, .joinedStackPlain, .joinedStackActivateLast: [(3, 2), (4, 3), (6, 2)]
        case .sequence, .sequenceOneHead: [(9, 4)]
        case .innerProduct: [(3, 2), (3, 2), (4, 3)]
        }
    }

    var output: (Int, Int) {
        switch self {
        case .dense, .denseWithBias: (5, 3)
        case .stack, .stackPlain: (5, 2)
        case .batchNorm, .leakyRelu, .layerNorm, .layerNormResidual, .l2Normalise: (6, 3)
        case .batchNormMultiplicity: (4, 3)
        case .joinedDense, .joinedDenseIndexed: (6, 4)
        case .joinedStack, .joinedStackPlain: (6, 1)
        case .joinedStackActivateLast: (6, 3)
        case .sequence, .sequenceOneHead: (5, 4)
        case .innerProduct: (6, 1)
        }
    }

    var multiplicity: [Double]? { self == .batchNormMultiplicity ? [3, 1, 2, 5] : nil }

    func subject<S: Scalar>(_: S.Type) -> Subject<S> {
        let slope = 0.2
        func joined(_ widths: [Int], batchNorm: Bool, activateLast: Bool = false) -> Subject<S> {
            .joinedStack(
                inputs: [2, 3, 2], widths: widths, batchNorm: batchNorm, slope: slope, activateLast: activateLast,
                indices: [Self.users, Self.items, nil], count: 6)
        }
        return switch self {
        case .dense: .dense(input: 4, output: 3, bias: false)
        case .denseWithBias: .dense(input: 4, output: 3, bias: true)
        case .joinedDense: .joinedDense(widths: [2, 3], output: 4, bias: true, indices: [nil, nil], count: 6)
        case .joinedDenseIndexed:
            .joinedDense(widths: [2, 3, 2], output: 4, bias: true, indices: [Self.users, Self.items, nil], count: 6)
        case .batchNorm, .batchNormMultiplicity: .batchNorm(width: 3, slope: slope)
        case .leakyRelu: .layer { _ in LeakyRelu<S>(width: 3, slope: slope) }
        case .layerNorm: .layerNorm(width: 3, residual: false)
        case .layerNormResidual: .layerNorm(width: 3, residual: true)
        case .l2Normalise: .layer { _ in L2Normalise<S>(width: 3) }
        case .sequence:
            .sequence(SequenceShape(width: 4, heads: 3, headDimension: 2, feedForward: 5), lengths: Self.lengths)
        case .sequenceOneHead:
            .sequence(SequenceShape(width: 4, heads: 1, headDimension: 5, feedForward: 8), lengths: Self.lengths)
        case .stack: .stack(input: 4, widths: [5, 3, 2], batchNorm: true, slope: slope)
        case .stackPlain: .stack(input: 4, widths: [5, 3, 2], batchNorm: false, slope: slope)
        case .joinedStack: joined([4, 3, 1], batchNorm: true)
        case .joinedStackPlain: joined([4, 3, 1], batchNorm: false)
        case .joinedStackActivateLast: joined([4, 3], batchNorm: true, activateLast: true)
        case .innerProduct:
            .innerProduct(
                user: [2, 2], item: [3], widths: [5, 4, 3], slope: slope, users: Self.users, items: Self.items)
        }
    }

    func bench<S: Scalar>(_ type: S.Type) -> Bench<S> {
        let bench = Bench(subject(type))
        bench.multiplicity = multiplicity
        return bench
    }

    /// Seeded inputs and upstream gradient.
    func sample(seed: UInt64 = 5) -> (inputs: [Values], dy: Values) {
        var random = SplitMix64(seed: seed)
        return (inputs.map { Values($0.0, $0.1, using: &random) }, Values(output.0, output.1, using: &random))
    }
}

@Suite struct GradientTests {
    @Test(
        "the gradients of every input and parameter are the central differences of the values",
        arguments: Layers.allCases)
    func centralDifferences(_ layer: Layers) {
        let bench = layer.bench(Double.self)
        let (inputs, dy) = layer.sample()
        let analytic = bench.run(inputs, dy: dy)

        func objective(_ inputs: [Values]) -> Double {
            zip(bench.run(inputs, dy: nil).y.values, dy.values).reduce(0) { $0 + $1.0 * $1.1 }
        }
        var worst = (error: 0.0, what: "")
        func compare(_ gradient: Double, _ what: String, _ at: (Double) -> Double) {
            // A kink between the two points spoils a difference; a smaller step steps over it.
            let errors = [1e-5, 1e-7].map { h in
                let numeric = (at(h) - at(-h)) / (2 * h)
                return abs(numeric - gradient) / max(1, abs(numeric) + abs(gradient))
            }
            let error = errors.contains { $0.isNaN } ? .infinity : errors.min()!
            if error > worst.error { worst = (error, "\(what): \(gradient)") }
        }
        for n in inputs.indices {
            for i in inputs[n].values.indices {
                compare(analytic.inputs[n].values[i], "input \(n)[\(i)]") { h in
                    var moved = inputs
                    moved[n].values[i] += h
                    return objective(moved)
                }
            }
        }
        for entry in bench.subject.layout.entries where entry.kind == .weight {
            for i in entry.slot.range {
                let base = bench.weights[i]
                compare(analytic.parameters[i], "\(entry.name)[\(i - entry.slot.offset)]") { h in
                    bench.weights[i] = base + h
                    defer { bench.weights[i] = base }
                    return objective(inputs)
                }
            }
        }
        #expect(worst.error < 1e-7, "\(worst.what)")
    }

    @Test(
        "backward may run twice after one forward: same input gradients, parameter gradients added",
        arguments: Layers.allCases)
    func backwardTwice(_ layer: Layers) {
        let bench = layer.bench(Double.self)
        let (inputs, dy) = layer.sample()
        let once = bench.run(inputs, dy: dy)
        let twice = bench.run(inputs, dy: dy, repeats: 2)
        #expect(once.inputs == twice.inputs)
        for entry in bench.subject.layout.entries where entry.kind == .weight {
            let doubled = once.parameters[entry.slot.range].map { 2 * $0 }
            #expect(distance(Array(twice.parameters[entry.slot.range]), doubled) < 1e-14, "\(entry.name)")
        }
    }

    @Test("Float gives what its Double twin gives, to rounding", arguments: Layers.allCases)
    func floatTwin(_ layer: Layers) {
        let wide = layer.bench(Double.self)
        let narrow = layer.bench(Float.self)
        for i in wide.weights.indices { wide.weights[i] = Double(narrow.weights[i]) }
        let (inputs, dy) = layer.sample()
        let a = narrow.run(inputs, dy: dy)
        let b = wide.run(inputs, dy: dy)
        #expect(distance(a.y.values, b.y.values) < 1e-5)
        for (dx, expected) in zip(a.inputs, b.inputs) { #expect(distance(dx.values, expected.values) < 3e-5) }
        for entry in wide.subject.layout.entries {
            let error = distance(Array(a.parameters[entry.slot.range]), Array(b.parameters[entry.slot.range]))
            #expect(error < 3e-5, "\(entry.name): \(error)")
        }
    }
}
