import Foundation

/// Mean binary cross-entropy in nats, against hard or soft labels in `[0, 1]`.
///
/// Probabilities are clamped to `[2^-52, 1 - 2^-52]`, as scikit-learn's `log_loss` does for float64, so a
/// certain mistake costs 36.04 nats and not infinity. Terms are `Double`, their sum is exact.
public struct LogLoss: Metric {
    public static let kind = MetricKind.logLoss

    private var loss = ExactSum()
    private var weight = ExactSum()
    private var faults = DomainFaults()

    public init() {}

    public mutating func add(_ batch: ScoredSamples) {
        for i in 0..<batch.count {
            let (prediction, label, weight) = (batch.predictions[i], batch.labels[i], batch.weight(at: i))
            guard weight > 0, faults.admit(prediction: prediction, label: label, domain: .probability)
            else { continue }
            loss.add(Double(weight) * Self.loss(probability: prediction, label: label))
            self.weight.add(Double(weight))
        }
    }

    public mutating func merge(_ other: LogLoss) {
        loss.merge(other.loss)
        weight.merge(other.weight)
        faults.merge(other.faults)
    }

    public var value: Double {
        get throws(UndefinedMetric) {
            try faults.check()
            let weight = weight.value
            guard weight > 0 else { throw .noSamples }
            return loss.value / weight
        }
    }

    /// The loss of one sample: `-y ln p - (1 - y) ln (1 - p)` with p clamped.
    static func loss(probability: Float, label: Float) -> Double {
        let p = min(max(Double(probability), .ulpOfOne), 1 - .ulpOfOne)
        let y = Double(label)
        if y == 1 { return -log(p) }
        if y == 0 { return -log1p(-p) }
        return -y * log(p) - (1 - y) * log1p(-p)
    }
}
