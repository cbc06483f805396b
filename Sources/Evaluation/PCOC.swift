/// Predicted clicks over observed clicks: `sum p / sum y`. 1 is calibrated on the whole, above 1 is too sure.
///
/// Undefined when no label is positive. Sums of `Float` products are exact in `Double`, and their sum is exact.
public struct PCOC: Metric {
    public static let kind = MetricKind.pcoc

    private var predictions = ExactSum()
    private var labels = ExactSum()
    private var samples = 0
    private var faults = DomainFaults()

    public init() {}

    public mutating func add(_ batch: ScoredSamples) {
        for i in 0..<batch.count {
            let (prediction, label, weight) = (batch.predictions[i], batch.labels[i], batch.weight(at: i))
            guard weight > 0, faults.admit(prediction: prediction, label: label, domain: .probability)
            else { continue }
            predictions.add(Double(weight) * Double(prediction))
            labels.add(Double(weight) * Double(label))
            samples += 1
        }
    }

    public mutating func merge(_ other: PCOC) {
        predictions.merge(other.predictions)
        labels.merge(other.labels)
        samples += other.samples
        faults.merge(other.faults)
    }

    public var value: Double {
        get throws(UndefinedMetric) {
            try faults.check()
            guard samples > 0 else { throw .noSamples }
            let labels = labels.value
            guard labels > 0 else { throw .noPositives }
            return predictions.value / labels
        }
    }
}
