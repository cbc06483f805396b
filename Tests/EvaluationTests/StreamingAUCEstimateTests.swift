import Evaluation
import Foundation
import Testing

@Suite("Streaming AUC estimate")
struct StreamingAUCEstimateTests {
    @Test("Without a window it is near the exact AUC, by probability and by logit")
    func nearExact() throws {
        let samples = try simulatedClicks(groups: 500, perGroup: 10, seed: 20)
        var (exact, byProbability, byLogit) = (AUC(), StreamingAUCEstimate(), StreamingAUCEstimate())
        exact.add(samples)
        byProbability.add(probabilities: samples.predictions, labels: samples.labels)
        byLogit.add(logits: samples.predictions.map { log($0 / (1 - $0)) }, labels: samples.labels)
        let auc = try exact.value
        #expect(abs(try #require(byProbability.value) - auc) < 1e-4)
        #expect(byLogit.value == byProbability.value)
    }

    @Test("Merging two workers is the whole")
    func merge() throws {
        let samples = try simulatedClicks(groups: 50, perGroup: 10, seed: 21)
        var (whole, left, right) = (StreamingAUCEstimate(), StreamingAUCEstimate(), StreamingAUCEstimate())
        whole.add(probabilities: samples.predictions, labels: samples.labels)
        let (first, second) = (try samples.at(0..<200), try samples.at(200..<500))
        left.add(probabilities: first.predictions, labels: first.labels)
        right.add(probabilities: second.predictions, labels: second.labels)
        left.merge(right)
        #expect(left.value == whole.value)
        #expect(left.samples == 500)
    }

    @Test("A half-life forgets what the model was before, and never overflows")
    func window() throws {
        var (windowed, all) = (StreamingAUCEstimate(halfLifeSamples: 100), StreamingAUCEstimate())
        for step in 0..<60_000 {
            let label: Float = step.isMultiple(of: 2) ? 1 : 0
            // Wrong way round for the first half, right afterwards.
            let logit = step < 30_000 ? 0.5 - label : label - 0.5
            windowed.add(logit: logit, label: label)
            all.add(logit: logit, label: label)
        }
        #expect(all.value == 0.5)
        #expect(try #require(windowed.value) > 0.999)
    }

    @Test("It has no value before both classes are seen, and skips what it can't use")
    func undefined() {
        var estimate = StreamingAUCEstimate()
        #expect(estimate.value == nil)
        estimate.add(logit: 1, label: 1)
        #expect(estimate.value == nil)
        estimate.add(logit: .nan, label: 0)
        estimate.add(logit: 0, label: 0.5)
        #expect(estimate.skipped == 2)
        estimate.add(logit: -.infinity, label: 0)
        estimate.add(probabilities: [1, 0], labels: [1, 0])
        #expect(estimate.value == 1)
    }
}
