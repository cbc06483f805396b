import Foundation
import Parameters
import TensorFiles
import Testing

/// Goldens from Scripts/goldens/optimisers.py, which names its versions and seed inside.
struct OptimiserGoldens: Decodable {
    struct Case: Decodable, CustomTestStringConvertible, Sendable {
        let name: String
        let settings: [String: Double]
        let initial: [Float]
        let gradients: Gradients
        let rates: [Double]
        let values: [Float]
        let states: [[Float]]
        let rows: [[Int32]]?
        let dimension: Int?

        var testDescription: String { "\(name) \(settings)" }

        var optimiser: any Optimiser {
            func setting(_ key: String) -> Float { Float(settings[key]!) }
            switch name {
            case "sgd": return SGD()
            case "adagrad":
                return Adagrad(initialAccumulator: setting("initial_accumulator"), epsilon: setting("epsilon"))
            case "rowwise_adagrad":
                return RowWiseAdagrad(initialAccumulator: setting("initial_accumulator"), epsilon: setting("epsilon"))
            case "adam":
                return Adam(beta1: settings["beta1"]!, beta2: settings["beta2"]!, epsilon: setting("epsilon"))
            default: fatalError(name)
            }
        }
    }
    struct Gradients: Decodable, Sendable {
        let all: [Float]
        init(from decoder: any Decoder) throws { all = try decoder.singleValueContainer().decode([Float].self) }
    }
    let dense: [Case]
    let rows: [Case]

    static let all: OptimiserGoldens = {
        let url = Bundle.module.url(forResource: "optimisers", withExtension: "json", subdirectory: "Goldens")!
        return try! JSONDecoder().decode(Self.self, from: Data(contentsOf: url))
    }()
}

@Suite struct OptimiserTests {
    /// A few roundings a step in another order than PyTorch's: relative to the largest part of a sum.
    func close(_ found: [Float], _ expected: [Float], _ place: String) {
        #expect(found.count == expected.count)
        for (index, (a, b)) in zip(found, expected).enumerated() {
            #expect(abs(a - b) <= 4e-7 + 3e-6 * abs(b) || ulps(a, b) <= 8, "\(place)[\(index)]: \(a), PyTorch \(b)")
        }
    }

    func states(of server: LocalParameterServer, _ prefix: String, _ suffix: String, _ names: [String]) throws -> [[Float]] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try server.write(toFile: path)
        let file = try SafetensorsFile(path: path)
        return try names.map { Array(try file.floats(prefix + $0 + suffix)) }
    }

    @Test(arguments: OptimiserGoldens.all.dense)
    func denseParametersMoveAsInPyTorch(golden: OptimiserGoldens.Case) throws {
        let count = golden.initial.count
        let server = server(weights: count, optimiser: golden.optimiser)
        server.setDense(from: golden.initial)
        for (step, rate) in golden.rates.enumerated() {
            let gradients = Array(golden.gradients.all[step * count..<(step + 1) * count])
            server.pushDense(gradients, learningRate: Float(rate))
        }
        close(server.dense(), golden.values, "values")
        let names = golden.optimiser.denseState.map(\.name)
        for (name, (found, expected)) in zip(names, zip(try states(of: server, "dense_state/", "/w", names), golden.states)) {
            close(found, expected, name)
        }
    }

    @Test(arguments: OptimiserGoldens.all.rows)
    func rowsMoveAsInPyTorch(golden: OptimiserGoldens.Case) throws {
        let dimension = golden.dimension!
        let all = Array(0..<Int32(golden.initial.count / dimension))
        let server = server(rows: all.count, dimension: dimension, optimiser: golden.optimiser)
        try setTable(server, golden.initial)
        var gradients = golden.gradients.all[...]
        for (rows, rate) in zip(golden.rows!, golden.rates) {
            server.push(rows, Array(gradients.prefix(rows.count * dimension)), learningRate: Float(rate))
            gradients = gradients.dropFirst(rows.count * dimension)
        }
        close(server.values(), golden.values, "values")
        let names = golden.optimiser.tableState.map(\.name)
        for (name, (found, expected)) in zip(names, zip(try states(of: server, "tables/t/", "", names), golden.states)) {
            close(found, expected, name)
        }
    }

    /// Through a checkpoint: the only door by which a table's values come in.
    func setTable(_ server: LocalParameterServer, _ values: [Float]) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try server.write(toFile: path)
        let old = try SafetensorsFile(path: path)
        let writer = try SafetensorsWriter(path: path, tensors: old.tensors)
        for tensor in old.tensors {
            try values.withUnsafeBytes {
                try writer.write(tensor.name, tensor.name == "tables/t/values" ? $0 : old.bytes(tensor.name))
            }
        }
        try writer.finish()
        try server.read(from: SafetensorsFile(path: path))
    }

    /// A row is a span of its own: both kernels do the same arithmetic, at every length and alignment.
    @Test(arguments: [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100])
    func rowsAndSpansAgreeBitForBit(dimension: Int) {
        var random = SplitMix(state: UInt64(dimension))
        for optimiser in [SGD(), Adagrad(), Adagrad(initialAccumulator: 0.1), Adam()] as [any Optimiser] {
            let server = server(rows: 5, dimension: dimension, weights: dimension, optimiser: optimiser)
            for step in 1...5 {
                let gradient = random.floats(dimension)
                server.push([3], gradient, learningRate: 0.1 / Float(step))
                server.pushDense(gradient, learningRate: 0.1 / Float(step))
            }
            #expect(bits(server.rows([3])) == bits(server.dense()), "\(optimiser)")
            #expect(server.rows([0, 1, 2, 4]).allSatisfy { $0 == 0 })
        }
    }

    /// Against the formula in Double, at every length.
    @Test(arguments: [1, 2, 5, 7, 8, 9, 15, 16, 17, 33, 64])
    func rowWiseAdagradFollowsItsFormula(dimension: Int) {
        var random = SplitMix(state: UInt64(dimension))
        let server = server(rows: 3, dimension: dimension, optimiser: RowWiseAdagrad(epsilon: 1e-8))
        var (weights, sum) = ([Double](repeating: 0, count: dimension), 0.0)
        for _ in 0..<5 {
            let gradient = random.floats(dimension)
            server.push([1], gradient, learningRate: 0.1)
            sum += gradient.reduce(0) { $0 + Double($1) * Double($1) } / Double(dimension)
            for index in weights.indices { weights[index] -= 0.1 * Double(gradient[index]) / (sum.squareRoot() + 1e-8) }
        }
        for (found, expected) in zip(server.rows([1]), weights) { #expect(abs(Double(found) - expected) < 1e-6) }
    }

    @Test func rowWiseStateIsHalfTheMemory() {
        let plain = server(rows: 100_000, dimension: 16, optimiser: Adagrad()).byteCount
        let rowWise = server(rows: 100_000, dimension: 16, optimiser: RowWiseAdagrad()).byteCount
        #expect(rowWise.values == plain.values)
        let ratio = Double(rowWise.values + rowWise.state) / Double(plain.values + plain.state)
        #expect(ratio < 0.54)  // (16 + 1) / (16 + 16)
    }

    @Test func aZeroGradientMovesNothing() {
        for optimiser in [SGD(), Adagrad(), RowWiseAdagrad(), Adam()] as [any Optimiser] {
            let server = server(optimiser: optimiser, deviation: 1)
            let before = server.values()
            server.push([5], [Float](repeating: 0, count: 8))
            server.pushDense([Float](repeating: 0, count: 10), learningRate: 1)
            #expect(bits(server.values()) == bits(before))
            #expect(server.dense().allSatisfy { $0 == 0 })
        }
    }

    @Test func warmUpIsLinearThenConstant() {
        let schedule = LearningRateSchedule(peak: 0.01, warmUpSteps: 4)
        #expect((0..<6).map(schedule.rate(step:)) == [0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01])
        #expect(LearningRateSchedule(peak: 0.01).rate(step: 0) == 0.01)
        #expect(LearningRateSchedule(peak: 1, warmUpSteps: 1).rate(step: 0) == 1)
        #expect(LearningRateSchedule(peak: 0.01, warmUpSteps: 1_000_000).rate(step: .max - 1) == 0.01)
    }
}
