/// Expected calibration error: |mean prediction - mean label| in bins of equal width, averaged by weight.
///
/// Bin `b` of `n` holds `b / n <= p < (b + 1) / n`, the last one p = 1 too (Naeini et al., AAAI 2015; Guo et
/// al., ICML 2017, use 15 bins). `bins` are the points of a reliability diagram.
public struct ExpectedCalibrationError: Metric {
    public static let kind = MetricKind.ece
    public static let defaultBinCount = 15

    public let binCount: Int
    private var tallies: [Tally]
    private var faults = DomainFaults()

    private struct Tally: Sendable {
        var samples = 0
        var weight = ExactSum()
        var predictions = ExactSum()
        var labels = ExactSum()
    }

    public init() { self.init(binCount: Self.defaultBinCount) }

    /// - Precondition: `binCount` is at least 1.
    public init(binCount: Int) {
        precondition(binCount > 0, "ExpectedCalibrationError: \(binCount) bins")
        self.binCount = binCount
        tallies = Array(repeating: Tally(), count: binCount)
    }

    public mutating func add(_ batch: ScoredSamples) {
        for i in 0..<batch.count {
            let (prediction, label, weight) = (batch.predictions[i], batch.labels[i], batch.weight(at: i))
            guard weight > 0, faults.admit(prediction: prediction, label: label, domain: .probability)
            else { continue }
            let bin = Self.bin(of: prediction, binCount: binCount)
            tallies[bin].samples += 1
            tallies[bin].weight.add(Double(weight))
            tallies[bin].predictions.add(Double(weight) * Double(prediction))
            tallies[bin].labels.add(Double(weight) * Double(label))
        }
    }

    /// - Precondition: both have the same number of bins.
    public mutating func merge(_ other: ExpectedCalibrationError) {
        precondition(
            binCount == other.binCount,
            "ExpectedCalibrationError.merge: \(binCount) and \(other.binCount) bins")
        for b in 0..<binCount {
            tallies[b].samples += other.tallies[b].samples
            tallies[b].weight.merge(other.tallies[b].weight)
            tallies[b].predictions.merge(other.tallies[b].predictions)
            tallies[b].labels.merge(other.tallies[b].labels)
        }
        faults.merge(other.faults)
    }

    public var value: Double {
        get throws(UndefinedMetric) {
            try faults.check()
            var (gap, weight) = (0.0, 0.0)
            for tally in tallies {
                gap += abs(tally.predictions.value - tally.labels.value)
                weight += tally.weight.value
            }
            guard weight > 0 else { throw .noSamples }
            return gap / weight
        }
    }

    /// The reliability diagram, all bins in order, empty ones included.
    public var bins: [ReliabilityBin] {
        tallies.enumerated().map { b, tally in
            let weight = tally.weight.value
            return ReliabilityBin(
                lower: Double(b) / Double(binCount), upper: Double(b + 1) / Double(binCount),
                samples: tally.samples, weight: weight,
                meanPrediction: weight > 0 ? tally.predictions.value / weight : nil,
                meanLabel: weight > 0 ? tally.labels.value / weight : nil)
        }
    }

    static func bin(of probability: Float, binCount: Int) -> Int {
        min(Int(Double(probability) * Double(binCount)), binCount - 1)
    }
}

/// One point of a reliability diagram.
public struct ReliabilityBin: Codable, Sendable, Equatable {
    public let lower: Double
    public let upper: Double
    public let samples: Int
    public let weight: Double
    /// Weighted mean of the bin's predictions; nil in an empty bin.
    public let meanPrediction: Double?
    /// Weighted mean of the bin's labels; nil in an empty bin.
    public let meanLabel: Double?

    public init(
        lower: Double, upper: Double, samples: Int, weight: Double, meanPrediction: Double?, meanLabel: Double?
    ) {
        self.lower = lower
        self.upper = upper
        self.samples = samples
        self.weight = weight
        self.meanPrediction = meanPrediction
        self.meanLabel = meanLabel
    }

    enum CodingKeys: String, CodingKey {
        case lower, upper, samples, weight
        case meanPrediction = "mean_prediction"
        case meanLabel = "mean_label"
    }
}
