import Foundation
import Logs
import Schema
import Testing
import Training

@testable import hindsight

/// A run on invented logs, small enough to train in a test, in a folder that goes away with it.
final class TinyRun {
    let folder: URL
    let logs: String
    let run: RunConfiguration

    /// Methods, manners and shapes that differ in what the student's tensors are called or whose tables it reads.
    enum Kind: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case sharedCTR, independentCTR, sharedExceptItemCTR, learnedScaleCTR, plainCTR, multiTaskCTR
        case sharedCVR, multiTaskCVR
        var testDescription: String { rawValue }
        var task: RankingTask { rawValue.hasSuffix("CTR") ? .ctr : .cvr }
    }

    /// - Parameter validation: whether there are other logs, `validation.jsonl`, that the run is validated on.
    init(_ kind: Kind, rows: Int = 400, seed: UInt64 = 11, validation: Bool = false) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("tiny-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        logs = folder.appendingPathComponent("logs.jsonl").path
        try Data(Self.lines(rows, seed: seed).utf8).write(to: URL(fileURLWithPath: logs))
        var run = Self.configuration(kind, logs: logs, output: folder.appendingPathComponent("run").path)
        if validation {
            run.logs.validation = [folder.appendingPathComponent("validation.jsonl").path]
            try Data(Self.lines(rows, seed: seed + 1).utf8).write(to: URL(fileURLWithPath: run.logs.validation[0]))
        }
        self.run = run
        let session = try RunSession(try run.validated())
        try session.prepareFolder()
        _ = try session.trainer { _ in }.train(resume: false)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// Exports to a folder of this name.
    @discardableResult
    func export(_ name: String = "package") throws -> (path: String, version: String) {
        (path(name), try TrainedStudent(folder: run.output).write(to: path(name)))
    }

    /// Names that must not leave the training side; every one of them stands in the run's own files.
    static let secrets = ["dwell_secret", "clicked_label", "bought_label", "page_request"]

    private static func configuration(_ kind: Kind, logs: String, output: String) -> RunConfiguration {
        func ids(_ name: String) -> FeatureEncoding {
            FeatureEncoding(name: name, encoding: .vocabulary(minCount: 2, maxSize: nil), dimension: 6)
        }
        var regular = [
            RegularFeature(ids("user_id"), side: .user),
            RegularFeature(
                FeatureEncoding(name: "age", encoding: .quantiles(buckets: 5), dimension: 3, missing: .error), side: .user),
            RegularFeature(ids("item_id"), side: .item),
            RegularFeature(FeatureEncoding(name: "price", encoding: .boundaries([1, 2.5, 10]), dimension: 2), side: .item),
            RegularFeature(
                FeatureEncoding(name: "tags", encoding: .hash(buckets: 20), dimension: 4, bag: .mean), side: .item),
        ]
        if kind.task == .cvr {
            regular.append(
                RegularFeature(
                    FeatureEncoding(name: "distance", encoding: .quantiles(buckets: 4), dimension: 2), side: .interaction))
        }
        let schema = FeatureSchema(
            regular: regular,
            privileged: [
                PrivilegedFeature(
                    FeatureEncoding(name: "dwell_secret", encoding: .quantiles(buckets: 6), dimension: 4),
                    privilege: .postEvent)
            ],
            sequence: BehaviourSequence(
                name: "history", length: 4,
                fields: [
                    FeatureEncoding(
                        name: "history_item", encoding: .vocabulary(minCount: 2, maxSize: nil), table: "item_id", dimension: 6),
                    FeatureEncoding(name: "history_gap", encoding: .boundaries([10, 100]), dimension: 2),
                ]),
            labels: [Label(name: "clicked_label"), Label(name: "bought_label", weight: 0.5)], requestColumn: "page_request")
        var networks = NetworkConfiguration()
        networks.mapping = [16, 8]
        networks.mlp = [16, 8]
        networks.deepTeacher = [24, 16, 8]
        networks.multiTaskShared = 12
        networks.multiTaskHead = [10, 8]
        networks.attention.heads = 2
        networks.attention.headDimension = 4
        networks.learnedScale = kind == .learnedScaleCTR
        networks.batchNorm = kind != .plainCTR
        networks.embeddingDeviation = 0.3
        var distillation = DistillationConfiguration()
        distillation.swappingStep = .steps(2)
        switch kind {
        case .sharedCTR, .learnedScaleCTR:
            distillation.method = .pfd
            distillation.manner = Manner(inputs: .shared(except: ["user_id"]), synchronous: true)
        case .sharedExceptItemCTR:
            distillation.method = .pfdMD
            distillation.manner = Manner(inputs: .shared(except: ["item_id"]), synchronous: true)
        case .independentCTR:
            distillation.method = .lupi
            distillation.manner = Manner(inputs: .independent, synchronous: false)
        case .plainCTR: distillation.method = .baseline
        case .multiTaskCTR, .multiTaskCVR: distillation.method = .mtl
        case .sharedCVR:
            distillation.method = .pfdMD
            distillation.manner = Manner(inputs: .shared(except: []), synchronous: true)
        }
        var training = TrainingConfiguration()
        training.batchSize = 64
        training.epochs = 2
        training.synchronous = true
        training.optimiser.learningRate = 0.05
        training.optimiser.warmup = .steps(1)
        var evaluation = EvaluationConfiguration()
        evaluation.resamples = 0
        return RunConfiguration(
            name: "tiny", task: kind.task, logs: LogsConfiguration(train: [logs]), schema: schema, networks: networks,
            distillation: distillation, training: training, evaluation: evaluation, output: output)
    }

    /// Requests of one to six samples, with missing values, unseen values and sequences longer than the model's.
    private static func lines(_ rows: Int, seed: UInt64) -> String {
        var generator = SeededGenerator(seed: seed)
        func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &generator) }
        var lines: [String] = []
        var request = 0
        while lines.count < rows {
            request += 1
            let user = pick(40)
            let history = (0..<pick(7)).map { _ in "\"item \(pick(30))\"" }
            let gaps = history.map { _ in "\(pick(200))" }
            for _ in 0...pick(6) {
                let item = pick(30)
                var fields = [
                    "\"page_request\": \(request)", "\"user_id\": \(user)", "\"age\": \(Double(20 + user) / 3)",
                    "\"item_id\": \"item \(item)\"", "\"tags\": [\"t\(item % 7)\", \"t\(item % 3)\"]",
                    "\"distance\": \(Double(pick(1000)) / 7)", "\"dwell_secret\": \(pick(300))",
                    "\"history_item\": [\(history.joined(separator: ", "))]", "\"history_gap\": [\(gaps.joined(separator: ", "))]",
                    "\"clicked_label\": \((user + item + pick(3)) % 2)", "\"bought_label\": \(pick(2))",
                ]
                if pick(8) > 0 { fields.append("\"price\": \(Double(item) * 0.7)") }
                lines.append("{\(fields.joined(separator: ", "))}")
            }
        }
        return lines.prefix(rows).joined(separator: "\n") + "\n"
    }
}
