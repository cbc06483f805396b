/// Area under the ROC curve: the chance that a positive outscores a negative, a tie counting one half.
///
/// Exact: every sample is kept (8 bytes each) and sorted when `value` is read, O(n) by radix; 10^7 samples
/// take about a second. Weighted as in scikit-learn: a pair weighs the product of its samples' weights.
/// Numerics: `Double` counts, so unweighted AUC is the exact fraction, rounded once, below 1.3 x 10^8
/// samples. Undefined for one class, no samples, a label other than 0 or 1, a prediction not finite.
public struct AUC: Metric {
    public static let kind = MetricKind.auc

    private var samples: [UInt64] = []
    private var faults = DomainFaults()

    public init() {}

    public mutating func add(_ batch: ScoredSamples) {
        for i in 0..<batch.count {
            let weight = batch.weight(at: i)
            guard weight > 0,
                faults.admit(prediction: batch.predictions[i], label: batch.labels[i], domain: .ranking)
            else { continue }
            samples.append(
                RankedSample.pack(score: batch.predictions[i], label: batch.labels[i], weight: weight))
        }
    }

    public mutating func merge(_ other: AUC) {
        samples += other.samples
        faults.merge(other.faults)
    }

    public var value: Double {
        get throws(UndefinedMetric) {
            try faults.check()
            guard !samples.isEmpty else { throw .noSamples }
            var sorted = samples
            radixSort(&sorted)
            guard let auc = RankedSample.auc(sorted: sorted, in: 0..<sorted.count).auc else {
                throw .oneClass
            }
            return auc
        }
    }
}

/// A sample in one word whose order is score, then label, then weight: sorting words puts equal multisets of
/// samples into the same sequence, and equal sequences give equal sums, bit for bit.
enum RankedSample {
    /// Bits 63...32 the ordered score, bit 31 the label, bits 30...0 the weight (positive, so its sign is free).
    static func pack(score: Float, label: Float, weight: Float) -> UInt64 {
        UInt64(orderedBits(score)) << 32 | (label == 1 ? 1 << 31 : 0) | UInt64(weight.bitPattern)
    }

    /// AUC and total weight of a sorted run of packed samples; nil if it holds one class only.
    static func auc(sorted: [UInt64], in range: Range<Int>) -> (auc: Double?, weight: Double) {
        var positives = 0.0
        var negatives = 0.0
        var concordant = 0.0
        var i = range.lowerBound
        while i < range.upperBound {
            let score = sorted[i] >> 32
            var tiedPositives = 0.0
            var tiedNegatives = 0.0
            repeat {
                let weight = Double(Float(bitPattern: UInt32(truncatingIfNeeded: sorted[i] & 0x7fff_ffff)))
                if sorted[i] & 1 << 31 != 0 { tiedPositives += weight } else { tiedNegatives += weight }
                i += 1
            } while i < range.upperBound && sorted[i] >> 32 == score
            concordant += tiedPositives * (negatives + tiedNegatives / 2)
            positives += tiedPositives
            negatives += tiedNegatives
        }
        let weight = positives + negatives
        guard positives > 0, negatives > 0 else { return (nil, weight) }
        // Never above 1 by rounding of weighted sums; concordance is at most the product of the two weights.
        return (min(concordant / (positives * negatives), 1), weight)
    }
}
