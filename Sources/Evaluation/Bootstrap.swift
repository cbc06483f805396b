/// How to judge sampling error: resample the evaluated split with replacement, many times.
///
/// The unit of resampling is the **group** (request) when the samples carry group keys, since samples of one
/// request are not independent; else the sample. Intervals are percentiles of the resampled metric with
/// linear interpolation (Efron and Tibshirani 1993, section 13.3). The same seed, groups and number of samples
/// give the same resamples, so reports of several models on one split are comparable resample by resample.
public struct Bootstrap: Codable, Sendable, Equatable {
    /// Number of resamples; 0 means no intervals.
    public var resamples: Int
    /// Coverage of the interval, such as 0.95.
    public var confidence: Double
    public var seed: UInt64

    /// - Precondition: `resamples >= 0` and `0 < confidence < 1`.
    public init(resamples: Int = 200, confidence: Double = 0.95, seed: UInt64 = 0) {
        precondition(resamples >= 0, "Bootstrap: \(resamples) resamples")
        precondition(confidence > 0 && confidence < 1, "Bootstrap: confidence \(confidence)")
        self.resamples = resamples
        self.confidence = confidence
        self.seed = seed
    }

    /// No intervals.
    public static let none = Bootstrap(resamples: 0)

    /// The percentile interval of the defined (not NaN) values; nil when none is defined.
    func interval(of values: [Double]) -> ConfidenceInterval? {
        let sorted = values.filter { !$0.isNaN }.sorted()
        guard !sorted.isEmpty else { return nil }
        let tail = (1 - confidence) / 2
        return ConfidenceInterval(
            lower: quantile(tail, ofSorted: sorted), upper: quantile(1 - tail, ofSorted: sorted),
            confidence: confidence)
    }
}

/// A range that covers the true value with the given confidence.
public struct ConfidenceInterval: Codable, Sendable, Equatable {
    public let lower: Double
    public let upper: Double
    /// Such as 0.95.
    public let confidence: Double

    public init(lower: Double, upper: Double, confidence: Double) {
        self.lower = lower
        self.upper = upper
        self.confidence = confidence
    }

    /// Ends included.
    public func contains(_ value: Double) -> Bool { lower <= value && value <= upper }
}

/// Linear interpolation between order statistics (Hyndman and Fan's type 7, numpy's default).
func quantile(_ probability: Double, ofSorted values: [Double]) -> Double {
    let position = probability * Double(values.count - 1)
    let below = min(max(Int(position), 0), values.count - 1)
    let above = min(below + 1, values.count - 1)
    let fraction = position - Double(below)
    // Equal neighbours (and infinite ones) need no interpolation.
    return values[below] == values[above]
        ? values[below] : values[below] + fraction * (values[above] - values[below])
}

/// The units that are drawn with replacement, and which of them each sample belongs to.
struct ResamplingUnits: Sendable {
    let count: Int
    /// Unit of each sample.
    let unitOfSample: [Int32]

    /// One unit a group by ascending key, or one a sample without groups.
    init(_ samples: ScoredSamples) {
        precondition(samples.count <= Int(Int32.max), "Bootstrap: more than 2^31 samples")
        guard var keys = samples.groups else {
            count = samples.count
            unitOfSample = (0..<Int32(samples.count)).map { $0 }
            return
        }
        var order = (0..<UInt64(keys.count)).map { $0 }
        radixSort(&keys, carrying: &order)
        var units = [Int32](repeating: 0, count: keys.count)
        var unit: Int32 = -1
        for i in keys.indices {
            if i == 0 || keys[i] != keys[i - 1] { unit += 1 }
            units[Int(order[i])] = unit
        }
        count = Int(unit) + 1
        unitOfSample = units
    }

    /// How often each unit is drawn in one resample.
    ///
    /// Each resample has its own random stream, so that it does not depend on those before it.
    func multiplicities(resample: Int, seed: UInt64) -> [Int32] {
        var generator = SplitMix64(seed: seed, stream: UInt64(resample))
        var draws = [Int32](repeating: 0, count: count)
        for _ in 0..<count {
            draws[Int(generator.next().multipliedFullWidth(by: UInt64(count)).high)] += 1
        }
        return draws
    }
}

/// Steele, Lea and Flood's SplitMix64: small, fast, and the same on every platform.
struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64, stream: UInt64 = 0) {
        var mixer = SplitMix64(state: seed)
        let mixedSeed = mixer.next()
        mixer = SplitMix64(state: mixedSeed ^ (stream &+ 1) &* 0xd1b5_4a32_d192_ed03)
        state = mixer.next()
    }

    private init(state: UInt64) { self.state = state }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
