import Foundation
import Testing

@testable import Marketplace

@Suite("Regret")
struct RegretTests {
    private func truth() throws -> MarketTruth {
        try MarketTruth(files: ["\(SmallMarket.written.get().path)/truth/ctr/day-03"], label: "click")
    }

    @Test("The truth has no regret, and its AUC is the best")
    func best() throws {
        let truth = try truth()
        #expect(truth.count == 10_000)
        let known = try Regret(of: truth.relevances, against: truth)
        #expect(known.divergence < 1e-9)
        #expect(known.regretAt == [1: 0, 3: 0])
        let all = try Regret(of: truth.probabilities, against: truth)
        var stream = RandomStream(9, .policy, 0)
        let blurred = try Regret(of: truth.relevances.map { $0 * (0.2 + stream.uniform()) }, against: truth)
        let noise = try Regret(of: truth.relevances.map { _ in stream.uniform() }, against: truth)
        #expect(all.auc! > blurred.auc! && blurred.auc! > noise.auc!)
        #expect(blurred.divergence > 0 && noise.divergence > blurred.divergence)
        #expect(blurred.regretAt[1]!! > 0 && noise.regretAt[1]!! > blurred.regretAt[1]!!)
    }

    @Test("Regret at 1 is the share of relevance that the wrong first place gives away")
    func byHand() throws {
        let truth = MarketTruth(
            outcomes: [0, 1, 0, 0, 1], probabilities: [0.1, 0.4, 0.2, 0.1, 0.3], relevances: [0.1, 0.4, 0.2, 0.1, 0.3],
            requests: [7, 7, 8, 8, 9])
        // Page 7 puts its 0.1 first, page 8 its 0.2; page 9 has one row, and nothing to choose.
        let regret = try Regret(of: [0.9, 0.1, 0.8, 0.2, 0.5], against: truth, cutoffs: [1, 2])
        #expect(abs(regret.regretAt[1]!! - (1 - 0.3 / 0.6)) < 1e-6)
        #expect(regret.regretAt[2]! == nil)
    }

    @Test("Scores of other rows are refused")
    func mismatch() throws {
        let truth = try truth()
        #expect(throws: MarketError.self) { try Regret(of: [0.5], against: truth) }
    }
}
