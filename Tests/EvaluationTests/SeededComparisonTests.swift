import Testing

@testable import Evaluation

@Suite("Methods compared over seeds and requests")
struct SeededComparisonTests {
    private func scores(_ predictions: [Float], labels: [Float], groups: [UInt64]? = nil) throws -> ResampledScores {
        ResampledScores(
            of: try ScoredSamples(predictions: predictions, labels: labels, groups: groups),
            bootstrap: Bootstrap(resamples: 300, seed: 1))
    }

    private func noisy(_ labels: [Float], signal: Float, seed: UInt64) -> [Float] {
        var random = SplitMix64(seed: seed)
        return labels.map { 0.5 + signal * ($0 - 0.5) + Float.random(in: -0.3...0.3, using: &random) }
    }

    private let labels = (0..<600).map { Float($0 % 3 == 0 ? 1 : 0) }

    @Test("resampled values are those of the report with the same bootstrap")
    func asReport() throws {
        let samples = try ScoredSamples(predictions: noisy(labels, signal: 0.2, seed: 1), labels: labels)
        let bootstrap = Bootstrap(resamples: 100, seed: 3)
        let resampled = ResampledScores(of: samples, bootstrap: bootstrap)
        let report = EvaluationReport(of: samples, bootstrap: bootstrap)
        #expect(resampled.values[.auc] == report[.auc]?.value)
        #expect(bootstrap.interval(of: resampled.resampled[.auc]!) == report[.auc]?.interval)
    }

    @Test("equal runs differ by exactly 0 with an interval of no width")
    func equal() throws {
        let runs = try (0..<3).map { try scores(noisy(labels, signal: 0.2, seed: $0), labels: labels) }
        let comparison = try SeededComparison(of: runs, against: runs)
        #expect(comparison.difference == 0 && comparison.requestError == 0 && comparison.seedError == 0)
        #expect(comparison.interval?.lower == 0 && comparison.interval?.upper == 0)
        #expect(comparison.verdict == nil)
    }

    @Test("the interval is wider than that of requests alone and that of seeds alone")
    func bothSources() throws {
        let a = try (0..<5).map { try scores(noisy(labels, signal: 0.3, seed: $0), labels: labels) }
        let b = try (0..<5).map { try scores(noisy(labels, signal: 0.2, seed: 100 + $0), labels: labels) }
        let comparison = try SeededComparison(of: a, against: b)
        let interval = try #require(comparison.interval)
        let half = interval.upper - comparison.difference
        #expect(half > 1.96 * comparison.requestError!)
        #expect(half > 1.96 * comparison.seedError!)
        #expect(comparison.coversSeeds)
        // By hand: the normal quantile for requests, Student's with 4 degrees of freedom for seeds (R: qt(0.975, 4)).
        let (requests, seeds) = (1.959964 * comparison.requestError!, 2.776445 * comparison.seedError!)
        #expect(abs(half / (requests * requests + seeds * seeds).squareRoot() - 1) < 1e-5)
    }

    @Test("swapping the sides mirrors everything")
    func mirrored() throws {
        let a = try (0..<4).map { try scores(noisy(labels, signal: 0.4, seed: $0), labels: labels) }
        let b = try (0..<4).map { try scores(noisy(labels, signal: 0.1, seed: 50 + $0), labels: labels) }
        let (forth, back) = (try SeededComparison(of: a, against: b), try SeededComparison(of: b, against: a))
        #expect(forth.difference == -back.difference)
        #expect(abs(forth.interval!.lower + back.interval!.upper) < 1e-12)
        #expect(forth.verdict == .better && back.verdict == .worse)
    }

    @Test("one seed gives an interval of requests and no verdict, however large the difference")
    func oneSeed() throws {
        let a = try scores(noisy(labels, signal: 1, seed: 1), labels: labels)
        let b = try scores(noisy(labels, signal: 0, seed: 2), labels: labels)
        let comparison = try SeededComparison(of: [a], against: [b])
        #expect(comparison.interval!.lower > 0)
        #expect(!comparison.coversSeeds && comparison.verdict == nil)
    }

    @Test("over many repetitions without any difference, the interval misses 0 about as often as it says")
    func coverage() throws {
        var missed = 0
        let repetitions = 200
        let labels = (0..<150).map { Float($0 % 2) }
        for r in 0..<UInt64(repetitions) {
            // Other requests and other seeds each time; both sides have the same signal.
            func side(_ offset: UInt64) throws -> [ResampledScores] {
                try (0..<3).map {
                    ResampledScores(
                        of: try ScoredSamples(predictions: noisy(labels, signal: 0.2, seed: r * 1000 + offset + $0), labels: labels),
                        bootstrap: Bootstrap(resamples: 60, seed: r))
                }
            }
            let comparison = try SeededComparison(of: side(0), against: side(100))
            if comparison.verdict != nil { missed += 1 }
        }
        // 5 % of 200 is 10; requests and seeds are not independent here, which makes the interval too wide.
        #expect(missed <= 16, "\(missed) of \(repetitions)")
    }

    @Test("two or three seeds that agree by chance are not called a difference more often than the interval says", arguments: [2, 3])
    func fewSeeds(seeds: Int) throws {
        // Seeds decide everything here: the requests are many and easy, so only the spread over seeds is left.
        let labels = (0..<200).map { Float($0 % 2) }
        let repetitions = 400
        var called = 0
        for r in 0..<UInt64(repetitions) {
            var random = SplitMix64(seed: r)
            func side() throws -> [ResampledScores] {
                try (0..<seeds).map { _ in
                    // A few samples of one class on the wrong side, so many as the seed says.
                    let wrong = Int.random(in: 0...40, using: &random)
                    let predictions = labels.indices.map { labels[$0] == 1 && $0 / 2 < wrong ? -1 : labels[$0] }
                    return ResampledScores(
                        of: try ScoredSamples(predictions: predictions, labels: labels),
                        bootstrap: Bootstrap(resamples: 20, seed: 1))
                }
            }
            if try SeededComparison(of: side(), against: side()).verdict != nil { called += 1 }
        }
        // 5 % of 400 is 20; four standard errors more are 37.
        #expect(called <= 37, "\(called) of \(repetitions)")
    }

    @Test("other samples, other resamples or other numbers of seeds are refused")
    func refused() throws {
        let a = try scores(noisy(labels, signal: 0.2, seed: 1), labels: labels)
        let shorter = try scores(noisy(Array(labels.dropLast()), signal: 0.2, seed: 1), labels: Array(labels.dropLast()))
        let other = ResampledScores(
            of: try ScoredSamples(predictions: noisy(labels, signal: 0.2, seed: 1), labels: labels),
            bootstrap: Bootstrap(resamples: 300, seed: 2))
        #expect(throws: EvaluationError.self) { try SeededComparison(of: [a], against: [shorter]) }
        #expect(throws: EvaluationError.self) { try SeededComparison(of: [a], against: [other]) }
        #expect(throws: EvaluationError.self) { try SeededComparison(of: [a, a], against: [a]) }
        #expect(throws: EvaluationError.self) { try SeededComparison(of: [], against: []) }
    }
}
