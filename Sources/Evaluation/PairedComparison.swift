/// Two models on the same samples: the difference of each metric, `candidate - baseline`, with its interval.
///
/// Each resample draws requests once and scores both models on it, so what both find hard cancels out; the
/// interval is far narrower than two separate ones. Identical predictions differ by exactly 0 in every resample.
///
///     let gain = try PairedComparison(of: student, against: baseline, on: samples)[.auc]
public struct PairedComparison: Codable, Sendable, Equatable {
    public let bootstrap: Bootstrap
    /// Samples of positive weight.
    public let samples: Int
    /// Units of resampling when samples carry group keys.
    public let groups: Int?
    public let differences: [MetricKind: Estimate]

    public subscript(kind: MetricKind) -> Estimate? { differences[kind] }

    /// - Parameters:
    ///   - candidate: the predictions to judge, one a sample.
    ///   - baseline: the predictions to compare with, one a sample.
    ///   - samples: labels, weights and groups; their own predictions are not used.
    /// - Throws: `EvaluationError` when the numbers of predictions differ.
    public init(
        of candidate: [Float], against baseline: [Float], on samples: ScoredSamples,
        labelKind: LabelKind = .binary,
        bootstrap: Bootstrap = Bootstrap()
    ) throws(EvaluationError) {
        let candidate = try samples.rescored(candidate).withoutZeroWeights()
        let baseline = try samples.rescored(baseline).withoutZeroWeights()
        let exactCandidate = ExactMetrics(of: candidate, kinds: labelKind.metrics)
        let exactBaseline = ExactMetrics(of: baseline, kinds: labelKind.metrics)
        let defined = exactCandidate.defined.intersection(exactBaseline.defined)

        let units = ResamplingUnits(candidate)
        let preparedCandidate = ResampledMetrics(candidate, units: units, kinds: defined)
        let preparedBaseline = ResampledMetrics(baseline, units: units, kinds: defined)
        var resampled = Array(repeating: [Double](), count: MetricKind.allCases.count)
        for r in 0..<bootstrap.resamples where !defined.isEmpty {
            let multiplicities = units.multiplicities(resample: r, seed: bootstrap.seed)
            let ours = preparedCandidate.values(multiplicities: multiplicities)
            let theirs = preparedBaseline.values(multiplicities: multiplicities)
            for kind in defined { resampled[kind.index].append(ours[kind.index] - theirs[kind.index]) }
        }

        var differences: [MetricKind: Estimate] = [:]
        for kind in labelKind.metrics {
            let values = resampled[kind.index]
            switch (exactCandidate.results[kind]!, exactBaseline.results[kind]!) {
            case (.success(let ours), .success(let theirs)):
                differences[kind] = Estimate(
                    value: ours - theirs, interval: bootstrap.interval(of: values),
                    resamplesUsed: values.count { !$0.isNaN })
            case (.failure(let reason), _):
                differences[kind] = Estimate(value: nil, undefined: "candidate: \(reason)")
            case (_, .failure(let reason)):
                differences[kind] = Estimate(value: nil, undefined: "baseline: \(reason)")
            }
        }
        self.bootstrap = bootstrap
        self.samples = candidate.count
        self.groups = samples.groups == nil ? nil : units.count
        self.differences = differences
    }

    /// Whether the interval says the candidate differs; PCOC is left out, since its best value lies inside.
    ///
    /// Nil when the interval holds 0 or there is none.
    public func verdict(on kind: MetricKind) -> Verdict? {
        guard let interval = differences[kind]?.interval, !interval.contains(0) else { return nil }
        switch kind.best {
        case .largest: return interval.lower > 0 ? .better : .worse
        case .smallest: return interval.upper < 0 ? .better : .worse
        case .one: return nil
        }
    }

    public enum Verdict: String, Codable, Sendable { case better, worse }
}
