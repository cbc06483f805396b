import Layers
import Logs
import Schema

/// A small schema with every kind of input, and seeded batches for it.
struct SyntheticRun {
    var run: RunConfiguration
    let tableRows = [
        "user": 7, "country": 4, "item": 9, "tags": 5, "age": 4, "affinity": 6, "clicks": 5, "dwell": 4,
    ]

    init(
        _ task: RankingTask, _ method: Method, manner: Manner = Manner(inputs: .shared(except: []), synchronous: true),
        sequence: Bool = true
    ) {
        func feature(_ name: String, _ dimension: Int, table: String? = nil, bag: BagPooling? = nil) -> FeatureEncoding {
            FeatureEncoding(name: name, encoding: .hash(buckets: 8), table: table, dimension: dimension, bag: bag)
        }
        var regular = [
            RegularFeature(feature("user", 3), side: .user), RegularFeature(feature("country", 2), side: .user),
            RegularFeature(feature("item", 3), side: .item), RegularFeature(feature("tags", 2, bag: .mean), side: .item),
        ]
        if task == .cvr { regular.append(RegularFeature(feature("affinity", 2), side: .interaction)) }
        let schema = FeatureSchema(
            regular: regular,
            privileged: [
                PrivilegedFeature(feature("clicks", 2), privilege: .interacted),
                PrivilegedFeature(feature("dwell", 3), privilege: .postEvent),
            ],
            sequence: sequence
                ? BehaviourSequence(
                    name: "history", length: 50, fields: [feature("h_item", 3, table: "item"), feature("age", 2)])
                : nil,
            labels: [
                Label(name: "click"), Label(name: "cart", weight: 0.5),
                Label(name: "seconds", kind: .continuous, weight: 0.3),
            ])
        var networks = NetworkConfiguration()
        networks.attention.heads = 2
        networks.attention.headDimension = 3
        networks.attention.feedForwardMultiple = 2
        networks.mapping = [6, 5, 4]
        networks.mlp = [6, 5, 4]
        networks.deepTeacher = [7, 6, 5, 4, 4, 3, 3]
        networks.multiTaskShared = 6
        networks.multiTaskHead = [5, 4]
        networks.leakySlope = 0.1
        var distillation = DistillationConfiguration()
        distillation.method = method
        distillation.manner = manner
        run = RunConfiguration(
            name: "synthetic", task: task, seed: 1, logs: LogsConfiguration(train: []), schema: schema,
            networks: networks, distillation: distillation, training: TrainingConfiguration(),
            evaluation: EvaluationConfiguration(), output: "")
    }

    /// 12 samples, 4 distinct user sides, 5 distinct item sides; sequences of 0, 1, 3 and 5 events.
    func batch(seed: UInt64 = 1) -> Batch {
        var random = SplitMix64(seed: seed)
        let count = 12
        let users = 4
        let items = 5
        func ids(_ table: String, _ count: Int) -> [Int32] {
            (0..<count).map { _ in Int32.random(in: 0..<Int32(tableRows[table]!), using: &random) }
        }
        let columns = run.schema.regular.map { feature -> EncodedColumn in
            let entities = feature.side == .user ? users : feature.side == .item ? items : count
            guard feature.encoding.bag != nil else { return EncodedColumn(ids: ids(feature.encoding.table, entities)) }
            return EncodedColumn(ids: ids(feature.encoding.table, 6), offsets: [0, 2, 2, 3, 5, 6])
        }
        let lengths = [3, 0, 5, 1]
        let sequence = run.schema.sequence.map { sequence in
            EncodedSequence(
                offsets: lengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + Int32($1)) },
                fields: sequence.fields.map { ids($0.table, 9) })
        }
        return Batch(
            regular: RegularInputs(
                count: count, userCount: users, itemCount: items,
                userIndex: [0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 0], itemIndex: [0, 1, 1, 2, 3, 0, 4, 4, 2, 1, 3, 2],
                columns: columns, sequence: sequence),
            privileged: PrivilegedInputs(
                columns: run.schema.privileged.map { EncodedColumn(ids: ids($0.encoding.table, count)) }),
            targets: Targets(
                labels: [
                    (0..<count).map { _ in Bool.random(using: &random) ? 1 : 0 },
                    (0..<count).map { _ in Bool.random(using: &random) ? 1 : 0 },
                    (0..<count).map { _ in Float.random(in: -1...1, using: &random) },
                ], weights: (0..<count).map { _ in Float.random(in: 0.5...2, using: &random) },
                requests: [UInt64](repeating: 0, count: count), groups: [UInt64](repeating: 0, count: count)))
    }

    /// The same samples with nothing shared between them.
    func undeduplicated(_ batch: Batch) -> Batch {
        var result = batch
        let count = batch.count
        let samples = (0..<Int32(count)).map { $0 }
        func expand(_ ids: [Int32], _ offsets: [Int32]?, _ index: [Int32]) -> EncodedColumn {
            guard let offsets else { return EncodedColumn(ids: index.map { ids[Int($0)] }) }
            var out: [Int32] = []
            var ends: [Int32] = [0]
            for e in index {
                out += ids[Int(offsets[Int(e)])..<Int(offsets[Int(e) + 1])]
                ends.append(Int32(out.count))
            }
            return EncodedColumn(ids: out, offsets: ends)
        }
        for (i, feature) in run.schema.regular.enumerated() {
            let index =
                feature.side == .user
                ? batch.regular.userIndex : feature.side == .item ? batch.regular.itemIndex : samples
            result.regular.columns[i] = expand(batch.regular.columns[i].ids, batch.regular.columns[i].offsets, index)
        }
        result.regular.sequence = batch.regular.sequence.map { sequence in
            let expanded = sequence.fields.map { expand($0, sequence.offsets, batch.regular.userIndex) }
            return EncodedSequence(offsets: expanded[0].offsets!, fields: expanded.map(\.ids))
        }
        result.regular.userCount = count
        result.regular.itemCount = count
        result.regular.userIndex = samples
        result.regular.itemIndex = samples
        return result
    }
}
