import Foundation
import Testing

@testable import Evaluation

@Suite struct ScoreDistributionTests {
    /// Sum of (now - then) ln(now / then), by hand: two parts, (0.7 - 0.5) ln 1.4 + (0.3 - 0.5) ln 0.6.
    @Test func theStabilityIndexIsTheFormulas() throws {
        // Half of the scores are 0 and half 1: nine cuts, of which five are 1, and two parts that hold anything.
        let halves = try #require(ScoreDistribution(of: (0..<1_000).map { $0 < 500 ? Float(0) : 1 }, source: "test"))
        #expect(halves.problem == nil && halves.mean == 0.5 && halves.samples == 1_000)
        let full = halves.shares.indices.filter { halves.shares[$0] > 0 }
        #expect(full.map { halves.shares[$0] } == [0.5, 0.5])
        #expect(halves.part(of: 0) == full[0] && halves.part(of: 1) == full[1])
        var counts = [Int](repeating: 0, count: halves.shares.count)
        counts[full[0]] = 7
        counts[full[1]] = 3
        #expect(abs(halves.stabilityIndex(counts) - 0.169_459_572_077) < 1e-9)
    }

    @Test(arguments: [1, 2, 9, 10, 11, 1_000]) func scoresAreTheirOwnDistribution(_ count: Int) throws {
        let scores = (1...count).map { Float($0 * 7_919 % 10_007) / 10_007 }
        let distribution = try #require(ScoreDistribution(of: scores, source: "test"))
        #expect(distribution.problem == nil, "\(scores)")
        var counts = [Int](repeating: 0, count: distribution.shares.count)
        for score in scores { counts[distribution.part(of: score)] += 1 }
        #expect(distribution.stabilityIndex(counts) < 1e-9)
        if count == 1_000 { #expect(distribution.shares.allSatisfy { abs($0 - 0.1) <= 0.002 }) }
        let again = try JSONDecoder().decode(ScoreDistribution.self, from: try JSONEncoder().encode(distribution))
        #expect(again == distribution)
    }

    @Test func whatIsNotFiniteIsLeftOut() throws {
        #expect(ScoreDistribution(of: [Float](), source: "test") == nil)
        #expect(ScoreDistribution(of: [Float.nan, .infinity], source: "test") == nil)
        #expect(try #require(ScoreDistribution(of: [0.5, .nan, .infinity, 0.25], source: "test")).samples == 2)
    }

    @Test(arguments: [
        #"{"source":"a","samples":0,"mean":0,"cuts":[],"shares":[1]}"#,
        #"{"source":"a","samples":1,"mean":0,"cuts":[0.5],"shares":[1]}"#,
        #"{"source":"a","samples":1,"mean":0,"cuts":[0.5,0.25],"shares":[0.5,0.25,0.25]}"#,
        #"{"source":"a","samples":1,"mean":0,"cuts":[0.5],"shares":[1.5,-0.5]}"#,
        #"{"source":"a","samples":1,"mean":0,"cuts":[0.5],"shares":[0.5,0.4]}"#,
    ]) func aDistributionFromAFileIsLookedAt(_ json: String) throws {
        #expect(try JSONDecoder().decode(ScoreDistribution.self, from: Data(json.utf8)).problem != nil)
    }
}
