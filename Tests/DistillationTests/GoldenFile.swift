import Distillation
import Foundation
import Kernels
import Logs
import Rankers
import Schema
import Testing

/// What Scripts/goldens/methods.py wrote, in PyTorch and float64.
struct GoldenFile: Decodable {
    let script: String
    let torch: String
    let seed: Int
    /// Starting values by "name rowsxcolumns".
    let initial: [String: [Double]]
    let batches: [GoldenBatch]
    let cases: [GoldenCase]
    let losses: Losses?

    struct Losses: Decodable {
        let temperature: Double
        let tensors: [String: [Double]]
    }

    static let ctr = load("methods-ctr")
    static let cvr = load("methods-cvr")
    static let options = load("methods-options")
    static let training = load("training")

    private static func load(_ name: String) -> GoldenFile {
        let url = Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Goldens")!
        return try! JSONDecoder().decode(GoldenFile.self, from: Data(contentsOf: url))
    }
}

/// Distinct users and items, and the samples that refer to them.
struct GoldenBatch: Decodable {
    let count: Int
    let user_index: [Int32]
    let item_index: [Int32]
    /// Events of each user.
    let lengths: [Int32]
    /// Tags of each item.
    let bags: [Int32]
    let ids: [String: [Int32]]
    let labels: [[Float]]
    let weights: [Float]
    let soft_labels: [Float]

    func batch(_ run: RunConfiguration) -> Batch {
        func offsets(_ lengths: [Int32]) -> [Int32] { lengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) } }
        return Batch(
            regular: RegularInputs(
                count: count, userCount: lengths.count, itemCount: bags.count, userIndex: user_index,
                itemIndex: item_index,
                columns: run.schema.regular.map {
                    EncodedColumn(ids: ids[$0.name]!, offsets: $0.encoding.bag == nil ? nil : offsets(bags))
                },
                sequence: run.schema.sequence.map { sequence in
                    EncodedSequence(offsets: offsets(lengths), fields: sequence.fields.map { ids[$0.name]! })
                }),
            privileged: PrivilegedInputs(columns: run.schema.privileged.map { EncodedColumn(ids: ids[$0.name]!) }),
            targets: Targets(
                labels: labels, weights: weights, softLabels: run.distillation.softLabelsFromColumn ? soft_labels : nil,
                requests: [UInt64](repeating: 0, count: count), groups: [UInt64](repeating: 0, count: count)))
    }
}

/// One method in one manner: its settings, and what PyTorch made of them.
struct GoldenCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let task: RankingTask
    let method: Method
    let manner: String
    let lambda: Double
    let except: [String]?
    let temperature: Double?
    let learned_scale: Bool?
    let batch_norm: Bool?
    let sequence: Bool?
    let soft_labels: Bool?
    let shared_gradient: SharedGradient?
    /// "teacher" or "student" when the other one's turn is over.
    let trains: String?
    /// "name rowsxcolumns" of all parameters and tables.
    let parameters: [String]

    // One step.
    let batch: Int?
    /// Sums over the batch.
    let losses: [String: Double]?
    let student_logits: [Double]?
    let teacher_logits: [Double]?
    let gradients: [String: [Double]]?

    // A short training.
    let swapping_step: Int?
    let peak: Float?
    let warm_up: Int?
    let momentum: Float?
    let accumulator: Float?
    let losses_by_step: [[String: Double]]?
    let after: [String: [Double]]?

    var testDescription: String { name }

    var synthetic: SyntheticRun {
        let inputs: Manner.Inputs =
            switch manner {
            case "independent": .independent
            case "share": .shared(except: [])
            default: .shared(except: except ?? ["user"])
            }
        var result = SyntheticRun(
            task, method, manner: Manner(inputs: inputs, synchronous: true), sequence: sequence ?? true)
        result.run.distillation.temperature = temperature ?? 1
        result.run.distillation.sharedGradient = shared_gradient ?? .joint
        result.run.distillation.softLabelsFromColumn = soft_labels ?? false
        result.run.networks.learnedScale = learned_scale ?? false
        result.run.networks.batchNorm = batch_norm ?? true
        return result
    }
}

extension GraphHarness {
    /// "name rowsxcolumns" of every parameter and table.
    var shapes: [String] {
        graph.layout.entries.map { "\($0.name) \($0.slot.rows)x\($0.slot.columns)" }
            + graph.exchange.tables.map { "\($0.name) \($0.rows)x\($0.dimension)" }
    }

    /// Takes a golden's starting values.
    func load(_ initial: [String: [Double]]) {
        for entry in graph.layout.entries {
            let values = initial["\(entry.name) \(entry.slot.rows)x\(entry.slot.columns)"]!
            for (i, value) in zip(entry.slot.range, values) { weights[i] = S(value) }
        }
        for (t, table) in graph.exchange.tables.enumerated() {
            tables[t] = initial["\(table.name) \(table.rows)x\(table.dimension)"]!.map { S($0) }
        }
    }

    /// One step, its gradients by name. Unlike `train`, it may leave the student out.
    func step(
        _ batch: Batch, _ options: StepOptions
    ) -> (losses: StepLosses, gradients: [String: [Double]], student: [Double]?, teacher: [Double]?) {
        bind(batch)
        var gradients = [S](repeating: 0, count: max(1, graph.layout.count))
        let losses = gradients.withUnsafeMutableBufferPointer { g in
            weights.withUnsafeMutableBufferPointer { w in
                graph.train(batch.targets, options: options, weights: w.baseAddress!, gradients: g.baseAddress!)
            }
        }
        var named: [String: [Double]] = [:]
        for entry in graph.layout.entries { named[entry.name] = gradients[entry.slot.range].map { Double($0) } }
        for (t, table) in graph.exchange.tables.enumerated() {
            var whole = [Double](repeating: 0, count: tables[t].count)
            for (local, row) in graph.exchange.rows(t).enumerated() {
                for c in 0..<table.dimension {
                    whole[Int(row) * table.dimension + c] = Double(graph.exchange.gradients(t)[local, c])
                }
            }
            named[table.name] = whole
        }
        func logits(_ pointer: UnsafeMutablePointer<S>?) -> [Double]? {
            pointer.map { UnsafeBufferPointer(start: $0, count: batch.count).map { Double($0) } }
        }
        return (losses, named, logits(graph.studentLogits), logits(graph.teacherLogits))
    }
}

/// The largest difference, relative to the reference's largest value (but no smaller than `floor`).
func relativeDistance(_ a: [Double], _ b: [Double], floor: Double) -> Double {
    guard a.count == b.count else { return .infinity }
    let scale = max(floor, b.map(abs).max() ?? 0)
    let differences = zip(a, b).map { abs($0 - $1) / scale }
    return differences.contains { $0.isNaN } ? .infinity : differences.max() ?? 0
}
