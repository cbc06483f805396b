import Evaluation
import Testing

@Suite("Metrics agree with scikit-learn")
struct MetricGoldenTests {
    @Test("Every metric of a scored split", arguments: Goldens.shared.cases)
    func everyMetric(golden: Goldens.Case) throws {
        let report = EvaluationReport(of: try golden.samples(), bootstrap: .none)
        #expect(isClose(report[.auc]?.value, golden.auc))
        #expect(isClose(report[.gauc]?.value, golden.gauc))
        #expect(isClose(report[.logLoss]?.value, golden.logLoss))
        #expect(isClose(report[.normalisedEntropy]?.value, golden.normalisedEntropy))
        #expect(isClose(report[.pcoc]?.value, golden.pcoc))
        #expect(isClose(report[.ece]?.value, golden.ece))
        #expect(report.gaucSkippedGroups == golden.gaucSkippedGroups)
        #expect(report.gaucCountedGroups == golden.gaucCountedGroups)
    }

    @Test("RMSE of hard labels", arguments: Goldens.shared.cases)
    func rootMeanSquaredError(golden: Goldens.Case) throws {
        let report = EvaluationReport(of: try golden.samples(), labelKind: .continuous, bootstrap: .none)
        #expect(isClose(report[.rmse]?.value, golden.rmse))
    }

    @Test("RMSE of continuous labels")
    func regression() throws {
        let golden = Goldens.shared.regression
        let samples = try ScoredSamples(
            predictions: golden.predictions, labels: golden.labels, weights: golden.weights)
        let report = EvaluationReport(of: samples, labelKind: .continuous, bootstrap: .none)
        #expect(isClose(report[.rmse]?.value, golden.rmse))
        #expect(report[.auc] == nil)
    }

    @Test("Quantiles of Student's t, as scipy has them")
    func studentT() {
        for golden in Goldens.shared.studentT {
            let t = StudentT(degreesOfFreedom: golden.degreesOfFreedom).quantile(golden.probability)
            #expect(
                abs(t - golden.quantile) <= 1e-9 * abs(golden.quantile) + 1e-12,
                "t(\(golden.degreesOfFreedom)) at \(golden.probability): \(t), scipy \(golden.quantile)")
        }
    }

    @Test("Spread over seeds and the paired t-test, as scipy has them")
    func seeds() throws {
        let golden = Goldens.shared.seeds
        let spread = try #require(SeedSpread(golden.baseline))
        #expect(isClose(spread.mean, golden.mean))
        #expect(isClose(spread.standardDeviation, golden.standardDeviation))
        #expect(isClose(spread.interval()?.lower, golden.interval[0], tolerance: 1e-10))
        #expect(isClose(spread.interval()?.upper, golden.interval[1], tolerance: 1e-10))

        let paired = try PairedSeeds(candidate: golden.candidate, baseline: golden.baseline)
        #expect(isClose(paired.differences.mean, golden.difference))
        #expect(isClose(paired.t, golden.t, tolerance: 1e-10))
        #expect(isClose(paired.pValue, golden.pValue, tolerance: 1e-10))
        #expect(isClose(paired.interval()?.lower, golden.differenceInterval[0], tolerance: 1e-10))
        #expect(isClose(paired.interval()?.upper, golden.differenceInterval[1], tolerance: 1e-10))
    }
}
