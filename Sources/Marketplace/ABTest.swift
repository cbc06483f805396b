import Evaluation
import Foundation
import Synchronization

/// Two arms behind the same simulated users.
///
/// Every user lives twice from the first day on: same past, same page views, same candidates generated from her own
/// history, same luck (a draw belongs to page view and item); only the order of the candidates is the arm's. What
/// an arm makes a user click changes her later history in that arm alone, as it would.
public struct ABTest: Sendable {
    public let market: Market
    /// The first users of the market, as many as these.
    public let users: Int
    /// Days after the logged ones.
    public let days: Int
    /// Candidates a page view.
    public let candidates: Int

    /// - Throws: `MarketError` when the market has not as many users or items.
    public init(_ market: Market, users: Int, days: Int, candidates: Int = 100) throws {
        let configuration = market.configuration
        guard users > 1, users <= configuration.userCount else {
            throw MarketError(.arm, "users", expected: "2 to the market's \(configuration.userCount)", found: "\(users)")
        }
        guard candidates >= configuration.page, candidates <= configuration.items else {
            throw MarketError(
                .arm, "candidates", expected: "\(configuration.page) (a page) to \(configuration.items) (all items)",
                found: "\(candidates)")
        }
        guard days > 0, days < 1_000 else { throw MarketError(.arm, "days", expected: "1 to 999", found: "\(days)") }
        self.market = market
        self.users = users
        self.days = days
        self.candidates = candidates
    }

    /// What one user did on one day in one arm.
    struct Tally: Sendable, Equatable {
        var clicks: Int32 = 0
        var purchases: Int32 = 0
        var revenue: Float = 0
    }

    /// Runs both arms. The result does not depend on the number of threads.
    public func run(_ a: any Arm, _ b: any Arm, threads: Int) throws -> ABReport {
        let files = (users + market.configuration.usersPerFile - 1) / market.configuration.usersPerFile
        let collected = Mutex([[[Tally]]](repeating: [], count: 2 * files))
        let pages = Mutex([Int](repeating: 0, count: days))
        // Both arms of a file share its past.
        try inParallel(count: files, threads: threads) { file in
            var past = FileSimulation(market, file: file)
            for day in 0..<market.configuration.days { _ = try past.run(day: day, log: nil) }
            let life = past
            try inParallel(count: 2, threads: threads >= 2 * files ? 2 : 1) { arm in
                let tallies = try live(life, arm: arm == 0 ? a : b) { day, count in
                    if arm == 0 { pages.withLock { $0[day] += count } }
                }
                collected.withLock { $0[2 * file + arm] = tallies }
            }
        }
        let all = collected.withLock { $0 }
        func ofArm(_ arm: Int) -> [[Tally]] { (0..<files).flatMap { all[2 * $0 + arm] } }
        return ABReport(
            names: (a.name, b.name), tallies: (ofArm(0), ofArm(1)), pages: pages.withLock { $0 }, days: days)
    }

    /// `[user][day]` of one file in one arm.
    private func live(_ past: FileSimulation, arm: any Arm, count: (Int, Int) -> Void) throws -> [[Tally]] {
        let first = market.users(file: past.file).lowerBound
        let participants = min(past.shoppers.count, users - first)
        var shoppers = past.shoppers
        var tallies = [[Tally]](repeating: [Tally](repeating: Tally(), count: days), count: participants)
        var found: [Int32] = []
        var scores: [Float] = []
        var user = UserSide()
        for number in 0..<days {
            let day = market.configuration.days + number
            let views = market.pageViews(day: day, file: past.file, activity: past.activity)
                .filter { $0.shopper < participants }
            count(number, views.count)
            for view in views {
                shoppers[view.shopper].advance(to: view.time, market: market)
                let shopper = shoppers[view.shopper]
                market.candidates(of: shopper, request: view.request, count: candidates, into: &found)
                user.fill(shopper, at: view.time)
                let page = ArmPage(
                    user: user, candidates: found, count: view.shown, request: view.request, day: day,
                    relevance: { market.relevance(of: $0, to: shopper, at: view.time) },
                    policy: {
                        market.policyScores(of: found, for: shopper, view: view, day: day, into: &scores)
                        return scores
                    })
                let places = try arm.rank(page)
                precondition(
                    places.count == view.shown && Set(places).count == places.count, "\(arm.name): not a page of candidates")
                let outcomes = places.enumerated().map { market.show(found[$1], at: $0, to: shopper, view) }
                for outcome in outcomes where outcome.clicked {
                    tallies[view.shopper][number].clicks += 1
                    guard outcome.purchase?.bought == true else { continue }
                    tallies[view.shopper][number].purchases += 1
                    tallies[view.shopper][number].revenue += market.catalogue.items[Int(outcome.item)].price
                }
                market.settle(outcomes, in: &shoppers[view.shopper], view)
            }
        }
        return tallies
    }
}
