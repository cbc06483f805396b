import Foundation

/// Log-loss divided by the log-loss of always predicting the base rate (He et al., ADKDD 2014).
///
/// Below 1 the model knows more than the base rate. Same clamp as `LogLoss`. Undefined where the base rate is
/// 0 or 1, since nothing is left to predict.
public struct NormalisedEntropy: Metric {
    public static let kind = MetricKind.normalisedEntropy

    private var logLoss = LogLoss()
    private var labels = ExactSum()
    private var weight = ExactSum()

    public init() {}

    public mutating func add(_ batch: ScoredSamples) {
        logLoss.add(batch)
        for i in 0..<batch.count {
            let (label, weight) = (Double(batch.labels[i]), Double(batch.weight(at: i)))
            guard weight > 0, label.isFinite else { continue }
            labels.add(weight * label)
            self.weight.add(weight)
        }
    }

    public mutating func merge(_ other: NormalisedEntropy) {
        logLoss.merge(other.logLoss)
        labels.merge(other.labels)
        weight.merge(other.weight)
    }

    public var value: Double {
        get throws(UndefinedMetric) {
            let loss = try logLoss.value
            guard let entropy = Self.entropy(baseRate: labels.value / weight.value) else {
                throw .oneClass
            }
            return loss / entropy
        }
    }

    /// Entropy of a base rate in nats; nil at 0 and 1.
    static func entropy(baseRate: Double) -> Double? {
        guard baseRate > 0, baseRate < 1 else { return nil }
        return -baseRate * log(baseRate) - (1 - baseRate) * log1p(-baseRate)
    }
}
