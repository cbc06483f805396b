/// A number that judges predictions, held as a state that batches are added to and that workers merge.
///
/// For every conformer, `merge(a, b)` equals the state of all samples together, whatever their order, to
/// the last bit: sums are exact (`ExactSum`) and rank metrics sort the whole sample, not only its score.
///
///     var auc = AUC()
///     auc.add(try ScoredSamples(predictions: [0.1, 0.4, 0.35, 0.8], labels: [0, 0, 1, 1]))
///     try auc.value  // 0.75
///
/// A sample of weight 0 counts as absent.
public protocol Metric: Sendable {
    /// Which number this is.
    static var kind: MetricKind { get }

    /// Takes in one batch. Never fails: samples outside the metric's domain are counted and named by `value`.
    mutating func add(_ samples: ScoredSamples)

    /// Takes in all that another state has seen.
    mutating func merge(_ other: Self)

    /// The metric over all that was added.
    ///
    /// - Throws: `UndefinedMetric` when the samples do not determine it: none, one class, a prediction that
    ///   is NaN or infinite, or one outside the metric's domain. Never NaN.
    var value: Double { get throws(UndefinedMetric) }
}

/// The metrics by name; raw values are the keys of JSON reports.
public enum MetricKind: String, Codable, CodingKeyRepresentable, CaseIterable, Sendable, Comparable {
    case auc
    case gauc
    case logLoss = "log_loss"
    case normalisedEntropy = "normalised_entropy"
    case pcoc
    case ece
    case rmse

    /// What a table's header says.
    public var title: String {
        switch self {
        case .auc: "AUC"
        case .gauc: "GAUC"
        case .logLoss: "log-loss"
        case .normalisedEntropy: "NE"
        case .pcoc: "PCOC"
        case .ece: "ECE"
        case .rmse: "RMSE"
        }
    }

    /// What better looks like; PCOC is best at 1.
    public var best: Optimum {
        switch self {
        case .auc, .gauc: .largest
        case .logLoss, .normalisedEntropy, .ece, .rmse: .smallest
        case .pcoc: .one
        }
    }

    public enum Optimum: Sendable { case largest, smallest, one }

    /// The order of declaration, which is the order of report columns.
    public static func < (lhs: MetricKind, rhs: MetricKind) -> Bool { lhs.index < rhs.index }

    var index: Int { Self.allCases.firstIndex(of: self)! }
}

/// Why a metric has no value for these samples.
public enum UndefinedMetric: Error, Equatable, Sendable, CustomStringConvertible {
    /// No sample of positive weight.
    case noSamples
    /// Only positives, or only negatives.
    case oneClass
    /// No positive label to compare the predictions' sum with.
    case noPositives
    /// No group holds both classes.
    case noMixedGroup
    /// The samples carry no group keys.
    case noGroupKeys
    /// So many predictions are NaN or infinite.
    case nonFinitePredictions(count: Int)
    /// So many predictions lie outside the metric's domain (`[0, 1]` for a probability).
    case predictionsOutsideDomain(count: Int)
    /// So many labels lie outside the metric's domain (0 or 1 for rank metrics).
    case labelsOutsideDomain(count: Int)

    public var description: String {
        switch self {
        case .noSamples: "no samples of positive weight"
        case .oneClass: "all labels are of one class"
        case .noPositives: "no positive label"
        case .noMixedGroup: "no group holds both a positive and a negative"
        case .noGroupKeys: "the samples carry no group keys"
        case .nonFinitePredictions(let count): "\(count) predictions are NaN or infinite"
        case .predictionsOutsideDomain(let count): "\(count) predictions are outside [0, 1]"
        case .labelsOutsideDomain(let count): "\(count) labels are outside the metric's domain"
        }
    }
}

/// Counts the samples a metric could not use; a single one makes its value undefined.
struct DomainFaults: Sendable, Equatable {
    var nonFinitePredictions = 0
    var predictionsOutsideDomain = 0
    var labelsOutsideDomain = 0

    mutating func merge(_ other: DomainFaults) {
        nonFinitePredictions += other.nonFinitePredictions
        predictionsOutsideDomain += other.predictionsOutsideDomain
        labelsOutsideDomain += other.labelsOutsideDomain
    }

    /// Whether the sample is in the domain; if not, counts it.
    mutating func admit(prediction: Float, label: Float, domain: Domain) -> Bool {
        guard prediction.isFinite else {
            nonFinitePredictions += 1
            return false
        }
        if domain.predictionIsProbability, !(prediction >= 0 && prediction <= 1) {
            predictionsOutsideDomain += 1
            return false
        }
        guard domain.accepts(label: label) else {
            labelsOutsideDomain += 1
            return false
        }
        return true
    }

    func check() throws(UndefinedMetric) {
        if nonFinitePredictions > 0 { throw .nonFinitePredictions(count: nonFinitePredictions) }
        if predictionsOutsideDomain > 0 {
            throw .predictionsOutsideDomain(count: predictionsOutsideDomain)
        }
        if labelsOutsideDomain > 0 { throw .labelsOutsideDomain(count: labelsOutsideDomain) }
    }
}

/// What a metric can be asked about.
enum Domain {
    /// Any finite score; label 0 or 1.
    case ranking
    /// Prediction and label in `[0, 1]` (soft labels are fine).
    case probability
    /// Any finite numbers.
    case real

    var predictionIsProbability: Bool { self == .probability }

    func accepts(label: Float) -> Bool {
        switch self {
        case .ranking: label == 0 || label == 1
        case .probability: label >= 0 && label <= 1
        case .real: label.isFinite
        }
    }
}
