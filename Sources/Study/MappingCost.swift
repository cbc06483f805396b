import Foundation
import Kernels
import Layers
import Schema
import TensorFiles

/// Section 5.2, "Cost of directly utilizing interacted features": with such features in the served model the user
/// mapping is computed once a candidate, 10^5 times; without them once, and then one inner product a candidate.
///
/// Measures both on this machine, one core, as the paper did "in the personal computer". Medians of three.
public struct MappingCost: Codable, Sendable, Equatable {
    /// Width of the mapping's input; the paper supposes 1024.
    public var inputWidth: Int
    public var mapping: [Int]
    public var candidates: Int
    /// One mapping at a time, as a request without batching would.
    public var mappingSeconds: Double
    /// The same in batches of `batchSize`: the least that such features could cost.
    public var batchedSeconds: Double
    public var batchSize: Int
    /// One inner product of `mapping.last` numbers a candidate.
    public var innerProductSeconds: Double

    /// The paper's figures.
    public static let paper = (mapping: 89.695, innerProduct: 0.108)

    /// The run file's mapping, behind an input of 1024.
    public init(_ study: StudyConfiguration, candidates: Int = 100_000) throws {
        let run = try RunFile.read(path: study.runFile, overrides: study.overrides).validated().configuration
        self.init(mapping: run.networks.mapping, networks: run.networks, candidates: candidates)
    }

    public init(
        inputWidth: Int = 1024, mapping: [Int], networks: NetworkConfiguration = NetworkConfiguration(),
        candidates: Int, batchSize: Int = 256, repeats: Int = 3
    ) {
        precondition(candidates > 0 && !mapping.isEmpty, "MappingCost: \(candidates) candidates, mapping \(mapping)")
        let bench = Bench(inputWidth: inputWidth, mapping: mapping, networks: networks, batchSize: batchSize)
        self.inputWidth = inputWidth
        self.mapping = mapping
        self.candidates = candidates
        self.batchSize = batchSize
        // The first calls pay for code generation and for touching memory.
        bench.map(rows: 1, times: 10)
        bench.map(rows: batchSize, times: 2)
        func median(_ body: () -> Void) -> Double {
            (0..<repeats).map { _ in
                let began = DispatchTime.now().uptimeNanoseconds
                body()
                return Double(DispatchTime.now().uptimeNanoseconds - began) * 1e-9
            }.sorted()[repeats / 2]
        }
        mappingSeconds = median { bench.map(rows: 1, times: candidates) }
        batchedSeconds = median { bench.map(rows: batchSize, times: (candidates + batchSize - 1) / batchSize) }
        let vectors = bench.vectors(candidates)
        innerProductSeconds = median { vectors.score() }
    }

    /// Multiply-adds of one mapping.
    public var multiplyAdds: Int {
        zip([inputWidth] + mapping, mapping).reduce(0) { $0 + $1.0 * $1.1 }
    }

    public var table: String { reportTable.markdown }
    public var text: String {
        """
        \(grouped(candidates)) candidates, one core
          mappings, one at a time     \(String(format: "%10.4f s", mappingSeconds))   \(String(format: "%8.0f", mappingSeconds / innerProductSeconds)) x the inner products
          mappings, batches of \(batchSize)    \(String(format: "%10.4f s", batchedSeconds))   \(String(format: "%8.0f", batchedSeconds / innerProductSeconds)) x
          inner products of \(mapping.last!)       \(String(format: "%10.4f s", innerProductSeconds))
        In the paper: 89.695 s against 0.108 s, 830 x. In multiply-adds: \(grouped(multiplyAdds)) against \(mapping.last!), \
        \(grouped(multiplyAdds / mapping.last!)) x.
        """
    }

    private var reportTable: ReportTable {
        var table = ReportTable(
            "Cost of using interacted features when serving, as section 5.2",
            note: "\(grouped(candidates)) candidates, one core, medians. A mapping is Input(\(inputWidth))-"
                + "\(mapping.map(String.init).joined(separator: "-")), \(grouped(multiplyAdds)) multiply-adds; an inner product is "
                + "\(mapping.last!).",
            ["Work", "Ours", "over inner products", "Paper", "over inner products "])
        func row(_ name: String, _ seconds: Double, _ paper: Double?) -> [String] {
            [
                name, String(format: "%.4f s", seconds), String(format: "%.0f", seconds / innerProductSeconds),
                paper.map { String(format: "%.3f s", $0) } ?? "–",
                paper.map { String(format: "%.0f", $0 / Self.paper.innerProduct) } ?? "–",
            ]
        }
        table.add(row("mappings, one at a time", mappingSeconds, Self.paper.mapping))
        table.add(row("mappings, batches of \(batchSize)", batchedSeconds, nil))
        table.add(row("inner products", innerProductSeconds, Self.paper.innerProduct))
        return table
    }

    public func write(into folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try JSON.write(self, to: "\(folder)/cost.json")
        try atomicWrite("# Cost\n\n" + table, to: "\(folder)/cost.md")
    }
}

/// A mapping at its initial values with the buffers it runs in.
private final class Bench {
    private let stack: LayerStack<Float>
    private let weights: UnsafeMutablePointer<Float>
    private let input: UnsafeMutablePointer<Float>
    private let inputWidth: Int
    private let arena = Arena<Float>()
    /// Keeps results alive, so that nothing is optimised away.
    private(set) var sink: Float = 0

    init(inputWidth: Int, mapping: [Int], networks: NetworkConfiguration, batchSize: Int) {
        var layout = ParameterLayout()
        stack = LayerStack(
            "cost", input: inputWidth, widths: mapping,
            activation: ActivationShape(batchNorm: networks.batchNorm, leakySlope: networks.leakySlope), in: &layout)
        let values = layout.initialValues(seed: 1)
        weights = .allocate(capacity: values.count)
        weights.initialize(from: values, count: values.count)
        input = .allocate(capacity: batchSize * inputWidth)
        var generator = SplitMix64(seed: 2)
        for i in 0..<batchSize * inputWidth {
            (input + i).initialize(to: Float.random(in: -1...1, using: &generator))
        }
        self.inputWidth = inputWidth
    }

    deinit {
        weights.deallocate()
        input.deallocate()
    }

    func map(rows: Int, times: Int) {
        for _ in 0..<times {
            arena.reset()
            let pass = Pass(weights: weights, gradients: weights, arena: arena, mode: .evaluation)
            let output = stack.forward(Matrix(base: input, rows: rows, columns: inputWidth), pass)
            sink += output[0, 0]
        }
    }

    func vectors(_ count: Int) -> Vectors { Vectors(count: count, width: stack.outputWidth) }

    /// Item vectors and one user vector.
    final class Vectors {
        private let items: Matrix<Float>
        private let user: Matrix<Float>
        private let userIndex: UnsafeMutablePointer<Int32>
        private let scores: UnsafeMutablePointer<Float>

        init(count: Int, width: Int) {
            items = Matrix(base: .allocate(capacity: count * width), rows: count, columns: width)
            user = Matrix(base: .allocate(capacity: width), rows: 1, columns: width)
            userIndex = .allocate(capacity: count)
            scores = .allocate(capacity: count)
            userIndex.initialize(repeating: 0, count: count)
            scores.initialize(repeating: 0, count: count)
            var generator = SplitMix64(seed: 3)
            for i in 0..<count * width { (items.base + i).initialize(to: Float.random(in: -1...1, using: &generator)) }
            for i in 0..<width { (user.base + i).initialize(to: Float.random(in: -1...1, using: &generator)) }
        }

        deinit {
            items.base.deallocate()
            user.base.deallocate()
            userIndex.deallocate()
            scores.deallocate()
        }

        func score() { Float.pairDot(user, userIndex, items, nil, scale: 5, count: items.rows, into: scores) }
    }
}
