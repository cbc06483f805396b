import Evaluation
import Foundation
import Testing

@testable import Marketplace

@Suite("A/B tests")
struct ABTests {
    private func test(users: Int = 300, days: Int = 3) throws -> ABTest {
        try ABTest(try SmallMarket.configuration.validated(), users: users, days: days, candidates: 60)
    }

    @Test("In A/A tests of two random orders the interval covers 0 about as often as it says")
    func sameInBoth() throws {
        let test = try test(users: 120, days: 1)
        var reports: [ABReport] = []
        for pair in UInt64(0)..<20 {
            reports.append(try test.run(RandomArm(seed: 2 * pair), RandomArm(seed: 2 * pair + 1), threads: 2))
        }
        #expect(reports.allSatisfy { $0.total.clicks.lift != 0 })
        // More than four misses of twenty have a chance of 0.3 % at 95 %.
        #expect(reports.count { $0.total.clicks.interval?.contains(0) != true } <= 4)
    }

    @Test("The same arm twice gives the same clicks, user by user")
    func identical() throws {
        let report = try test(days: 2).run(PolicyArm(), PolicyArm(), threads: 2)
        #expect(report.total.clicks.a > 0 && report.total.clicks.lift == 0)
        #expect(report.total.clicks.interval?.lower == 0 && report.total.clicks.interval?.upper == 0)
    }

    @Test("The true probabilities beat the policy, and the policy beats chance")
    func order() throws {
        let test = try test()
        let truth = try test.run(PolicyArm(), TruthArm(), threads: 2)
        #expect(truth.total.clicks.verdict == "B is better")
        #expect(truth.total.clicks.lift! > 0.2)
        let chance = try test.run(PolicyArm(), RandomArm(seed: 1), threads: 2)
        #expect(chance.total.clicks.verdict == "A is better")
        #expect(truth.days.count == 3 && truth.days.allSatisfy { $0.pages > 0 })
        #expect(truth.days.reduce(0) { $0 + $1.clicks.b } == truth.total.clicks.b)
    }

    @Test("Threads change nothing")
    func threads() throws {
        let test = try test()
        #expect(
            try test.run(PolicyArm(), TruthArm(), threads: 1) == test.run(PolicyArm(), TruthArm(), threads: 8))
    }

    @Test("A lift's interval is that of a paired bootstrap over users")
    func bootstrap() {
        var stream = RandomStream(4, .policy, 1)
        let users = 400
        let a = (0..<users).map { _ in Double(stream.below(6)) }
        let b = a.map { $0 + Double(stream.below(3)) - 0.7 }
        let lift = Lift(a: a, b: b)
        #expect(abs(lift.lift! - (b.reduce(0, +) / a.reduce(0, +) - 1)) < 1e-12)
        var lifts: [Double] = []
        for _ in 0..<2_000 {
            var (sumA, sumB) = (0.0, 0.0)
            for _ in 0..<users {
                let user = stream.below(users)
                sumA += a[user]
                sumB += b[user]
            }
            lifts.append(sumB / sumA - 1)
        }
        lifts.sort()
        let half = (lift.interval!.upper - lift.interval!.lower) / 2
        #expect(abs(lift.interval!.lower - lifts[50]) < 0.15 * half)
        #expect(abs(lift.interval!.upper - lifts[1_949]) < 0.15 * half)
        #expect(lift.unpairedHalfWidth! > 1.5 * half)
    }

    @Test("An arm with nothing has no lift to speak of")
    func nothing() {
        let lift = Lift(a: [0, 0], b: [1, 2])
        #expect(lift.lift == nil && lift.interval == nil && lift.verdict == "no answer")
    }

    @Test("More users, candidates or days than there can be are refused")
    func refused() throws {
        let market = try SmallMarket.configuration.validated()
        #expect(throws: MarketError.self) { try ABTest(market, users: 501, days: 1) }
        #expect(throws: MarketError.self) { try ABTest(market, users: 10, days: 0) }
        #expect(throws: MarketError.self) { try ABTest(market, users: 10, days: 1, candidates: 601) }
        #expect(throws: MarketError.self) { try ABTest(market, users: 10, days: 1, candidates: 9) }
        for address in ["https://localhost:1", "http://", "localhost:80", "http://host/path"] {
            #expect(throws: MarketError.self) { try ServerArm(name: "s", url: address) }
        }
    }
}
