/// What a model is asked to predict, which decides the metrics that make sense.
public enum LabelKind: String, Codable, Sendable {
    case binary, continuous

    var metrics: [MetricKind] {
        switch self {
        case .binary: [.auc, .gauc, .logLoss, .normalisedEntropy, .pcoc, .ece]
        case .continuous: [.rmse]
        }
    }
}

/// A metric's value with its interval, or why it has none.
public struct Estimate: Codable, Sendable, Equatable {
    /// Nil when undefined.
    public let value: Double?
    /// Nil when undefined, without a bootstrap, or when no resample defines the metric.
    public let interval: ConfidenceInterval?
    /// Resamples that define the metric; those that do not (such as one class) are left out of the interval.
    public let resamplesUsed: Int
    /// Why `value` is nil.
    public let undefined: String?

    public init(
        value: Double?, interval: ConfidenceInterval? = nil, resamplesUsed: Int = 0,
        undefined: String? = nil
    ) {
        self.value = value
        self.interval = interval
        self.resamplesUsed = resamplesUsed
        self.undefined = undefined
    }

    enum CodingKeys: String, CodingKey {
        case value, interval, undefined
        case resamplesUsed = "resamples_used"
    }
}

/// All metrics of one scored split, with bootstrap intervals.
///
/// Values are the exact metrics; intervals come from `Bootstrap`. 200 resamples of 500,000 samples take a few
/// seconds on one core. A metric that the samples leave undefined says why and does not fail the report.
///
///     let report = EvaluationReport(of: samples, bootstrap: Bootstrap(resamples: 200, seed: 1))
///     report[.auc]?.value
public struct EvaluationReport: Codable, Sendable, Equatable {
    /// What was scored, such as `test, student`.
    public let name: String
    public let labelKind: LabelKind
    /// Samples of positive weight.
    public let samples: Int
    /// Sum of weights.
    public let weight: Double
    /// Weighted mean label; nil without samples, or with a label that is NaN or infinite.
    public let meanLabel: Double?
    /// Weighted mean prediction; nil without samples, or with a prediction that is NaN or infinite.
    public let meanPrediction: Double?
    /// Distinct group keys; nil when samples carry none. These are the units of the bootstrap.
    public let groups: Int?
    /// Groups with both classes, and those GAUC had to skip; nil when GAUC is undefined.
    public let gaucCountedGroups: Int?
    public let gaucSkippedGroups: Int?
    public let bootstrap: Bootstrap
    public let estimates: [MetricKind: Estimate]
    /// The reliability diagram; empty for continuous labels.
    public let reliability: [ReliabilityBin]

    public subscript(kind: MetricKind) -> Estimate? { estimates[kind] }

    public init(
        of samples: ScoredSamples, named name: String = "", labelKind: LabelKind = .binary,
        bootstrap: Bootstrap = Bootstrap()
    ) {
        let samples = samples.withoutZeroWeights()
        self.name = name
        self.labelKind = labelKind
        self.bootstrap = bootstrap
        self.samples = samples.count
        let weight = (0..<samples.count).reduce(into: ExactSum()) {
            $0.add(Double(samples.weight(at: $1)))
        }.value
        self.weight = weight
        meanLabel = weightedMean(samples.labels, samples, totalWeight: weight)
        meanPrediction = weightedMean(samples.predictions, samples, totalWeight: weight)

        let exact = ExactMetrics(of: samples, kinds: labelKind.metrics)
        gaucCountedGroups = exact.gauc?.countedGroups
        gaucSkippedGroups = exact.gauc?.skippedGroups
        reliability = exact.reliability

        let units = ResamplingUnits(samples)
        groups = samples.groups == nil ? nil : units.count
        let prepared = ResampledMetrics(samples, units: units, kinds: exact.defined)
        var resampled = Array(repeating: [Double](), count: MetricKind.allCases.count)
        for r in 0..<bootstrap.resamples where !exact.defined.isEmpty {
            let values = prepared.values(
                multiplicities: units.multiplicities(resample: r, seed: bootstrap.seed))
            for kind in exact.defined { resampled[kind.index].append(values[kind.index]) }
        }

        var estimates: [MetricKind: Estimate] = [:]
        for (kind, result) in exact.results {
            let values = resampled[kind.index]
            switch result {
            case .success(let value):
                estimates[kind] = Estimate(
                    value: value, interval: bootstrap.interval(of: values),
                    resamplesUsed: values.count { !$0.isNaN })
            case .failure(let reason):
                estimates[kind] = Estimate(value: nil, undefined: reason.description)
            }
        }
        self.estimates = estimates
    }

    enum CodingKeys: String, CodingKey {
        case name, samples, weight, groups, bootstrap, reliability
        case labelKind = "label_kind"
        case meanLabel = "mean_label"
        case meanPrediction = "mean_prediction"
        case gaucCountedGroups = "gauc_counted_groups"
        case gaucSkippedGroups = "gauc_skipped_groups"
        case estimates = "metrics"
    }
}

/// The exact metrics of one split, each with its value or the reason it has none.
struct ExactMetrics {
    private(set) var results: [MetricKind: Result<Double, UndefinedMetric>] = [:]
    private(set) var gauc: GAUC.Summary?
    private(set) var reliability: [ReliabilityBin] = []

    /// The metrics that have a value.
    var defined: Set<MetricKind> { Set(results.keys.filter { (try? results[$0]?.get()) != nil }) }

    init(of samples: ScoredSamples, kinds: [MetricKind]) {
        for kind in kinds {
            switch kind {
            case .auc: measure(AUC(), samples)
            case .logLoss: measure(LogLoss(), samples)
            case .normalisedEntropy: measure(NormalisedEntropy(), samples)
            case .pcoc: measure(PCOC(), samples)
            case .rmse: measure(RootMeanSquaredError(), samples)
            case .gauc:
                var metric = GAUC()
                metric.add(samples)
                let summary = Result { () throws(UndefinedMetric) in try metric.summary }
                gauc = try? summary.get()
                results[kind] = summary.map(\.value)
            case .ece:
                var metric = ExpectedCalibrationError()
                metric.add(samples)
                reliability = metric.bins
                results[kind] = Result { () throws(UndefinedMetric) in try metric.value }
            }
        }
    }

    private mutating func measure(_ empty: some Metric, _ samples: ScoredSamples) {
        var metric = empty
        metric.add(samples)
        results[type(of: metric).kind] = Result { () throws(UndefinedMetric) in try metric.value }
    }
}

private func weightedMean(_ values: [Float], _ samples: ScoredSamples, totalWeight: Double)
    -> Double?
{
    guard totalWeight > 0, values.allSatisfy(\.isFinite) else { return nil }
    var sum = ExactSum()
    for i in values.indices { sum.add(Double(samples.weight(at: i)) * Double(values[i])) }
    return sum.value / totalWeight
}
