import Evaluation
import Foundation
import Testing

/// A metric type by name, so that one suite can ask all of them the same.
struct MetricCase: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let empty: @Sendable () -> any Metric

    static let all: [MetricCase] = [
        MetricCase(testDescription: "AUC") { AUC() },
        MetricCase(testDescription: "GAUC") { GAUC() },
        MetricCase(testDescription: "LogLoss") { LogLoss() },
        MetricCase(testDescription: "NormalisedEntropy") { NormalisedEntropy() },
        MetricCase(testDescription: "PCOC") { PCOC() },
        MetricCase(testDescription: "ExpectedCalibrationError") { ExpectedCalibrationError() },
        MetricCase(testDescription: "RootMeanSquaredError") { RootMeanSquaredError() },
    ]

    func value(_ batches: [ScoredSamples]) throws -> Double {
        var metric = empty()
        for batch in batches { metric.add(batch) }
        return try metric.value
    }
}

/// Opens the existential so that both states have one type.
private func merged<M: Metric>(_ left: M, _ right: any Metric) -> M {
    var result = left
    result.merge(right as! M)
    return result
}

@Suite("Every metric")
struct MetricTests {
    static let weighted = try! simulatedClicks(
        groups: 60, perGroup: 9, seed: 1, isWeighted: true, decimals: 2)
    static let plain = try! simulatedClicks(groups: 60, perGroup: 9, seed: 2)

    @Test(
        "merge(a, b) is the whole, to the last bit, in either order", arguments: MetricCase.all,
        [1, 2, 7, 200])
    func mergeIsWhole(metric: MetricCase, batchSize: Int) throws {
        for samples in [Self.weighted, Self.plain] {
            let whole = try metric.value([samples])
            var (left, right) = (metric.empty(), metric.empty())
            for (batch, start) in stride(from: 0, to: samples.count, by: batchSize).enumerated() {
                let part = try samples.at(start..<min(start + batchSize, samples.count))
                if batch.isMultiple(of: 3) { left.add(part) } else { right.add(part) }
            }
            #expect(try merged(left, right).value == whole)
            #expect(try merged(right, left).value == whole)
            #expect(try merged(merged(metric.empty(), left), right).value == whole)
        }
    }

    @Test("The order of samples does not matter, to the last bit", arguments: MetricCase.all)
    func permutation(metric: MetricCase) throws {
        for samples in [Self.weighted, Self.plain] {
            let value = try metric.value([samples])
            for seed in 1...5 as ClosedRange<UInt64> {
                var random = TestRandom(seed: seed)
                let shuffled = try samples.at((0..<samples.count).shuffled(using: &random))
                #expect(try metric.value([shuffled]) == value, "seed \(seed)")
            }
        }
    }

    @Test("A weight of k is k copies, and a weight of 0 is none", arguments: MetricCase.all)
    func weightsAreCopies(metric: MetricCase) throws {
        let samples = Self.plain
        let counts = (0..<samples.count).map { $0 * 7 % 4 }
        let weighted = try ScoredSamples(
            predictions: samples.predictions, labels: samples.labels, weights: counts.map(Float.init),
            groups: samples.groups)
        let copies = try samples.at(
            counts.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element) })
        #expect(isClose(try metric.value([weighted]), try metric.value([copies]), tolerance: 1e-14))
    }

    @Test("No samples, or none of weight, is a named reason", arguments: MetricCase.all)
    func empty(metric: MetricCase) throws {
        #expect(throws: UndefinedMetric.noSamples) { try metric.value([]) }
        #expect(throws: UndefinedMetric.noSamples) { try metric.value([ScoredSamples()]) }
        let weightless = try ScoredSamples(
            predictions: [.nan, 0.5], labels: [7, 1], weights: [0, 0], groups: [1, 1])
        #expect(throws: UndefinedMetric.noSamples) { try metric.value([weightless]) }
    }

    @Test("A NaN or infinite prediction is a named reason and is counted", arguments: MetricCase.all)
    func nonFinite(metric: MetricCase) throws {
        let samples = try ScoredSamples(
            predictions: [0.1, .nan, 0.4, .infinity], labels: [0, 1, 1, 0], groups: [1, 1, 1, 1])
        #expect(throws: UndefinedMetric.nonFinitePredictions(count: 2)) { try metric.value([samples]) }
    }

    @Test("A NaN label is a named reason", arguments: MetricCase.all)
    func nonFiniteLabel(metric: MetricCase) throws {
        let samples = try ScoredSamples(
            predictions: [0.1, 0.4, 0.2], labels: [0, .nan, 1], groups: [1, 1, 1])
        #expect(throws: UndefinedMetric.labelsOutsideDomain(count: 1)) { try metric.value([samples]) }
    }
}

@Suite("Metrics where they are undefined or at their edges")
struct MetricEdgeTests {
    @Test(
        "One class has no AUC, no GAUC and no normalised entropy, but a log-loss",
        arguments: [0, 1] as [Float])
    func oneClass(label: Float) throws {
        let samples = try ScoredSamples(predictions: [0.2, 0.3], labels: [label, label], groups: [1, 2])
        let report = EvaluationReport(of: samples)
        #expect(report[.auc]?.undefined == UndefinedMetric.oneClass.description)
        #expect(report[.auc]?.value == nil)
        #expect(report[.gauc]?.undefined == UndefinedMetric.noMixedGroup.description)
        #expect(report[.normalisedEntropy]?.undefined == UndefinedMetric.oneClass.description)
        #expect(report[.logLoss]?.value != nil)
        #expect((report[.pcoc]?.value == nil) == (label == 0))
    }

    @Test("Without group keys there is no GAUC")
    func noGroups() throws {
        let report = EvaluationReport(of: try ScoredSamples(predictions: [0.2, 0.3], labels: [0, 1]))
        #expect(report[.gauc]?.undefined == UndefinedMetric.noGroupKeys.description)
        #expect(report[.auc]?.value == 1)
        #expect(report.groups == nil)
    }

    @Test("All scores equal is an AUC of exactly one half, weighted or not")
    func allEqual() throws {
        var auc = AUC()
        auc.add(
            try ScoredSamples(predictions: [0.3, 0.3, 0.3], labels: [0, 1, 1], weights: [0.7, 0.1, 2.3]))
        #expect(try auc.value == 0.5)
    }

    @Test("Zero and minus zero are a tie, and negative scores rank below")
    func signedZero() throws {
        var auc = AUC()
        auc.add(try ScoredSamples(predictions: [0, -0.0], labels: [0, 1]))
        #expect(try auc.value == 0.5)
        var logits = AUC()
        logits.add(try ScoredSamples(predictions: [-3, -1, -2, 4], labels: [0, 1, 0, 1]))
        #expect(try logits.value == 1)
    }

    @Test("A certain mistake costs the clamp's 36.04 nats, as in scikit-learn")
    func certainMistake() throws {
        var loss = LogLoss()
        loss.add(try ScoredSamples(predictions: [1], labels: [0]))
        #expect(isClose(try loss.value, -log(Double.ulpOfOne)))
        var right = LogLoss()
        right.add(try ScoredSamples(predictions: [0], labels: [0]))
        #expect(try right.value < 1e-15)
    }

    @Test("Soft labels have a log-loss and a calibration, but no rank metrics")
    func softLabels() throws {
        let report = EvaluationReport(of: try ScoredSamples(predictions: [0.25, 0.5], labels: [0.25, 0.5]))
        let entropy = -(0.25 * log(0.25) + 0.75 * log(0.75) + log(0.5)) / 2
        #expect(isClose(report[.logLoss]?.value, entropy))
        #expect(report[.pcoc]?.value == 1)
        #expect(report[.ece]?.value == 0)
        #expect(report[.auc]?.undefined == UndefinedMetric.labelsOutsideDomain(count: 2).description)
    }

    @Test("A probability above 1 is a reason; as a score it ranks")
    func outsideUnit() throws {
        let report = EvaluationReport(of: try ScoredSamples(predictions: [0.2, 1.5], labels: [0, 1]))
        #expect(report[.logLoss]?.undefined == UndefinedMetric.predictionsOutsideDomain(count: 1).description)
        #expect(report[.ece]?.value == nil)
        #expect(report[.auc]?.value == 1)
    }

    @Test("Input of different lengths or bad weights is refused with what was expected")
    func refused() {
        #expect(throws: EvaluationError.self) { try ScoredSamples(predictions: [0.1], labels: [0, 1]) }
        #expect(throws: EvaluationError.self) {
            try ScoredSamples(predictions: [0.1], labels: [0], groups: [])
        }
        for weight in [-1, .nan, .infinity] as [Float] {
            #expect(throws: EvaluationError.self) {
                try ScoredSamples(predictions: [0.1], labels: [0], weights: [weight])
            }
        }
        #expect(throws: EvaluationError.self) {
            var samples = try ScoredSamples(predictions: [0.1], labels: [0])
            try samples.append(try ScoredSamples(predictions: [0.1], labels: [0], weights: [1]))
        }
    }

    @Test("Appending batches is the whole")
    func append() throws {
        let whole = MetricTests.weighted
        var samples = ScoredSamples()
        for start in stride(from: 0, to: whole.count, by: 100) {
            try samples.append(whole.at(start..<min(start + 100, whole.count)))
        }
        #expect(samples == whole)
    }

    @Test("Reliability bins hold all samples, and their gaps make the ECE")
    func reliability() throws {
        let report = EvaluationReport(of: MetricTests.weighted, bootstrap: .none)
        #expect(report.reliability.count == 15)
        #expect(report.reliability.map(\.samples).reduce(0, +) == MetricTests.weighted.count)
        let gap = report.reliability.reduce(0) {
            $0 + $1.weight * abs(($1.meanPrediction ?? 0) - ($1.meanLabel ?? 0))
        }
        #expect(isClose(report[.ece]?.value, gap / report.weight))
        var edge = ExpectedCalibrationError()
        edge.add(try ScoredSamples(predictions: [1, 0], labels: [1, 0]))
        #expect(edge.bins.first?.samples == 1 && edge.bins.last?.samples == 1)
    }

    @Test("GAUC counts the groups it skips")
    func skippedGroups() throws {
        var metric = GAUC()
        metric.add(
            try ScoredSamples(
                predictions: [0.1, 0.9, 0.6, 0.4, 0.5], labels: [0, 1, 0, 1, 1], groups: [5, 5, 2, 2, 9]))
        let summary = try metric.summary
        #expect(summary.value == 0.5)
        #expect(summary.countedGroups == 2)
        #expect(summary.skippedGroups == 1)
    }
}
