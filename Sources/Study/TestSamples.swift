import Evaluation
import Logs
import Schema
import Training

/// Truth and segments of the split that methods are compared on, in file order; predictions come from the runs.
struct TestSamples: Sendable {
    var split: Split
    var labels: [Float] = []
    var weights: [Float] = []
    var requests: [UInt64] = []
    var groups: [UInt64] = []
    var segments: [SegmentColumn] = []

    /// A feature by whose value the samples are parted.
    struct SegmentColumn: Sendable {
        var feature: String
        /// Row of the feature's table, one a sample.
        var rows: [Int32] = []
        var names: [Int32: String] = [:]
    }

    var count: Int { labels.count }
    var positives: Int { labels.reduce(0) { $0 + ($1 > 0.5 ? 1 : 0) } }

    /// - Parameter segments: names of features; nil: up to two regular ones with few values.
    init(_ session: RunSession, segments: [String]?) throws {
        split = session.comparisonSplit
        let schema = session.run.schema
        let names = try segments ?? Self.automatic(schema, session.encoder)
        let sources = names.compactMap { name -> (Source, FeatureEncoding)? in
            if let i = schema.regular.firstIndex(where: { $0.name == name }) {
                return (.regular(i, schema.regular[i].side), schema.regular[i].encoding)
            }
            return schema.privileged.firstIndex { $0.name == name }.map {
                (.privileged($0), schema.privileged[$0].encoding)
            }
        }
        self.segments = try sources.map { _, feature in
            SegmentColumn(feature: feature.name, names: try Self.names(session.encoder.table(feature.table)))
        }
        let source = try session.ordered(split)
        try source.seek(epoch: 0, batches: 0)
        while let batch = try source.next() {
            labels += batch.targets.labels.first ?? []
            weights += batch.targets.weights
            requests += batch.targets.requests
            groups += batch.targets.groups
            for (i, (source, _)) in sources.enumerated() { self.segments[i].rows += source.rows(of: batch) }
        }
    }

    /// These samples with one model's predictions. Resampling draws requests where there are any, else groups.
    func scored(_ predictions: [Float]) throws -> ScoredSamples {
        try ScoredSamples(
            predictions: predictions, labels: labels, weights: weights.allSatisfy { $0 == 1 } ? nil : weights,
            groups: Self.keys(requests) ?? Self.keys(groups))
    }

    private static func keys(_ keys: [UInt64]) -> [UInt64]? { keys.contains { $0 != keys[0] } ? keys : nil }

    private enum Source {
        case regular(Int, Side)
        case privileged(Int)

        func rows(of batch: Batch) -> [Int32] {
            switch self {
            case .privileged(let i): return batch.privileged.columns[i].ids
            case .regular(let i, let side):
                let ids = batch.regular.columns[i].ids
                switch side {
                case .user: return batch.regular.userIndex.map { ids[Int($0)] }
                case .item: return batch.regular.itemIndex.map { ids[Int($0)] }
                case .interaction: return ids
                }
            }
        }
    }

    private static func automatic(_ schema: FeatureSchema, _ encoder: FittedEncoder) throws -> [String] {
        try schema.regular.filter { feature in
            let rows = try encoder.table(feature.encoding.table).rows
            return feature.encoding.bag == nil && rows > 3 && rows <= 14
        }.prefix(2).map(\.name)
    }

    /// What the rows of a table stand for.
    private static func names(_ table: FittedTable) -> [Int32: String] {
        var names: [Int32: String] = [0: "missing"]
        if let values = table.values {
            names[1] = "unseen"
            for (i, value) in values.enumerated() { names[Int32(i + 2)] = value }
        } else if let cuts = table.cuts {
            for i in 0...cuts.count {
                names[Int32(i + 1)] =
                    switch (i > 0 ? cuts[i - 1] : nil, i < cuts.count ? cuts[i] : nil) {
                    case (nil, let upper?): "below \(short(upper))"
                    case (let lower?, nil): "\(short(lower)) and above"
                    case (let lower?, let upper?): "\(short(lower)) to \(short(upper))"
                    case (nil, nil): "any"
                    }
            }
        }
        return names
    }
}

extension RunSession {
    /// Test where there is one, else validation.
    var comparisonSplit: Split {
        run.logs.test.isEmpty && run.logs.testSplit == nil ? .validation : .test
    }
}
