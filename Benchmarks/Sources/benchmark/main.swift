import Dispatch
import Foundation
import Layers
import Logs
import Schema
import Training

/// The paper's shapes on synthetic data: batch 1024, k = 50, dimension 16, some samples a request.
struct Workload {
    var task: RankingTask
    var method: Method
    var batchSize = 1024
    var samplesPerRequest = 10
    var length = 50
    var tableRows = 100_000

    var run: RunConfiguration {
        func feature(_ name: String, table: String? = nil) -> FeatureEncoding {
            FeatureEncoding(name: name, encoding: .hash(buckets: 8), table: table, dimension: 16)
        }
        let users = ["user_id", "age", "gender", "city"].map { RegularFeature(feature($0), side: .user) }
        let items = ["item_id", "category", "brand", "shop"].map { RegularFeature(feature($0), side: .item) }
        let privileged = (0..<4).map { PrivilegedFeature(feature("priv\($0)"), privilege: .interacted) }
        let schema = FeatureSchema(
            regular: users + items, privileged: privileged,
            sequence: BehaviourSequence(
                name: "history", length: length,
                fields: [feature("h_item", table: "item_id"), feature("h_cat", table: "category"), feature("h_age")]),
            labels: [Label(name: "y")])
        var d = DistillationConfiguration()
        d.method = method
        d.manner = Manner(inputs: .shared(except: task == .ctr ? ["user_id"] : []), synchronous: true)
        var t = TrainingConfiguration()
        t.batchSize = batchSize
        t.workers = Int(ProcessInfo.processInfo.environment["WORKERS"] ?? "1")!
        t.synchronous = ProcessInfo.processInfo.environment["SYNC"] != nil
        return RunConfiguration(name: "bench", task: task, logs: LogsConfiguration(train: []), schema: schema, distillation: d, training: t)
    }
    var rows: [String: Int] { Dictionary(uniqueKeysWithValues: run.schema.tables.map { ($0.name, ["user_id", "item_id"].contains($0.name) ? tableRows : 1000) }) }

    func batch(seed: UInt64) -> Batch {
        var r = SplitMix64(seed: seed)
        let run = run
        let users = (batchSize + samplesPerRequest - 1) / samplesPerRequest
        func ids(_ table: String, _ n: Int) -> [Int32] { (0..<n).map { _ in Int32.random(in: 0..<Int32(rows[table]!), using: &r) } }
        let rows = rows
        _ = rows
        let columns = run.schema.regular.map { EncodedColumn(ids: ids($0.encoding.table, $0.side == .user ? users : batchSize)) }
        let events = users * length
        return Batch(
            regular: RegularInputs(
                count: batchSize, userCount: users, itemCount: batchSize,
                userIndex: (0..<batchSize).map { Int32($0 / samplesPerRequest) }, itemIndex: (0..<batchSize).map { Int32($0) },
                columns: columns,
                sequence: EncodedSequence(offsets: (0...users).map { Int32($0 * length) }, fields: run.schema.sequence!.fields.map { ids($0.table, events) })),
            privileged: PrivilegedInputs(columns: run.schema.privileged.map { EncodedColumn(ids: ids($0.encoding.table, batchSize)) }),
            targets: Targets(labels: [(0..<batchSize).map { _ in Bool.random(using: &r) ? 1 : 0 }], weights: .init(repeating: 1, count: batchSize), requests: .init(repeating: 0, count: batchSize), groups: .init(repeating: 0, count: batchSize)))
    }
}

final class Cycle: BatchSource {
    let batches: [Batch]
    var i = 0
    init(_ b: [Batch]) { batches = b }
    func next() -> Batch? { i += 1; return batches[i % batches.count] }
    func seek(epoch: Int, batches: Int) { i = 0 }
}

for (name, w) in [
    ("ctr-baseline", Workload(task: .ctr, method: .baseline)), ("ctr-pfd+md-share*", Workload(task: .ctr, method: .pfdMD)),
    ("ctr-baseline-nodup", Workload(task: .ctr, method: .baseline, samplesPerRequest: 1)),
    ("cvr-baseline", Workload(task: .cvr, method: .baseline, samplesPerRequest: 1)), ("cvr-pfd-share", Workload(task: .cvr, method: .pfd, samplesPerRequest: 1)),
] {
    let engine = TrainingEngine(w.run, tableRows: w.rows)
    let source = Cycle((0..<8).map { w.batch(seed: UInt64($0)) })
    _ = try engine.train(source, steps: 8, lambda: 0.5, learningRate: 0.01)
    let start = DispatchTime.now().uptimeNanoseconds
    var n = 0
    while DispatchTime.now().uptimeNanoseconds - start < 3_000_000_000 { n += try engine.train(source, steps: 16, lambda: 0.5, learningRate: 0.01) }
    let s = Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
    print(name, Int(Double(n) / s), "samples/s", "arena", engine.arenaAllocations)
}
