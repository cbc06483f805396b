/// One model's metrics on one split, exact and in every bootstrap resample.
///
/// Two of these with equal `bootstrap` on the same samples are comparable resample by resample: both drew the same
/// requests. That is what `SeededComparison` rests on.
public struct ResampledScores: Codable, Sendable, Equatable {
    public let bootstrap: Bootstrap
    /// Samples of positive weight.
    public let samples: Int
    /// What was drawn: distinct groups, or samples where they carry no groups.
    public let units: Int
    /// The metrics that are defined on the whole split.
    public let values: [MetricKind: Double]
    /// `[bootstrap.resamples]` each; NaN where a resample leaves the metric undefined.
    public let resampled: [MetricKind: [Double]]

    /// O(resamples x samples), one sort.
    public init(of samples: ScoredSamples, labelKind: LabelKind = .binary, bootstrap: Bootstrap = Bootstrap()) {
        let samples = samples.withoutZeroWeights()
        let exact = ExactMetrics(of: samples, kinds: labelKind.metrics)
        let units = ResamplingUnits(samples)
        let prepared = ResampledMetrics(samples, units: units, kinds: exact.defined)
        var resampled = Dictionary(uniqueKeysWithValues: exact.defined.map { ($0, [Double]()) })
        for r in 0..<bootstrap.resamples where !exact.defined.isEmpty {
            let values = prepared.values(multiplicities: units.multiplicities(resample: r, seed: bootstrap.seed))
            for kind in exact.defined { resampled[kind]!.append(values[kind.index]) }
        }
        self.bootstrap = bootstrap
        self.samples = samples.count
        self.units = units.count
        values = exact.results.compactMapValues { try? $0.get() }
        self.resampled = resampled
    }

    /// As stored by whoever kept them.
    public init(
        bootstrap: Bootstrap, samples: Int, units: Int, values: [MetricKind: Double], resampled: [MetricKind: [Double]]
    ) {
        self.bootstrap = bootstrap
        self.samples = samples
        self.units = units
        self.values = values
        self.resampled = resampled
    }
}
