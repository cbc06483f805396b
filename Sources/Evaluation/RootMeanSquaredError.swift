/// Root of the mean squared error, for continuous labels.
///
/// Squares are `Double` products of exact differences; their sum is exact.
public struct RootMeanSquaredError: Metric {
    public static let kind = MetricKind.rmse

    private var squares = ExactSum()
    private var weight = ExactSum()
    private var faults = DomainFaults()

    public init() {}

    public mutating func add(_ batch: ScoredSamples) {
        for i in 0..<batch.count {
            let (prediction, label, weight) = (batch.predictions[i], batch.labels[i], batch.weight(at: i))
            guard weight > 0, faults.admit(prediction: prediction, label: label, domain: .real) else {
                continue
            }
            let error = Double(prediction) - Double(label)
            squares.add(Double(weight) * error * error)
            self.weight.add(Double(weight))
        }
    }

    public mutating func merge(_ other: RootMeanSquaredError) {
        squares.merge(other.squares)
        weight.merge(other.weight)
        faults.merge(other.faults)
    }

    public var value: Double {
        get throws(UndefinedMetric) {
            try faults.check()
            let weight = weight.value
            guard weight > 0 else { throw .noSamples }
            return (squares.value / weight).squareRoot()
        }
    }
}
