import Kernels
import Layers

/// Dense row-major values that own their memory: what tests pass around.
struct Values: Equatable {
    var rows: Int
    var columns: Int
    var values: [Double]

    init(_ rows: Int, _ columns: Int, _ values: [Double]) {
        precondition(values.count == rows * columns)
        (self.rows, self.columns, self.values) = (rows, columns, values)
    }

    init(_ rows: Int, _ columns: Int, using random: inout SplitMix64) {
        self.init(rows, columns, (0..<(rows * columns)).map { _ in Double.random(in: -1...1, using: &random) })
    }

    init<S: Scalar>(_ matrix: Matrix<S>) {
        var values: [Double] = []
        for r in 0..<matrix.rows { for c in 0..<matrix.columns { values.append(Double(matrix[r, c])) } }
        self.init(matrix.rows, matrix.columns, values)
    }

    func matrix<S: Scalar>(in arena: Arena<S>) -> Matrix<S> {
        let result = arena.matrix(rows, columns)
        for i in values.indices { result.base[i] = S(values[i]) }
        return result
    }
}

/// The largest difference of two elements, relative to the reference's where that is above 1.
func distance(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    let differences = zip(a, b).map { abs($0 - $1) / max(1, abs($1)) }
    return differences.contains { $0.isNaN } ? .nan : differences.max() ?? 0
}

/// A layer as a function of several inputs, whatever its own signature.
struct Subject<S: Scalar> {
    let layout: ParameterLayout
    let forward: ([Matrix<S>], Pass<S>) -> Matrix<S>
    let backward: (Matrix<S>, Pass<S>) -> [Matrix<S>]
}

/// Runs a subject with parameters and memory of its own.
final class Bench<S: Scalar> {
    let subject: Subject<S>
    let arena = Arena<S>()
    var weights: [S]
    var multiplicity: [Double]?

    struct Result {
        var y: Values
        /// One a input; empty in evaluation.
        var inputs: [Values]
        /// The flat buffer: gradients, and statistics where those are.
        var parameters: [Double]
    }

    init(_ subject: Subject<S>, seed: UInt64 = 11) {
        self.subject = subject
        var random = SplitMix64(seed: seed)
        weights = (0..<max(1, subject.layout.count)).map { _ in S(Double.random(in: -1...1, using: &random)) }
        // Running variances must be positive.
        for entry in subject.layout.entries where entry.name.hasSuffix("running_variance") {
            for i in entry.slot.range { weights[i] = abs(weights[i]) + 0.5 }
        }
    }

    /// - Parameter repeats: how often backward runs after the one forward.
    func run(_ inputs: [Values], dy: Values?, mode: Mode = .training, repeats: Int = 1) -> Result {
        arena.reset()
        var gradients = [S](repeating: 0, count: weights.count)
        return weights.withUnsafeMutableBufferPointer { w in
            gradients.withUnsafeMutableBufferPointer { g in
                let counts = multiplicity.map { UnsafePointer(Values(1, $0.count, $0).matrix(in: arena).base) }
                let pass = Pass(
                    weights: w.baseAddress!, gradients: g.baseAddress!, arena: arena, mode: mode, multiplicity: counts)
                let y = Values(subject.forward(inputs.map { $0.matrix(in: arena) }, pass))
                var dx: [Values] = []
                if let dy {
                    for _ in 0..<repeats { dx = subject.backward(dy.matrix(in: arena), pass).map { Values($0) } }
                }
                return Result(y: y, inputs: dx, parameters: g.map { Double($0) })
            }
        }
    }
}

/// Memory that a subject's closures may point to for as long as they live.
final class Indices {
    let pointer: UnsafeMutablePointer<Int32>
    let count: Int
    init(_ values: [Int]) {
        count = values.count
        pointer = .allocate(capacity: max(1, values.count))
        for i in values.indices { pointer[i] = Int32(values[i]) }
    }
    deinit { pointer.deallocate() }
}

extension Subject {
    /// Any `Layer`.
    static func layer(_ build: (inout ParameterLayout) -> any Layer<S>) -> Subject {
        var layout = ParameterLayout()
        let layer = build(&layout)
        return Subject(layout: layout, forward: { layer.forward($0[0], $1) }, backward: { [layer.backward($0, $1)] })
    }

    static func dense(input: Int, output: Int, bias: Bool) -> Subject {
        layer { Dense<S>("s", input: input, output: output, bias: bias, in: &$0) }
    }

    static func batchNorm(width: Int, slope: Double) -> Subject {
        layer { BatchNormLeaky<S>("s.norm", width: width, slope: slope, in: &$0) }
    }

    static func stack(input: Int, widths: [Int], batchNorm: Bool, slope: Double) -> Subject {
        layer {
            LayerStack<S>(
                "s", input: input, widths: widths, activation: ActivationShape(batchNorm: batchNorm, leakySlope: slope),
                in: &$0)
        }
    }

    static func layerNorm(width: Int, residual: Bool) -> Subject {
        var layout = ParameterLayout()
        let layer = LayerNorm<S>("s", width: width, in: &layout)
        return Subject(
            layout: layout, forward: { layer.forward($0[0], residual: residual ? $0[1] : nil, $1) },
            backward: { dy, pass in
                let dz = layer.backward(dy, pass)
                return residual ? [dz, dz] : [dz]
            })
    }

    /// - Parameter indices: nil for a part without an index.
    static func joinedDense(widths: [Int], output: Int, bias: Bool, indices: [[Int]?], count: Int) -> Subject {
        var layout = ParameterLayout()
        let layer = JoinedDense<S>("s.0", widths: widths, output: output, bias: bias, in: &layout)
        let kept = indices.map { $0.map { Indices($0) } }
        return Subject(
            layout: layout,
            forward: { inputs, pass in layer.forward(parts(inputs, kept), count: count, pass) },
            backward: { layer.backward(Operand($0), $1) })
    }

    static func joinedStack(
        inputs: [Int], widths: [Int], batchNorm: Bool, slope: Double, activateLast: Bool, indices: [[Int]?], count: Int
    ) -> Subject {
        var layout = ParameterLayout()
        let stack = JoinedStack<S>(
            "s", inputWidths: inputs, widths: widths,
            activation: ActivationShape(batchNorm: batchNorm, leakySlope: slope), activateLast: activateLast,
            in: &layout)
        let kept = indices.map { $0.map { Indices($0) } }
        return Subject(
            layout: layout,
            forward: { inputs, pass in stack.forward(parts(inputs, kept), count: count, pass).matrix },
            backward: { stack.backward(Operand($0), $1) })
    }

    static func sequence(_ shape: SequenceShape, lengths: [Int]) -> Subject {
        var layout = ParameterLayout()
        let block = SequenceBlock<S>("s", shape, in: &layout)
        let offsets = Indices(lengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) })
        return Subject(
            layout: layout,
            forward: { block.forward($0[0], offsets: offsets.pointer, requests: lengths.count, $1) },
            backward: { [block.backward($0, $1)] })
    }

    /// Eq. 3 from its parts: two mappings once a distinct side, normalised, and 5 times their products.
    static func innerProduct(
        user: [Int], item: [Int], widths: [Int], slope: Double, users: [Int], items: [Int]
    ) -> Subject {
        var layout = ParameterLayout()
        let activation = ActivationShape(batchNorm: true, leakySlope: slope)
        let userStack = JoinedStack<S>("u", inputWidths: user, widths: widths, activation: activation, in: &layout)
        let itemStack = JoinedStack<S>("i", inputWidths: item, widths: widths, activation: activation, in: &layout)
        let vector = widths[widths.count - 1]
        let normalise = (L2Normalise<S>(width: vector), L2Normalise<S>(width: vector))
        let (userIndex, itemIndex) = (Indices(users), Indices(items))
        func counts(_ index: [Int], _ arena: Arena<S>) -> UnsafePointer<S> {
            let result = arena.zeros(1, index.max()! + 1).base
            for i in index { result[i] += 1 }
            return UnsafePointer(result)
        }
        var vectors: (Matrix<S>, Matrix<S>)?
        return Subject(
            layout: layout,
            forward: { inputs, pass in
                let u = userStack.forward(
                    inputs[..<user.count].map { InputPart($0) }, count: inputs[0].rows,
                    pass.over(counts(users, pass.arena)))
                let i = itemStack.forward(
                    inputs[user.count...].map { InputPart($0) }, count: inputs[user.count].rows,
                    pass.over(counts(items, pass.arena)))
                let pair = (normalise.0.forward(u.matrix, pass), normalise.1.forward(i.matrix, pass))
                vectors = pair
                let y = pass.arena.matrix(users.count, 1)
                S.pairDot(
                    pair.0, userIndex.pointer, pair.1, itemIndex.pointer, scale: 5, count: users.count, into: y.base)
                return y
            },
            backward: { dy, pass in
                let (u, i) = vectors!
                let du = pass.arena.zeros(u.rows, u.columns)
                let di = pass.arena.zeros(i.rows, i.columns)
                S.pairDotBackward(
                    dy.base, u, userIndex.pointer, i, itemIndex.pointer, scale: 5, count: users.count, du: du, dv: di)
                let (user, item) = (normalise.0.backward(du, pass), normalise.1.backward(di, pass))
                return userStack.backward(Operand(user), pass.over(counts(users, pass.arena)))
                    + itemStack.backward(Operand(item), pass.over(counts(items, pass.arena)))
            })
    }

    private static func parts(_ inputs: [Matrix<S>], _ indices: [Indices?]) -> [InputPart<S>] {
        zip(inputs, indices).map { InputPart($0, index: $1.map { UnsafePointer($0.pointer) }) }
    }
}
