import Foundation
import Logs
import ModelPackage
import Testing

@testable import Serving
@testable import hindsight

@Suite struct RankingTests {
    private func model() throws -> RankingModel { try ServedFolder.shared.get().model() }

    /// The whole cascade against scores of raw requests, which share no code with it but the networks.
    @Test func aRankingIsTheProductOfScoresInOrder() throws {
        let model = try model()
        let (ctr, cvr) = (try Models.ctr.get().scorer, try Models.cvr.get().scorer)
        let all = (0..<ServedFolder.itemCount).map(ServedFolder.features)
        let clicks = try ctr.score([ScoreRequest(user: user, candidates: all)])[0]
        let sales = try cvr.score([ScoreRequest(user: user, candidates: all)])[0]
        for exponents in [nil, RankExponents(ctr: 0.5, cvr: 2, price: -1), RankExponents(ctr: 0, cvr: 0, price: 1)] {
            let answer = try model.rank(RankRequest(user: user, topK: 12, coarseTopK: 30, exponents: exponents, wantsStages: true))
            let e = exponents ?? RankExponents()
            func expected(_ i: Int) -> Double {
                pow(Double(clicks[i]), e.ctr) * pow(Double(sales[i]), e.cvr) * pow(ServedFolder.price(i), e.price)
            }
            #expect(answer.items.count == 12 && answer.version == model.version)
            for item in answer.items {
                let number = try #require(Int(item.id.dropFirst(5)))
                #expect(abs(item.score - expected(number)) <= 1e-6 * max(1, expected(number)), "\(item)")
                #expect(abs(item.ctr! - clicks[number]) <= 1e-6 && abs(item.cvr! - sales[number]) <= 1e-6)
                #expect(item.price == ServedFolder.price(number))
            }
            #expect(answer.items.map(\.score) == answer.items.map(\.score).sorted(by: >))
            let best = (0..<ServedFolder.itemCount).map(expected).sorted(by: >)
            for (item, score) in zip(answer.items, best) { #expect(abs(item.score - score) <= 1e-6 * max(1, score)) }
            #expect(answer.stages.map(\.name) == ["encode", "user", "coarse", "fine"])
            #expect(answer.stages[2].inputs == 30 && answer.stages[2].outputs == 30 && answer.stages[3].outputs == 12)
            #expect(answer.stages.allSatisfy { $0.seconds >= 0 })
        }
    }

    @Test func onlyTheSurvivorsOfCoarseRankingAreRanked() throws {
        let model = try model()
        let whole = try model.rank(RankRequest(user: user, topK: 30))
        let best = Set(whole.items.sorted { $0.coarse > $1.coarse }.prefix(7).map(\.id))
        let answer = try model.rank(RankRequest(user: user, topK: 3, coarseTopK: 7))
        #expect(answer.items.count == 3 && answer.items.allSatisfy { best.contains($0.id) })
        #expect(answer.stages.isEmpty)
    }

    @Test func filtersAndCandidatesHold() throws {
        let model = try model()
        func ids(_ request: RankRequest) throws -> Set<String> { Set(try model.rank(request).items.map(\.id)) }
        let named = ["item 3", "item 4", "item 29", "nobody", "item 3"]
        let answer = try model.rank(RankRequest(user: user, candidates: .ids(named), topK: 30))
        #expect(Set(answer.items.map(\.id)) == ["item 3", "item 4", "item 29"] && answer.unknownCandidates == 1)
        #expect(try ids(RankRequest(user: user, topK: 30, allow: ["item 1", "x"])) == ["item 1"])
        #expect(try !ids(RankRequest(user: user, topK: 30, deny: ["item 1"])).contains("item 1"))
        let kinds = try ids(RankRequest(user: user, topK: 30, categories: ["kind 2", "no such kind"]))
        #expect(kinds == Set((0..<30).filter { $0 % 5 == 2 }.map { "item \($0)" }))
        #expect(try ids(RankRequest(user: user, topK: 30, categories: ["no such kind"])).isEmpty)
        #expect(try ids(RankRequest(user: user, topK: 30, categories: [""])).count == 6)
        #expect(try ids(RankRequest(user: user, candidates: .ids([]), topK: 30)).isEmpty)
        #expect(try ids(RankRequest(user: user, topK: 0)).isEmpty)
    }

    @Test func withoutFineRankersTheOrderIsThatOfTheCoarseStudent() throws {
        let folder = try ServedFolder(cvr: false, prices: false)
        let model = try folder.model()
        #expect(!model.hasFineRanker && !model.hasPrices && model.itemCount == 30)
        let answer = try model.rank(RankRequest(user: user, topK: 30))
        #expect(answer.items.map(\.coarse) == answer.items.map(\.coarse).sorted(by: >))
        #expect(answer.items.allSatisfy { $0.cvr == nil && $0.price == nil })
        // 5 cos is a monotone matter, so the scores agree with the order.
        #expect(answer.items.map(\.score) == answer.items.map(\.score).sorted(by: >))
    }

    @Test func aFineClickModelTakesThePlaceOfTheCoarseOne() throws {
        let folder = try ServedFolder.shared.get()
        // Any student may be the fine click model; a conversion model is one whose scores differ.
        let path = folder.sibling("fine-ctr-\(UUID().uuidString)")
        try ServedDirectory.index(
            folder.path, items: [folder.items], columns: .init(price: "euros", category: "kind"),
            parts: [.ctr: .copy(from: try Models.cvr.get().package.path), .cvr: .remove], out: path)
        let model = try RankingModel(path: path)
        let all = (0..<ServedFolder.itemCount).map(ServedFolder.features)
        let clicks = try Models.cvr.get().scorer.score([ScoreRequest(user: user, candidates: all)])[0]
        for item in try model.rank(RankRequest(user: user, topK: 30)).items {
            #expect(abs(item.ctr! - clicks[Int(item.id.dropFirst(5))!]) <= 1e-6 && item.cvr == nil)
        }
        #expect(model.version != (try self.model().version))
        #expect(try model.score([ScoreRequest(user: user, candidates: all)], head: .ctr).scores[0] == clicks)
    }

    @Test func scoresAreThoseOfTheNetworkAskedFor() throws {
        let model = try model()
        let request = ScoreRequest(user: user, candidates: items)
        let clicks = try Models.ctr.get().scorer.score([request]), sales = try Models.cvr.get().scorer.score([request])
        #expect(try model.score([request]).scores == clicks)
        #expect(try model.score([request], head: .ctr).scores == clicks)
        #expect(try model.score([request], head: .cvr).scores == sales)
        #expect(model.heads == [.model, .ctr, .cvr])
        let alone = try RankingModel(path: try Models.cvr.get().package.path)
        #expect(alone.version == alone.package.version && alone.heads == [.model, .cvr])
        #expect(try alone.score([request], head: .cvr).scores == sales)
        #expect(throws: ServingError.noHead("ctr", has: ["model", "cvr"])) { try alone.score([request], head: .ctr) }
        #expect(throws: ServingError.noVectors(task: "cvr")) { try alone.rank(RankRequest(user: user, topK: 1)) }
    }

    @Test func whatCannotBeRankedIsRefused() throws {
        let model = try model()
        func error(_ request: RankRequest) -> ServingError? {
            #expect(throws: ServingError.self) { try model.rank(request) }
        }
        for k in [-1, 10_001, .max, .min] {
            guard case .badOption("topK", _, _) = error(RankRequest(user: user, topK: k)) else { Issue.record("topK \(k)"); continue }
        }
        for k in [-1, 4, 10_001] {
            guard case .badOption("coarseTopK", _, _) = error(RankRequest(user: user, topK: 5, coarseTopK: k)) else {
                Issue.record("coarseTopK \(k)")
                continue
            }
        }
        for value in [Double.nan, .infinity, 17, -17] {
            for exponents in [RankExponents(ctr: value), RankExponents(cvr: value), RankExponents(price: value)] {
                guard case .badOption = error(RankRequest(user: user, topK: 5, exponents: exponents)) else {
                    Issue.record("\(exponents)")
                    continue
                }
            }
        }
        var secret = user
        secret["dwell_secret"] = .number(3)
        guard case .unknownFeature("dwell_secret", _, _) = error(RankRequest(user: secret, topK: 5)) else {
            Issue.record("a privileged feature was let pass")
            return
        }
        var item = user
        item["item_id"] = .text("item 3")
        guard case .misplacedFeature = error(RankRequest(user: item, topK: 5)) else { Issue.record("misplaced"); return }
        let bare = try RankingModel(path: try Models.ctr.get().package.path)
        #expect(throws: ServingError.noItems) { try bare.rank(RankRequest(user: user, topK: 1)) }
    }

    @Test func unknownValuesAreCounted() throws {
        let model = try model()
        var stranger = user
        stranger["user_id"] = .text("nobody")
        stranger["history_item"] = .list([.text("no such item"), .text("item 4")])
        let answer = try model.rank(RankRequest(user: stranger, topK: 3))
        #expect(answer.unknownValues == ["user_id": 1, "history_item": 1])
        #expect(model.unknownValues == ["user_id": 1, "history_item": 1])
    }

    @Test func extremeExponentsGiveFiniteScoresInOrder() throws {
        let model = try model()
        for exponents in [RankExponents(ctr: -16, cvr: -16, price: -16), RankExponents(ctr: 16, cvr: 16, price: 16)] {
            let scores = try model.rank(RankRequest(user: user, topK: 30, exponents: exponents)).items.map(\.score)
            #expect(scores.allSatisfy(\.isFinite) && scores == scores.sorted(by: >))
        }
    }
}
