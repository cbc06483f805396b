import Evaluation
import Foundation
import Schema
import Testing
import Training

@testable import Marketplace

@Suite("Simulation")
struct SimulationTests {
    @Test("The bytes of every file are the same for one thread and for four")
    func threads() throws {
        let one = try WrittenMarket(SmallMarket.configuration, threads: 1).files()
        let four = try WrittenMarket(SmallMarket.configuration, threads: 4).files()
        #expect(one.count == 4 + 4 * 4 * 4)
        #expect(one == four)
    }

    @Test("Another seed gives other logs, and users a file are no part of what a user does")
    func seeds() throws {
        let base = try SmallMarket.written.get()
        let other = try WrittenMarket(SmallMarket.changed { $0.seed = 6 }, threads: 2)
        #expect(try base.columns("ctr", ["click"]) != other.columns("ctr", ["click"]))
        var generations: [ClickHistory] = []
        for perFile in [100, 128] {
            let market = try SmallMarket.changed { $0.usersPerFile = perFile }.validated()
            var shopper = Shopper(number: 70, market: market)
            shopper.advance(to: 5 * 86_400, market: market)
            generations.append(shopper.history)
        }
        #expect((0..<generations[0].count).map { generations[0][$0] } == (0..<generations[1].count).map { generations[1][$0] })
    }

    @Test("The CTR log has exactly the impressions asked for, and the CVR log exactly the clicks")
    func rows() throws {
        let written = try SmallMarket.written.get()
        let clicks = try written.columns("ctr", ["click"])[0]
        #expect(clicks.count == SmallMarket.configuration.impressions)
        #expect(written.totals.impressions == clicks.count)
        let purchases = try written.columns("cvr", ["purchase"])[0]
        #expect(purchases.count == Int(clicks.reduce(0, +)))
        #expect(written.totals.clicks == purchases.count)
        #expect(written.totals.purchases == Int(purchases.reduce(0, +)))
    }

    @Test(
        "Clicks and purchases come as often as the truth says: exact binomial bounds of 1 in 10^6 a bin",
        arguments: [("ctr", "click"), ("cvr", "purchase")])
    func rates(log: String, label: String) throws {
        let written = try SmallMarket.written.get()
        let columns = try written.columns("truth/\(log)", [label, "probability"])
        let order = columns[1].indices.sorted { columns[1][$0] < columns[1][$1] }
        for bin in 0..<10 {
            let rows = order[order.count * bin / 10..<order.count * (bin + 1) / 10]
            let outcomes = Int(rows.reduce(Float(0)) { $0 + columns[0][$1] })
            let mean = rows.reduce(0.0) { $0 + Double(columns[1][$1]) } / Double(rows.count)
            // A sum of independent draws with mean p has thinner tails than a binomial of that p (Hoeffding 1956).
            let bounds = binomialBounds(count: rows.count, probability: mean, tail: 1e-6)
            #expect(bounds.contains(outcomes), "bin \(bin): \(outcomes) of \(rows.count) at \(mean), seed 5")
        }
    }

    @Test("The truth's rows are the log's rows")
    func truthRows() throws {
        let written = try SmallMarket.written.get()
        for (log, label) in [("ctr", "click"), ("cvr", "purchase")] {
            let names = [label, "item_id"]
            #expect(try written.columns(log, names) == written.columns("truth/\(log)", names))
        }
    }

    @Test("Purchases with the mood integrated out come as often as those with it")
    func moods() throws {
        let market = try SmallMarket.changed { $0.purchases.mood = 1.2 }.validated()
        for logit in [Float(-4), -2, 0, 1] {
            let draws = 40_000
            let mean = (0..<draws).reduce(0.0) { $0 + Double(sigmoid(logit + market.mood(request: Int64($1)))) } / Double(draws)
            #expect(abs(mean - Double(market.purchaseProbability(logit: logit))) < 0.005)
        }
    }

    @Test("Turning the dial changes privileged columns and nothing else")
    func dial() throws {
        let base = try SmallMarket.written.get()
        let useless = try WrittenMarket(SmallMarket.changed { $0.privileged.informativeness = 0 }, threads: 2)
        let telling = try WrittenMarket(SmallMarket.changed { $0.privileged.informativeness = 1 }, threads: 2)
        let regular = UserSide.names + ItemSide.names + [ItemSide.price]
        for (log, own, label) in [("ctr", InteractedCounts.names, "click"), ("cvr", Engagement.names, "purchase")] {
            let same = try base.columns(log, regular + [label])
            let told = try base.columns(log, own)
            for other in [useless, telling] {
                #expect(try other.columns(log, regular + [label]) == same)
                #expect(try other.columns(log, own) != told)
            }
        }
        // At 1 the counters have counted the very click that they shall predict.
        let leaked = try telling.columns("ctr", ["click", "clicks_category_24h"])
        #expect(zip(leaked[0], leaked[1]).allSatisfy { $0 == 0 || $1 >= 1 })
    }

    @Test("Privileged features tell more of the outcome the further the dial is turned")
    func informativeness() throws {
        var dwell: [Double] = []
        var counts: [Double] = []
        for x in [0, 0.5, 1] {
            let written = try WrittenMarket(SmallMarket.changed { $0.privileged.informativeness = x }, threads: 2)
            dwell.append(try auc(written.columns("cvr", ["dwell_seconds", "purchase"])))
            counts.append(try auc(written.columns("ctr", ["clicks_category_7d", "click"])))
        }
        #expect(dwell[0] < 0.56 && dwell[0] + 0.05 < dwell[1] && dwell[1] + 0.05 < dwell[2], "\(dwell)")
        #expect(counts[0] < 0.53 && counts[0] + 0.03 < counts[1] && counts[1] + 0.03 < counts[2], "\(counts)")
    }

    @Test("Deliberation makes behaviour tell less of the outcome, and decides none")
    func deliberation() throws {
        let plain = try WrittenMarket(SmallMarket.changed { $0.purchases.deliberation = 0 }, threads: 2)
        let misleading = try WrittenMarket(SmallMarket.changed { $0.purchases.deliberation = 3 }, threads: 2)
        #expect(try plain.columns("ctr", ["click"]) == misleading.columns("ctr", ["click"]))
        #expect(try plain.columns("cvr", ["purchase"]) == misleading.columns("cvr", ["purchase"]))
        for behaviour in ["dwell_seconds", "asked_seller"] {
            let clear = try auc(plain.columns("cvr", [behaviour, "purchase"]))
            let blurred = try auc(misleading.columns("cvr", [behaviour, "purchase"]))
            #expect(blurred + 0.03 < clear, "\(behaviour): \(blurred), \(clear)")
        }
    }

    private func auc(_ columns: [[Float]]) throws -> Double {
        var metric = AUC()
        metric.add(try ScoredSamples(predictions: columns[0], labels: columns[1]))
        return try metric.value
    }

    @Test("Histories are newest first, no longer than asked, and never of the future")
    func histories() throws {
        let market = try SmallMarket.configuration.validated()
        for number in 0..<40 {
            var shopper = Shopper(number: number, market: market)
            for time: Int32 in [3_600, 86_400, 432_000] {
                shopper.advance(to: time, market: market)
                let times = (0..<shopper.history.count).map { shopper.history[$0].time }
                #expect(times == times.sorted(by: >))
                #expect(times.count <= 20 && times.allSatisfy { $0 <= time })
            }
        }
    }

    @Test("Interacted counts are those of a count by hand")
    func counts() throws {
        let market = try SmallMarket.configuration.validated()
        var shopper = Shopper(number: 3, market: market)
        let time: Int32 = 3 * 86_400
        shopper.advance(to: time, market: market)
        let events = (0..<shopper.history.count).map { shopper.history[$0] }
        var met = 0
        for item in market.catalogue.items {
            let counts = InteractedCounts(shopper.history, of: item, at: time)
            let inCategory: [ClickEvent] = events.filter { $0.category == item.category }
            let dayAgo = time - 86_400, weekAgo = time - 7 * 86_400
            let expected: [Int] = [
                inCategory.count { $0.time > dayAgo }, inCategory.count { $0.time > weekAgo },
                events.count { $0.shop == item.shop && $0.time > weekAgo },
                events.count { $0.brand == item.brand && $0.time > dayAgo },
            ]
            #expect([counts.category24h, counts.category7d, counts.shop7d, counts.brand24h].map { Int($0) } == expected)
            let hours: Int32 = inCategory.first.map { (time - $0.time) / 3_600 } ?? -1
            #expect(counts.hoursSinceCategory == hours)
            met += inCategory.isEmpty ? 0 : 1
        }
        #expect(met > 0)
    }

    @Test("A folder that holds something is refused")
    func folders() throws {
        let written = try SmallMarket.written.get()
        #expect(throws: MarketError.self) { try Simulation(written.market, folder: written.path) }
    }

    @Test("Both run files are sound, and no feature of theirs is the truth", arguments: ["ctr", "cvr"])
    func runFiles(task: String) throws {
        let written = try SmallMarket.written.get()
        let checked = try RunFile.read(path: "\(written.path)/\(task).yaml").validated()
        let session = try RunSession(checked)
        #expect(try session.logs.rowCount(.train) > 0 && session.logs.rowCount(.test) > 0)
        let schema = checked.configuration.schema
        let columns = (schema.regular.map(\.encoding) + schema.privileged.map(\.encoding)).map(\.column)
        #expect(!columns.contains("probability") && !columns.contains("relevance"))
        #expect(schema.privileged.count == (task == "ctr" ? 7 : 4))
    }
}

/// The counts that a binomial leaves only with chance `tail` on either side, by summing its probabilities.
func binomialBounds(count n: Int, probability p: Double, tail: Double) -> ClosedRange<Int> {
    func logMass(_ k: Int) -> Double {
        lgamma(Double(n + 1)) - lgamma(Double(k + 1)) - lgamma(Double(n - k + 1)) + Double(k) * log(p)
            + Double(n - k) * log1p(-p)
    }
    var low = 0
    var below = exp(logMass(0))
    while below < tail {
        low += 1
        below += exp(logMass(low))
    }
    var high = n
    var above = exp(logMass(n))
    while above < tail {
        high -= 1
        above += exp(logMass(high))
    }
    return low...high
}
