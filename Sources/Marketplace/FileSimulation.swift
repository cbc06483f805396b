import Foundation

/// Sums over impressions. Merging is addition.
public struct MarketTotals: Sendable, Codable, Equatable {
    public var impressions = 0
    public var clicks = 0
    public var purchases = 0
    /// Expected clicks and purchases: sums of the true probabilities, in 2^-20 so that the order of adding does not
    /// matter.
    var clickMass: Int64 = 0
    var purchaseMass: Int64 = 0

    public init() {}

    public var expectedClicks: Double { Double(clickMass) * 0x1p-20 }
    public var expectedPurchases: Double { Double(purchaseMass) * 0x1p-20 }

    mutating func add(_ outcome: Outcome) {
        impressions += 1
        clickMass += Int64(outcome.probability * 0x1p20)
        guard let purchase = outcome.purchase else { return }
        clicks += 1
        purchases += purchase.bought ? 1 : 0
        purchaseMass += Int64(purchase.probability * 0x1p20)
    }

    static func += (a: inout MarketTotals, b: MarketTotals) {
        a.impressions += b.impressions
        a.clicks += b.clicks
        a.purchases += b.purchases
        a.clickMass += b.clickMass
        a.purchaseMass += b.purchaseMass
    }
}

/// The users of one file, living through the days under the logging policy. Users do not meet, so files can be
/// simulated in any order and at the same time.
struct FileSimulation {
    let market: Market
    let file: Int
    private(set) var shoppers: [Shopper]
    let activity: AliasTable

    init(_ market: Market, file: Int) {
        self.market = market
        self.file = file
        shoppers = market.users(file: file).map { Shopper(number: $0, market: market) }
        activity = AliasTable(shoppers.map(\.traits.activity))
    }

    /// One day; rows go to `log` when there is one.
    mutating func run(day: Int, log: DayLog?) throws -> MarketTotals {
        var totals = MarketTotals()
        var candidates: [Int32] = []
        var scores: [Float] = []
        var places: [Int] = []
        var outcomes: [Outcome] = []
        var user = UserSide()
        let count = market.configuration.candidates
        for view in market.pageViews(day: day, file: file, activity: activity) {
            shoppers[view.shopper].advance(to: view.time, market: market)
            let shopper = shoppers[view.shopper]
            market.candidates(of: shopper, request: view.request, count: count, into: &candidates)
            market.policyScores(of: candidates, for: shopper, view: view, day: day, into: &scores)
            best(view.shown, of: scores, into: &places)
            outcomes.removeAll(keepingCapacity: true)
            for (position, place) in places.enumerated() {
                let outcome = market.show(candidates[place], at: position, to: shopper, view)
                totals.add(outcome)
                outcomes.append(outcome)
            }
            if let log {
                user.fill(shopper, at: view.time)
                try log.add(outcomes, shopper, user, view, day: day, market)
            }
            if outcomes.contains(where: \.clicked) { market.settle(outcomes, in: &shoppers[view.shopper], view) }
        }
        return totals
    }
}
