import Foundation

/// A cheap running **estimate** of AUC for the progress bar; `AUC` is the exact one for results.
///
/// Counts positives and negatives in 2^14 bins of equal width over logits -16...16 (0.002 wide; scores beyond
/// fall in the end bins), and scores a pair within a bin as a tie. The error is at most half the chance that
/// a positive and a negative share a bin. With a half-life, older samples count less: a window that slides.
///
/// Adding is O(1) a sample and reading O(bins); 256 KiB whatever the number of samples. Samples that no metric
/// could use (not finite, label other than 0 or 1) are skipped and counted in `skipped`: a progress bar should
/// go on showing what it can.
public struct StreamingAUCEstimate: Sendable {
    public static let binCount = 1 << 14
    private static let logitLimit: Float = 16

    private var positives = [Double](repeating: 0, count: binCount)
    private var negatives = [Double](repeating: 0, count: binCount)
    /// What one sample counts now. Grows as time passes, instead of shrinking all bins.
    private var increment = 1.0
    private let growth: Double

    /// Samples so far that were of use.
    public private(set) var samples = 0
    /// Samples so far that were not.
    public private(set) var skipped = 0

    /// - Parameter halfLifeSamples: after so many samples an old one counts half; nil keeps all alike.
    /// - Precondition: `halfLifeSamples` is positive.
    public init(halfLifeSamples: Double? = nil) {
        precondition(
            halfLifeSamples.map { $0 > 0 } ?? true,
            "StreamingAUCEstimate: half-life of \(halfLifeSamples ?? 0)")
        growth = halfLifeSamples.map { exp2(1 / $0) } ?? 1
    }

    /// Adds one sample by its logit.
    public mutating func add(logit: Float, label: Float) {
        guard !logit.isNaN, label == 0 || label == 1 else {
            skipped += 1
            return
        }
        let limit = Self.logitLimit
        let position = (min(max(logit, -limit), limit) + limit) / (2 * limit) * Float(Self.binCount)
        let bin = min(Int(position), Self.binCount - 1)
        if label == 1 { positives[bin] += increment } else { negatives[bin] += increment }
        samples += 1
        increment *= growth
        if increment > 0x1p200 { rescale() }
    }

    /// Adds a batch of logits.
    ///
    /// - Precondition: as many labels as logits.
    public mutating func add(logits: [Float], labels: [Float]) {
        precondition(
            logits.count == labels.count,
            "StreamingAUCEstimate: \(logits.count) logits, \(labels.count) labels")
        for i in logits.indices { add(logit: logits[i], label: labels[i]) }
    }

    /// Adds a batch of probabilities.
    ///
    /// - Precondition: as many labels as probabilities.
    public mutating func add(probabilities: [Float], labels: [Float]) {
        precondition(
            probabilities.count == labels.count,
            "StreamingAUCEstimate: \(probabilities.count) probabilities, \(labels.count) labels")
        for i in probabilities.indices {
            add(logit: log(probabilities[i] / (1 - probabilities[i])), label: labels[i])
        }
    }

    /// Takes in another worker's counts; the latest samples of both weigh the same.
    public mutating func merge(_ other: StreamingAUCEstimate) {
        var other = other
        rescale()
        other.rescale()
        for bin in 0..<Self.binCount {
            positives[bin] += other.positives[bin]
            negatives[bin] += other.negatives[bin]
        }
        samples += other.samples
        skipped += other.skipped
    }

    /// The estimate; nil until both classes were seen.
    public var value: Double? {
        var (positivesSoFar, negativesSoFar, concordant) = (0.0, 0.0, 0.0)
        for bin in 0..<Self.binCount {
            concordant += positives[bin] * (negativesSoFar + negatives[bin] / 2)
            negativesSoFar += negatives[bin]
            positivesSoFar += positives[bin]
        }
        guard positivesSoFar > 0, negativesSoFar > 0 else { return nil }
        return min(concordant / positivesSoFar / negativesSoFar, 1)
    }

    /// Makes the newest sample weigh 1 again, so that the counts never overflow.
    private mutating func rescale() {
        guard increment != 1 else { return }
        for bin in 0..<Self.binCount {
            positives[bin] /= increment
            negatives[bin] /= increment
        }
        increment = 1
    }
}
