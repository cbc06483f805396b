/// Two methods, each trained with the same seeds and scored on the same test requests: the mean difference
/// `candidate - baseline` of a metric with an interval for *both* sources of chance.
///
/// With d(s, r) the difference of seed s in bootstrap resample r, the two variances are
///
///     requests: V_r = variance over r of mean over s of d(s, r)       other requests, the same trained models
///     seeds:    V_s = variance over s of d(s, all requests) / seeds   other seeds, the same requests
///
/// and the interval is mean ± sqrt(z^2 V_r + t^2 V_s), z the quantile of the normal distribution (V_r counts as known)
/// and t that of Student's distribution with seeds - 1 degrees of freedom. Its coverage is never below the confidence,
/// however few seeds there are (Banerjee, Calcutta Stat. Assoc. Bull. 10, 1960); a pooled variance with Satterthwaite's
/// degrees of freedom calls differences by chance when two or three seeds happen to agree. With one seed V_s is unknown:
/// `interval` then is of requests alone and `coversSeeds` is false.
public struct SeededComparison: Codable, Sendable, Equatable {
    public let metric: MetricKind
    public let seeds: Int
    /// Units of resampling.
    public let units: Int
    public let candidate: Double
    public let baseline: Double
    /// Mean over seeds of `candidate - baseline`.
    public let difference: Double
    /// One a seed.
    public let differences: [Double]
    /// Standard error from the choice of test requests; nil without a bootstrap.
    public let requestError: Double?
    /// Standard error from the choice of seeds; nil for one seed.
    public let seedError: Double?
    public let interval: ConfidenceInterval?
    /// Whether the interval covers other seeds too.
    public let coversSeeds: Bool

    /// - Parameters: one `ResampledScores` a seed, in the same order.
    /// - Throws: `EvaluationError` when the two do not belong together, or the metric is undefined for one of them.
    public init(
        of candidate: [ResampledScores], against baseline: [ResampledScores], metric: MetricKind = .auc
    ) throws(EvaluationError) {
        func refuse(_ expected: String, _ got: String) -> EvaluationError {
            EvaluationError(operation: "SeededComparison", expected: expected, got: got)
        }
        guard let first = candidate.first, candidate.count == baseline.count else {
            throw refuse("the same seeds on both sides, at least one", "\(candidate.count) and \(baseline.count)")
        }
        let all = candidate + baseline
        guard all.allSatisfy({ $0.bootstrap == first.bootstrap && $0.units == first.units && $0.samples == first.samples })
        else { throw refuse("scores of the same samples, resampled alike", "others") }
        let values = all.compactMap { $0.values[metric] }
        guard values.count == all.count else { throw refuse("\(metric.title) on both sides", "it is undefined") }

        let seeds = candidate.count
        let differences = (0..<seeds).map { values[$0] - values[seeds + $0] }
        self.metric = metric
        self.seeds = seeds
        self.units = first.units
        self.candidate = values[..<seeds].reduce(0, +) / Double(seeds)
        self.baseline = values[seeds...].reduce(0, +) / Double(seeds)
        self.differences = differences
        let spread = SeedSpread(differences)!
        difference = spread.mean
        seedError = spread.standardError

        let means = (0..<first.bootstrap.resamples).map { r in
            (0..<seeds).reduce(0.0) { sum, s in
                sum + (candidate[s].resampled[metric]![r] - baseline[s].resampled[metric]![r]) / Double(seeds)
            }
        }.filter { !$0.isNaN }
        requestError = SeedSpread(means)?.standardDeviation
        coversSeeds = seedError != nil && requestError != nil
        guard let requestError else {
            interval = spread.interval(confidence: first.bootstrap.confidence)
            return
        }
        interval = Self.interval(
            difference, requestVariance: requestError * requestError, seedVariance: seedError.map { $0 * $0 },
            seeds: seeds, confidence: first.bootstrap.confidence)
    }

    private static func interval(
        _ mean: Double, requestVariance: Double, seedVariance: Double?, seeds: Int, confidence: Double
    ) -> ConfidenceInterval {
        // Beyond 10^6 degrees of freedom t is the normal distribution to more digits than anybody prints.
        let z = StudentT(degreesOfFreedom: 1e6).quantile((1 + confidence) / 2)
        var square = z * z * requestVariance
        if let seedVariance {
            let t = StudentT(degreesOfFreedom: Double(seeds - 1)).quantile((1 + confidence) / 2)
            square += t * t * seedVariance
        }
        let half = square.squareRoot()
        return ConfidenceInterval(lower: mean - half, upper: mean + half, confidence: confidence)
    }

    /// Whether the interval says that the candidate differs. Nil when it holds 0, when there is none, when it covers
    /// only this one seed, or for PCOC, whose best value lies inside.
    public var verdict: PairedComparison.Verdict? {
        guard coversSeeds, let interval, !interval.contains(0) else { return nil }
        switch metric.best {
        case .largest: return interval.lower > 0 ? .better : .worse
        case .smallest: return interval.upper < 0 ? .better : .worse
        case .one: return nil
        }
    }
}
