import Foundation
import Testing

@testable import Evaluation

@Suite("Bootstrap")
struct BootstrapTests {
    @Test("A resample's metrics are those of its samples written out", arguments: [true, false])
    func resampleIsTheMetricOfItsSamples(isGrouped: Bool) throws {
        let grouped = try simulatedClicks(groups: 30, perGroup: 8, seed: 5, isWeighted: true, decimals: 1)
        let samples =
            isGrouped
            ? grouped
            : try ScoredSamples(
                predictions: grouped.predictions, labels: grouped.labels, weights: grouped.weights)
        let units = ResamplingUnits(samples)
        #expect(units.count == (isGrouped ? 30 : 240))
        let kinds: Set<MetricKind> = Set(MetricKind.allCases).subtracting(isGrouped ? [] : [.gauc])
        let prepared = ResampledMetrics(samples, units: units, kinds: kinds)
        for resample in 0..<10 {
            let multiplicities = units.multiplicities(resample: resample, seed: 9)
            #expect(multiplicities.reduce(0, +) == Int32(units.count))
            var (indices, copies): ([Int], [UInt64]) = ([], [])
            for i in 0..<samples.count {
                for copy in 0..<multiplicities[Int(units.unitOfSample[i])] {
                    indices.append(i)
                    copies.append(UInt64(copy))
                }
            }
            let drawn = try samples.at(indices)
            // A request drawn twice is two requests.
            let written = try ScoredSamples(
                predictions: drawn.predictions, labels: drawn.labels, weights: drawn.weights,
                groups: drawn.groups.map { zip($0, copies).map { $0 &+ $1 } })
            let values = prepared.values(multiplicities: multiplicities)
            let exact = ExactMetrics(of: written, kinds: Array(kinds))
            for kind in kinds {
                #expect(
                    isClose(values[kind.index], try exact.results[kind]!.get()),
                    "\(kind.title), resample \(resample)")
            }
        }
    }

    @Test("The same seed gives the same report, another seed another interval")
    func seeded() throws {
        let samples = try simulatedClicks(groups: 50, perGroup: 5, seed: 6)
        let report = EvaluationReport(of: samples, bootstrap: Bootstrap(resamples: 50, seed: 1))
        #expect(EvaluationReport(of: samples, bootstrap: Bootstrap(resamples: 50, seed: 1)) == report)
        let other = EvaluationReport(of: samples, bootstrap: Bootstrap(resamples: 50, seed: 2))
        #expect(other[.auc]?.value == report[.auc]?.value)
        #expect(other[.auc]?.interval != report[.auc]?.interval)
    }

    /// One metric's interval, as a report makes it, without the time the other metrics take.
    private func interval(of kind: MetricKind, _ samples: ScoredSamples, _ bootstrap: Bootstrap)
        -> ConfidenceInterval
    {
        let units = ResamplingUnits(samples)
        let prepared = ResampledMetrics(samples, units: units, kinds: [kind])
        return bootstrap.interval(
            of: (0..<bootstrap.resamples).map {
                prepared.values(multiplicities: units.multiplicities(resample: $0, seed: bootstrap.seed))[
                    kind.index]
            })!
    }

    /// Requests of correlated clicks: an interval that resampled samples would be far too narrow for the mean
    /// label. The true PCOC is known: predictions are the true probability without the request's effect.
    @Test(
        "The 90 % interval over requests covers the truth in about 90 % of simulations; over samples it does not"
    )
    func coverage() throws {
        let (truth, simulations) = (1.0, 200)
        var (coveredByRequests, coveredBySamples) = (0, 0)
        for simulation in 0..<simulations {
            var random = TestRandom(seed: UInt64(1000 + simulation))
            var (predictions, labels, keys): ([Float], [Float], [UInt64]) = ([], [], [])
            for request in 0..<80 as Range<UInt64> {
                let rate = random.unit() < 0.5 ? 0.2 : 0.6
                for _ in 0..<8 {
                    predictions.append(0.4)
                    labels.append(random.unit() < rate ? 1 : 0)
                    keys.append(request)
                }
            }
            let bootstrap = Bootstrap(resamples: 100, confidence: 0.9, seed: UInt64(simulation))
            let grouped = try ScoredSamples(predictions: predictions, labels: labels, groups: keys)
            let loose = try ScoredSamples(predictions: predictions, labels: labels)
            if interval(of: .pcoc, grouped, bootstrap).contains(truth) { coveredByRequests += 1 }
            if interval(of: .pcoc, loose, bootstrap).contains(truth) { coveredBySamples += 1 }
        }
        let (requests, samples) = (
            Double(coveredByRequests) / Double(simulations), Double(coveredBySamples) / Double(simulations)
        )
        // The binomial standard error of 200 simulations is 2.1 points.
        #expect(requests > 0.84 && requests < 0.96, "covered \(requests)")
        #expect(samples < requests - 0.05, "samples covered \(samples), requests \(requests)")
    }

    @Test("The AUC interval covers the true AUC in about 90 % of simulations")
    func aucCoverage() throws {
        // Scores N(1, 1) for positives and N(0, 1) for negatives: AUC = Phi(1 / sqrt 2).
        let truth = 0.5 * erfc(-0.5)
        var covered = 0
        for simulation in 0..<200 {
            var random = TestRandom(seed: UInt64(7000 + simulation))
            let labels: [Float] = (0..<300).map { $0.isMultiple(of: 3) ? 1 : 0 }
            let scores = labels.map { Float(random.normal()) + $0 }
            let samples = try ScoredSamples(predictions: scores, labels: labels)
            let bootstrap = Bootstrap(resamples: 100, confidence: 0.9, seed: UInt64(simulation))
            if interval(of: .auc, samples, bootstrap).contains(truth) { covered += 1 }
        }
        #expect(Double(covered) / 200 > 0.84 && Double(covered) / 200 < 0.96, "covered \(covered) of 200")
    }

    @Test("A resample of one class is left out and counted")
    func rareClass() throws {
        let samples = try ScoredSamples(
            predictions: [0.9, 0.1, 0.2, 0.3, 0.4], labels: [1, 0, 0, 0, 0], groups: [1, 2, 3, 4, 5])
        let report = EvaluationReport(of: samples, bootstrap: Bootstrap(resamples: 100, seed: 3))
        let auc = try #require(report[.auc])
        #expect(auc.resamplesUsed > 40 && auc.resamplesUsed < 90)
        #expect(auc.interval == ConfidenceInterval(lower: 1, upper: 1, confidence: 0.95))
    }

    @Test("Percentiles interpolate as numpy does")
    func percentiles() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.1, 0.5, 0.9, 1]) by hand: positions 0, 0.3, 1.5, 2.7, 3.
        let values = [1.0, 2, 4, 8]
        for (probability, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3), (0.9, 6.8), (1, 8)] {
            #expect(isClose(quantile(probability, ofSorted: values), expected))
        }
        #expect(quantile(0.3, ofSorted: [5]) == 5)
    }

    @Test("A report survives JSON, with documented keys")
    func codable() throws {
        let report = EvaluationReport(
            of: try simulatedClicks(groups: 20, perGroup: 5, seed: 8), named: "test, student",
            bootstrap: Bootstrap(resamples: 10))
        let data = try JSONEncoder().encode(report)
        #expect(try JSONDecoder().decode(EvaluationReport.self, from: data) == report)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let metrics = try #require(object["metrics"] as? [String: Any])
        #expect(Set(metrics.keys) == ["auc", "gauc", "log_loss", "normalised_entropy", "pcoc", "ece"])
    }

    @Test("Garbage gives a report of reasons, not a crash")
    func garbage() throws {
        for samples in [
            ScoredSamples(),
            try ScoredSamples(predictions: [.nan, -.infinity], labels: [.nan, 3], groups: [1, 1]),
            try ScoredSamples(predictions: [.nan, 0.5, 0.2], labels: [.nan, 1, 0], weights: [0, 1, 1]),
            try ScoredSamples(
                predictions: [3e38, -3e38], labels: [1, 0], weights: [3e38, 3e38], groups: [0, .max]),
        ] {
            for kind in [LabelKind.binary, .continuous] {
                let report = EvaluationReport(
                    of: samples, labelKind: kind, bootstrap: Bootstrap(resamples: 5))
                _ = try JSONEncoder().encode(report)
                for estimate in report.estimates.values {
                    #expect((estimate.value == nil) == (estimate.undefined != nil))
                }
            }
        }
    }
}

@Suite("Paired comparison")
struct PairedComparisonTests {
    @Test("Identical predictions differ by exactly 0 in every resample", arguments: [true, false])
    func identical(isWeighted: Bool) throws {
        let samples = try simulatedClicks(groups: 40, perGroup: 6, seed: 10, isWeighted: isWeighted)
        let comparison = try PairedComparison(
            of: samples.predictions, against: samples.predictions, on: samples,
            bootstrap: Bootstrap(resamples: 50))
        for kind in [MetricKind.auc, .gauc, .logLoss, .normalisedEntropy, .pcoc, .ece] {
            let difference = try #require(comparison[kind])
            #expect(difference.value == 0)
            #expect(difference.interval == ConfidenceInterval(lower: 0, upper: 0, confidence: 0.95))
            #expect(comparison.verdict(on: kind) == nil)
        }
    }

    @Test("A difference is the difference of two reports, and swapping turns its sign")
    func antisymmetric() throws {
        let samples = try simulatedClicks(groups: 60, perGroup: 6, seed: 11)
        var random = TestRandom(seed: 12)
        let worse = samples.predictions.map { min(max($0 + 0.4 * Float(random.unit() - 0.5), 0), 1) }
        let bootstrap = Bootstrap(resamples: 100, seed: 4)
        let forth = try PairedComparison(
            of: samples.predictions, against: worse, on: samples, bootstrap: bootstrap)
        let back = try PairedComparison(
            of: worse, against: samples.predictions, on: samples, bootstrap: bootstrap)
        let ours = EvaluationReport(of: samples, bootstrap: .none)
        let theirs = EvaluationReport(of: try samples.rescored(worse), bootstrap: .none)
        for (kind, difference) in forth.differences {
            let (value, interval) = try (#require(difference.value), #require(difference.interval))
            #expect(value == ours[kind]!.value! - theirs[kind]!.value!)
            #expect(back[kind]?.value == -value)
            #expect(isClose(back[kind]?.interval?.lower, -interval.upper))
            #expect(isClose(back[kind]?.interval?.upper, -interval.lower))
        }
        #expect(forth.verdict(on: .auc) == .better)
        #expect(forth.verdict(on: .logLoss) == .better)
        #expect(back.verdict(on: .auc) == .worse)
        #expect(forth.groups == 60)
    }

    @Test("The paired interval is narrower than that of either model")
    func narrower() throws {
        let samples = try simulatedClicks(groups: 200, perGroup: 6, seed: 13)
        var random = TestRandom(seed: 14)
        let other = samples.predictions.map { min(max($0 + 0.02 * Float(random.unit() - 0.5), 0), 1) }
        let bootstrap = Bootstrap(resamples: 100)
        let width = { (estimate: Estimate?) in estimate!.interval!.upper - estimate!.interval!.lower }
        let alone = EvaluationReport(of: samples, bootstrap: bootstrap)
        let paired = try PairedComparison(
            of: other, against: samples.predictions, on: samples, bootstrap: bootstrap)
        #expect(width(paired[.auc]) < 0.3 * width(alone[.auc]))
    }

    @Test("Another number of predictions is refused, an undefined side is named")
    func refused() throws {
        let samples = try ScoredSamples(predictions: [0.1, 0.2], labels: [0, 1])
        #expect(throws: EvaluationError.self) {
            try PairedComparison(of: [0.1], against: [0.1, 0.2], on: samples)
        }
        let comparison = try PairedComparison(of: [0.1, 0.2], against: [0.1, .nan], on: samples)
        #expect(comparison[.auc]?.undefined == "baseline: 1 predictions are NaN or infinite")
    }
}
