/// One number from several seeds: mean, spread, and a t-interval for the mean.
public struct SeedSpread: Codable, Sendable, Equatable {
    public let values: [Double]
    public let mean: Double
    /// Sample standard deviation (n - 1); nil for one value.
    public let standardDeviation: Double?

    /// Nil without values, or when one is NaN or infinite.
    public init?(_ values: [Double]) {
        guard !values.isEmpty, values.allSatisfy(\.isFinite) else { return nil }
        self.values = values
        let mean = values.reduce(0, +) / Double(values.count)
        self.mean = mean
        standardDeviation =
            values.count < 2
            ? nil
            : (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
    }

    /// The t-interval of the mean, n - 1 degrees of freedom; nil for one value.
    ///
    /// - Precondition: `0 < confidence < 1`.
    public func interval(confidence: Double = 0.95) -> ConfidenceInterval? {
        guard let standardError else { return nil }
        let t = StudentT(degreesOfFreedom: Double(values.count - 1)).quantile((1 + confidence) / 2)
        return ConfidenceInterval(
            lower: mean - t * standardError, upper: mean + t * standardError, confidence: confidence)
    }

    /// Standard error of the mean; nil for one value.
    public var standardError: Double? {
        standardDeviation.map { $0 / Double(values.count).squareRoot() }
    }
}

/// Two methods run with the same seeds, compared seed by seed (paired t-test).
public struct PairedSeeds: Codable, Sendable, Equatable {
    /// `candidate - baseline`, one a seed.
    public let differences: SeedSpread

    /// - Parameters: values of the same seeds in the same order.
    /// - Throws: `EvaluationError` when the counts differ or are 0, or a value is NaN or infinite.
    public init(candidate: [Double], baseline: [Double]) throws(EvaluationError) {
        guard candidate.count == baseline.count else {
            throw EvaluationError(
                operation: "PairedSeeds", expected: "\(baseline.count) values, as the baseline has",
                got: "\(candidate.count)")
        }
        guard let differences = SeedSpread(zip(candidate, baseline).map(-)) else {
            throw EvaluationError(
                operation: "PairedSeeds", expected: "at least one seed, finite values",
                got: "\(candidate), \(baseline)")
        }
        self.differences = differences
    }

    public func interval(confidence: Double = 0.95) -> ConfidenceInterval? {
        differences.interval(confidence: confidence)
    }

    /// The t statistic; nil for one seed, or when all differences are equal.
    public var t: Double? {
        guard let error = differences.standardError, error > 0 else { return nil }
        return differences.mean / error
    }

    /// Two-sided p-value of the paired t-test; nil when `t` is.
    public var pValue: Double? {
        t.map { StudentT(degreesOfFreedom: Double(differences.values.count - 1)).twoSidedTail($0) }
    }
}
