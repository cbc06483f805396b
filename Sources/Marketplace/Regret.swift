import Evaluation
import Foundation
import Logs
import Schema

/// The truth of a split, row by row as its log: what was decided, and with what probability.
public struct MarketTruth: Sendable {
    public private(set) var outcomes: [Float] = []
    /// The probability that decided the outcome (for clicks with the place on the page, for purchases with the mood).
    public private(set) var probabilities: [Float] = []
    /// The probability as far as a ranker could know it: whatever the place, and the mood integrated out.
    public private(set) var relevances: [Float] = []
    /// A number a page view.
    public private(set) var requests: [UInt64] = []

    public init(outcomes: [Float], probabilities: [Float], relevances: [Float], requests: [UInt64]) {
        precondition(
            Set([outcomes.count, probabilities.count, relevances.count, requests.count]).count == 1,
            "MarketTruth: columns of different lengths")
        self.outcomes = outcomes
        self.probabilities = probabilities
        self.relevances = relevances
        self.requests = requests
    }

    /// Reads truth files: a file, glob or folder of `truth/ctr` or `truth/cvr`.
    ///
    /// - Parameter label: `click` or `purchase`, the outcome's column.
    /// - Throws: `LogsError`.
    public init(files: [String], label: String) throws {
        let columns = try LabelColumns(files, [label, "probability", "relevance"], request: "request_id")
        outcomes = columns.values[0]
        probabilities = columns.values[1]
        relevances = columns.values[2]
        requests = columns.requests
    }

    public var count: Int { outcomes.count }
}

/// Reads columns of numbers from logs.
struct LabelColumns {
    private(set) var values: [[Float]]
    private(set) var requests: [UInt64] = []

    init(_ files: [String], _ names: [String], request: String? = nil) throws {
        let schema = FeatureSchema(
            regular: [], labels: names.map { Label(name: $0, kind: .continuous) }, requestColumn: request)
        let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        let dataset = try Dataset(logs: LogsConfiguration(train: files), schema: schema, baseFolder: here)
        let source = try dataset.batches(
            .train, encoder: try dataset.fitEncoder(), batchSize: 65_536, shuffle: false, deduplicate: false)
        values = names.map { _ in [] }
        while let batch = try source.next() {
            for i in values.indices { values[i] += batch.targets.labels[i] }
            requests += batch.targets.requests
        }
    }
}

/// Reads the `score` column of a file that `hindsight predict` wrote.
public func readScores(file: String) throws -> [Float] { try LabelColumns([file], ["score"]).values[0] }

/// How far scores are from the truth.
public struct Regret: Sendable, Codable, Equatable {
    public var samples: Int
    /// Against the outcomes.
    public var auc: Double?
    public var logLoss: Double
    /// Mean Kullback–Leibler divergence of the scores from the relevance, in nats: what is left of the log-loss when
    /// the noise of the outcomes is taken away.
    public var divergence: Double
    /// 1 - (relevance of the k best by score) / (relevance of the k best by relevance), over all pages of more than
    /// k rows: the share of clicks that ranking by these scores gives away. nil when there is no such page.
    public var regretAt: [Int: Double?]

    /// - Throws: `MarketError` when there is not one score a row of the truth.
    public init(of scores: [Float], against truth: MarketTruth, cutoffs: [Int] = [1, 3]) throws {
        guard scores.count == truth.count, truth.count > 0 else {
            throw MarketError(.mismatch, "scores", expected: "\(truth.count) rows, as the truth has", found: "\(scores.count)")
        }
        samples = scores.count
        var metric = AUC()
        metric.add(try ScoredSamples(predictions: scores, labels: truth.outcomes))
        auc = try? metric.value
        var loss = 0.0
        var divergence = 0.0
        for i in scores.indices {
            let q = min(max(Double(scores[i]), 1e-7), 1 - 1e-7)
            let p = min(max(Double(truth.relevances[i]), 1e-7), 1 - 1e-7)
            loss -= truth.outcomes[i] == 1 ? log(q) : log1p(-q)
            divergence += p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))
        }
        logLoss = loss / Double(samples)
        self.divergence = divergence / Double(samples)
        regretAt = [:]
        for k in cutoffs { regretAt[k] = .some(Self.regret(scores, truth, k)) }
    }

    private static func regret(_ scores: [Float], _ truth: MarketTruth, _ k: Int) -> Double? {
        var got = 0.0
        var best = 0.0
        var start = 0
        while start < scores.count {
            var end = start + 1
            while end < scores.count, truth.requests[end] == truth.requests[start] { end += 1 }
            if end - start > k {
                got += top(k, of: start..<end, by: scores, truth.relevances)
                best += top(k, of: start..<end, by: truth.relevances, truth.relevances)
            }
            start = end
        }
        return best > 0 ? 1 - got / best : nil
    }

    private static func top(_ k: Int, of rows: Range<Int>, by scores: [Float], _ values: [Float]) -> Double {
        rows.sorted { (scores[$0], -$0) > (scores[$1], -$1) }.prefix(k).reduce(0) { $0 + Double(values[$1]) }
    }
}
