import Evaluation
import Testing

@Suite("Metrics agree with scikit-learn")
struct MetricGoldenTests {
    @Test("Every metric of a scored split", arguments: Goldens.shared.cases)
    func everyMetric(golden: Goldens.Case) throws {
        let report = EvaluationReport(of: try golden.samples(), bootstrap: .none)
        #expect(isClose(report[.auc]?.value, golden.auc))
        #expect(isClose(report[.gauc]?.value, golden.gauc))
        #expect(isClose(report[.logLoss]?.value, golden.log_loss))
        #expect(isClose(report[.normalisedEntropy]?.value, golden.normalised_entropy))
        #expect(isClose(report[.pcoc]?.value, golden.pcoc))
        #expect(isClose(report[.ece]?.value, golden.ece))
        #expect(report.gaucSkippedGroups == golden.gauc_skipped_groups)
        #expect(report.gaucCountedGroups == golden.gauc_counted_groups)
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
        for golden in Goldens.shared.student_t {
            let t = StudentT(degreesOfFreedom: golden.degrees_of_freedom).quantile(golden.probability)
            #expect(
                abs(t - golden.quantile) <= 1e-9 * abs(golden.quantile) + 1e-12,
                "t(\(golden.degrees_of_freedom)) at \(golden.probability): \(t), scipy \(golden.quantile)")
        }
    }

    @Test("Spread over seeds and the paired t-test, as scipy has them")
    func seeds() throws {
        let golden = Goldens.shared.seeds
        let spread = try #require(SeedSpread(golden.baseline))
        #expect(isClose(spread.mean, golden.mean))
        #expect(isClose(spread.standardDeviation, golden.standard_deviation))
        #expect(isClose(spread.interval()?.lower, golden.interval[0], tolerance: 1e-10))
        #expect(isClose(spread.interval()?.upper, golden.interval[1], tolerance: 1e-10))

        let paired = try PairedSeeds(candidate: golden.candidate, baseline: golden.baseline)
        #expect(isClose(paired.differences.mean, golden.difference))
        #expect(isClose(paired.t, golden.t, tolerance: 1e-10))
        #expect(isClose(paired.pValue, golden.p_value, tolerance: 1e-10))
        #expect(isClose(paired.interval()?.lower, golden.difference_interval[0], tolerance: 1e-10))
        #expect(isClose(paired.interval()?.upper, golden.difference_interval[1], tolerance: 1e-10))
    }
}
