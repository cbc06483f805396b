import Schema
import Testing

@testable import Marketplace

@Suite("Market files")
struct MarketFileTests {
    @Test("A market written out reads back as the same market")
    func roundTrip() throws {
        var market = SmallMarket.configuration
        market.interest.drift = 0.25
        market.clicks.bias = -3.125
        market.purchases.mood = 0.75
        market.privileged.informativeness = 0.8
        #expect(try MarketConfiguration.parse(text: market.yaml, file: "market.yaml") == market)
    }

    @Test(
        "What is wrong is told with its place",
        arguments: [
            ("impresions: 10", "m.yaml:1:1: unknown key 'impresions'; did you mean 'impressions'?"),
            ("days: two", "m.yaml:1:7: days: expected a whole number, found 'two'"),
            ("privileged: {informativeness: much}", "m.yaml:1:31: privileged.informativeness: expected a number"),
            ("[1, 2]", "m.yaml:1:1: expected a mapping"),
        ])
    func places(text: String, message: String) {
        let error = #expect(throws: SchemaError.self) { try MarketConfiguration.parse(text: text, file: "m.yaml") }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    }

    @Test(
        "Numbers that make no market are refused, with the key",
        arguments: [
            "impressions=0", "days=1", "users=0", "items=0", "page=50", "candidates=700", "categories=700", "shops=3",
            "brands=3", "history=0", "users_per_file=0", "interest.drift=1.5", "clicks.bias=1e9",
            "privileged.informativeness=1.01", "purchases.mood=-21", "interest.intent_days=0",
        ])
    func bounds(change: String) throws {
        let market = try MarketConfiguration.parse(text: SmallMarket.configuration.yaml, file: "m.yaml", overrides: [change])
        let key = String(change.split(separator: "=")[0])
        let error = #expect(throws: SchemaError.self) { try market.validated() }
        #expect(error?.issues.contains { $0.path == key } == true, "\(error?.description ?? "")")
    }

    @Test("The smallest market has a page of one item")
    func smallest() throws {
        var market = MarketConfiguration()
        market.impressions = 2
        market.days = 2
        market.users = 1
        market.items = 1
        market.categories = 1
        market.shops = 1
        market.brands = 1
        market.page = 1
        market.candidates = 1
        market.history = 1
        let written = try WrittenMarket(market, threads: 1)
        #expect(written.totals.impressions == 2)
    }
}
