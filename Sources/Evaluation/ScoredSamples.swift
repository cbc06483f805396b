/// Predictions beside the truth: what every metric takes in.
///
/// `predictions` are probabilities, or predicted values for a continuous label. Rank metrics (`AUC`, `GAUC`)
/// take any finite score, logits included. `weights` are finite and not negative; nil means 1 each. `groups`
/// are the keys that GAUC and the bootstrap group by: the request, or the user.
public struct ScoredSamples: Sendable, Equatable {
    public private(set) var predictions: [Float]
    public private(set) var labels: [Float]
    public private(set) var weights: [Float]?
    public private(set) var groups: [UInt64]?

    /// - Throws: `EvaluationError` when the lengths differ, or a weight is negative, NaN or infinite.
    public init(
        predictions: [Float], labels: [Float], weights: [Float]? = nil, groups: [UInt64]? = nil
    ) throws(EvaluationError) {
        for (name, count) in [
            ("labels", labels.count), ("weights", weights?.count), ("groups", groups?.count),
        ] {
            guard let count, count != predictions.count else { continue }
            throw EvaluationError(
                operation: "ScoredSamples", expected: "\(predictions.count) \(name), one a prediction",
                got: "\(count)")
        }
        if let bad = weights?.firstIndex(where: { !($0.isFinite && $0 >= 0) }) {
            throw EvaluationError(
                operation: "ScoredSamples", expected: "finite weights of at least 0",
                got: "\(weights![bad]) at sample \(bad)")
        }
        self.predictions = predictions
        self.labels = labels
        self.weights = weights
        self.groups = groups
    }

    /// No samples yet; the first `append` decides whether there are weights and groups.
    public init() {
        predictions = []
        labels = []
    }

    public var count: Int { predictions.count }
    public var isEmpty: Bool { predictions.isEmpty }

    /// The weight of one sample.
    public func weight(at index: Int) -> Float { weights?[index] ?? 1 }

    public mutating func reserveCapacity(_ count: Int) {
        predictions.reserveCapacity(count)
        labels.reserveCapacity(count)
        weights?.reserveCapacity(count)
        groups?.reserveCapacity(count)
    }

    /// Adds a batch behind these.
    ///
    /// - Throws: `EvaluationError` when only one of the two has weights, or only one has groups.
    public mutating func append(_ batch: ScoredSamples) throws(EvaluationError) {
        guard !batch.isEmpty else { return }
        guard !isEmpty else {
            self = batch
            return
        }
        guard (weights == nil) == (batch.weights == nil), (groups == nil) == (batch.groups == nil)
        else {
            throw EvaluationError(
                operation: "ScoredSamples.append", expected: "weights and groups in all batches or in none",
                got: "a batch that differs from those before it")
        }
        predictions += batch.predictions
        labels += batch.labels
        if let more = batch.weights { weights! += more }
        if let more = batch.groups { groups! += more }
    }

    /// The same samples scored by another model.
    ///
    /// - Throws: `EvaluationError` when the number of predictions differs.
    public func rescored(_ predictions: [Float]) throws(EvaluationError) -> ScoredSamples {
        try ScoredSamples(predictions: predictions, labels: labels, weights: weights, groups: groups)
    }

    /// These samples less those of weight 0, which count as absent.
    func withoutZeroWeights() -> ScoredSamples {
        guard let weights, weights.contains(0) else { return self }
        let kept = weights.indices.filter { weights[$0] > 0 }
        var result = self
        result.predictions = kept.map { predictions[$0] }
        result.labels = kept.map { labels[$0] }
        result.weights = kept.map { weights[$0] }
        result.groups = groups.map { groups in kept.map { groups[$0] } }
        return result
    }
}
