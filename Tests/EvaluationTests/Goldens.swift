import Evaluation
import Foundation
import Testing

/// What Scripts/goldens/metrics.py wrote with scikit-learn 1.9.1, numpy 2.4.6 and scipy 1.17.1, seed 20221.
struct Goldens: Decodable {
    struct Case: Decodable, CustomTestStringConvertible {
        let name: String
        let predictions, labels: [Float]
        let weights: [Float]?
        let groups: [UInt64]
        let auc, logLoss, normalisedEntropy, pcoc, ece, rmse: Double
        let gauc: Double?
        let gaucCountedGroups, gaucSkippedGroups: Int

        var testDescription: String { name }

        func samples() throws -> ScoredSamples {
            try ScoredSamples(predictions: predictions, labels: labels, weights: weights, groups: groups)
        }
    }

    struct Regression: Decodable {
        let predictions, labels, weights: [Float]
        let rmse: Double
    }

    struct Quantile: Decodable {
        let probability, degreesOfFreedom, quantile: Double
    }

    struct Seeds: Decodable {
        let baseline, candidate: [Double]
        let mean, standardDeviation, difference, t, pValue: Double
        let interval, differenceInterval: [Double]
    }

    let cases: [Case]
    let regression: Regression
    let studentT: [Quantile]
    let seeds: Seeds

    static let shared: Goldens = {
        let url = Bundle.module.resourceURL!.appendingPathComponent("Goldens/metrics.json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try! decoder.decode(Goldens.self, from: Data(contentsOf: url))
    }()
}

/// Within a relative tolerance of a golden, or as near absolutely where the golden is small.
func isClose(_ value: Double?, _ golden: Double?, tolerance: Double = 1e-12) -> Bool {
    guard let value, let golden else { return value == nil && golden == nil }
    return abs(value - golden) <= tolerance * max(1, abs(golden))
}

/// xorshift64*, apart from the generator under test.
struct TestRandom: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_f491_4f6c_dd1d
    }

    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    mutating func normal() -> Double {
        (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit())
    }
}

/// A click log with request effects: requests of `perGroup` samples whose clicks go together.
func simulatedClicks(
    groups: Int, perGroup: Int, seed: UInt64, isWeighted: Bool = false, decimals: Int? = nil
) throws -> ScoredSamples {
    var random = TestRandom(seed: seed)
    var (predictions, labels, weights, keys): ([Float], [Float], [Float], [UInt64]) = ([], [], [], [])
    for _ in 0..<groups {
        let key = random.next()
        let effect = random.normal()
        for _ in 0..<perGroup {
            let signal = random.normal()
            let click = 1 / (1 + exp(-(effect + signal - 1)))
            var prediction = 1 / (1 + exp(-(0.5 * effect + signal + 0.5 * random.normal() - 1)))
            if let decimals {
                let scale = pow(10, Double(decimals))
                prediction = (prediction * scale).rounded() / scale
            }
            predictions.append(Float(prediction))
            labels.append(random.unit() < click ? 1 : 0)
            weights.append(Float(0.1 + 3 * random.unit()))
            keys.append(key)
        }
    }
    return try ScoredSamples(
        predictions: predictions, labels: labels, weights: isWeighted ? weights : nil, groups: keys)
}

extension ScoredSamples {
    func at(_ indices: some Sequence<Int>) throws -> ScoredSamples {
        let indices = Array(indices)
        return try ScoredSamples(
            predictions: indices.map { predictions[$0] }, labels: indices.map { labels[$0] },
            weights: weights.map { weights in indices.map { weights[$0] } },
            groups: groups.map { groups in indices.map { groups[$0] } })
    }
}
