import Foundation
import Kernels
import Layers
import Testing

/// What Scripts/goldens/layers.py wrote, in PyTorch and float64.
struct LayerGoldens: Decodable {
    struct Tensor: Decodable {
        let shape: [Int]
        let values: [Double]
        var matrix: Values { Values(shape[0], shape[1], values) }
        var integers: [Int] { values.map { Int($0) } }
    }
    typealias Case = [String: Tensor]

    let script: String
    let torch: String
    let seed: Int
    let slope: Double
    let cases: [String: Case]

    static let shared: LayerGoldens = {
        let url = Bundle.module.url(forResource: "layers", withExtension: "json", subdirectory: "Goldens")!
        return try! JSONDecoder().decode(LayerGoldens.self, from: Data(contentsOf: url))
    }()
}

/// The subject that a case of layers.py is about.
private func subject<S: Scalar>(_ name: String, _ golden: LayerGoldens.Case, slope: Double, _: S.Type) -> Subject<S> {
    func integer(_ key: String) -> Int { golden[key]!.integers[0] }
    func columns(_ key: String) -> Int { golden[key]!.shape[1] }
    let inputs = (0...).prefix { golden["x\($0)"] != nil }.map { columns("x\($0)") }
    let indices = inputs.indices.map { golden["index\($0)"]?.integers }
    let rows = golden["y"]!.shape[0]
    switch name.prefix(while: { $0 != "." }) {
    case "dense":
        return .dense(input: columns("x"), output: columns("y"), bias: golden["p:s.bias"] != nil)
    case "joined_dense":
        return .joinedDense(
            widths: inputs, output: columns("y"), bias: golden["p:s.0.bias"] != nil, indices: indices, count: rows)
    case "batch_norm":
        return .batchNorm(width: columns("x"), slope: slope)
    case "layer_norm":
        return .layerNorm(width: columns("x"), residual: golden["residual"] != nil)
    case "l2_normalise":
        return .layer { _ in L2Normalise<S>(width: columns("x")) }
    case "stack":
        return .stack(
            input: columns("x"), widths: golden["widths"]!.integers, batchNorm: golden["p:s.0.norm.gamma"] != nil,
            slope: slope)
    case "joined_stack":
        return .joinedStack(
            inputs: inputs, widths: golden["widths"]!.integers, batchNorm: golden["p:s.0.norm.gamma"] != nil,
            slope: slope, activateLast: integer("activate_last") == 1, indices: indices, count: rows)
    case "sequence":
        return .sequence(
            SequenceShape(
                width: columns("x"), heads: integer("heads"), headDimension: integer("head_dimension"),
                feedForward: integer("feed_forward")), lengths: golden["lengths"]!.integers)
    case "inner_product":
        return .innerProduct(
            user: [inputs[0], inputs[1]], item: [inputs[2]], widths: golden["widths"]!.integers, slope: slope,
            users: golden["index0"]!.integers, items: golden["index1"]!.integers)
    default:
        preconditionFailure("no subject for \(name)")
    }
}

@Suite struct GoldenTests {
    static let names = LayerGoldens.shared.cases.keys.sorted()

    @Test("the goldens name the script, the PyTorch and the seed that made them")
    func provenance() {
        #expect(LayerGoldens.shared.script == "Scripts/goldens/layers.py")
        #expect(LayerGoldens.shared.torch.hasPrefix("2.13"))
        #expect(LayerGoldens.shared.seed == 20_200_823)
        #expect(Self.names.count == 23)
    }

    @Test("values and gradients in Double are PyTorch's", arguments: names)
    func double(_ name: String) { compare(name, Double.self, tolerance: 1e-11) }

    @Test("values and gradients in Float are PyTorch's to rounding", arguments: names)
    func float(_ name: String) { compare(name, Float.self, tolerance: 2e-5) }

    private func compare<S: Scalar>(_ name: String, _: S.Type, tolerance: Double) {
        let goldens = LayerGoldens.shared
        let golden = goldens.cases[name]!
        let bench = Bench(subject(name, golden, slope: goldens.slope, S.self))
        let layout = bench.subject.layout
        #expect(Set(layout.entries.map { "p:\($0.name)" }) == Set(golden.keys.filter { $0.hasPrefix("p:") }))
        for entry in layout.entries {
            let tensor = golden["p:\(entry.name)"]!
            #expect(tensor.shape == [entry.slot.rows, entry.slot.columns], "\(entry.name)")
            for (i, value) in zip(entry.slot.range, tensor.values) { bench.weights[i] = S(value) }
        }
        bench.multiplicity = golden["multiplicity"]?.values
        let inputs = golden["x"] == nil ? golden.keys.filter { $0.hasPrefix("x") }.sorted() : ["x", "residual"]
        let trains = !name.hasSuffix("evaluation")
        let result = bench.run(
            inputs.compactMap { golden[$0]?.matrix }, dy: trains ? golden["dy"]!.matrix : nil,
            mode: trains ? .training : .evaluation)

        func check(_ values: [Double], _ key: String) {
            let error = distance(values, golden[key]!.values)
            #expect(error < tolerance, "\(key): \(error)")
        }
        check(result.y.values, "y")
        guard trains else { return }
        for (key, dx) in zip(inputs, result.inputs) { check(dx.values, "d\(key)") }
        for entry in layout.entries {
            let values = Array(result.parameters[entry.slot.range])
            if entry.kind == .weight {
                check(values, "g:\(entry.name)")
            } else if let after = golden["new:\(entry.name.split(separator: ".").last!)"] {
                // PyTorch's moving average, whose momentum was 0.1, of what the layer reports.
                let moved = zip(golden["p:\(entry.name)"]!.values, values).map { 0.9 * $0 + 0.1 * $1 }
                #expect(distance(moved, after.values) < tolerance, "\(entry.name)")
            }
        }
    }
}
