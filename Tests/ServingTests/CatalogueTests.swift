import Foundation
import Logs
import Testing

@testable import Serving
@testable import hindsight

@Suite struct CatalogueTests {
    private func upsert(_ number: Int, as id: String? = nil, price: Double? = 2, category: String? = nil) -> ItemUpsert {
        ItemUpsert(
            id: id ?? "item \(number)", features: ServedFolder.features(number), price: price, category: category)
    }

    /// Items that come one by one are ranked as those that came in a file.
    @Test func addedItemsAreRankedAsIndexedOnes() throws {
        let some = try ServedFolder(rows: 0..<10)
        let model = try some.model()
        try model.upsert(
            (10..<30).map { upsert($0, price: ServedFolder.price($0), category: ServedFolder.category($0)) })
        let whole = try ServedFolder.shared.get().model()
        #expect(model.itemCount == 30)
        for categories in [nil, ["kind 2", "kind 3"]] {
            let request = RankRequest(user: user, topK: 30, categories: categories)
            let (a, b) = (try model.rank(request).items, try whole.rank(request).items)
            #expect(a.map(\.id) == b.map(\.id) && a.count == (categories == nil ? 30 : 12))
            for (x, y) in zip(a, b) { #expect(abs(x.score - y.score) <= 1e-6 && x.price == y.price) }
        }
    }

    @Test func replacedAndRemovedItemsAreGone() throws {
        let model = try ServedFolder.shared.get().model()
        try model.upsert([upsert(7, as: "item 3", price: 9, category: "new kind"), upsert(8, as: "fresh")])
        #expect(model.itemCount == 31)
        let answer = try model.rank(RankRequest(user: user, topK: 31)).items
        let (three, seven) = (answer.first { $0.id == "item 3" }!, answer.first { $0.id == "item 7" }!)
        // Item 3 has item 7's features now.
        #expect(abs(three.coarse - seven.coarse) <= 1e-6 && abs(three.cvr! - seven.cvr!) <= 1e-6 && three.price == 9)
        #expect(try model.rank(RankRequest(user: user, topK: 9, categories: ["new kind"])).items.map(\.id) == ["item 3"])
        #expect(model.remove(ids: ["item 3", "fresh", "nobody", "item 3", "item 0"]) == 3)
        let left = try model.rank(RankRequest(user: user, topK: 31)).items.map(\.id)
        #expect(left.count == 28 && Set(left).isDisjoint(with: ["item 3", "fresh", "item 0"]))
        let named = try model.rank(RankRequest(user: user, candidates: .ids(["item 3", "fresh", "item 4"]), topK: 5))
        #expect(named.items.map(\.id) == ["item 4"] && named.unknownCandidates == 2)
        // And they may come back.
        try model.upsert([upsert(3), upsert(8, as: "fresh")])
        #expect(Set(try model.rank(RankRequest(user: user, candidates: .ids(["item 3", "fresh"]), topK: 5)).items.map(\.id)) == ["item 3", "fresh"])
    }

    @Test func aRefusedItemChangesNothing() throws {
        let model = try ServedFolder.shared.get().model()
        let before = try model.rank(RankRequest(user: user, topK: 30))
        let bad: [ItemUpsert] = [
            upsert(3, price: nil), upsert(3, price: -1), upsert(3, price: .nan), upsert(3, price: .infinity), upsert(3, as: ""),
            ItemUpsert(id: "x", features: ["dwell_secret": .number(1)], price: 1),
            ItemUpsert(id: "x", features: ["user_id": .number(1)], price: 1),
            ItemUpsert(id: "x", features: ["price": .text("dear")], price: 1),
        ]
        for item in bad {
            #expect(throws: ServingError.self, "\(item)") { try model.upsert([upsert(1, price: 7), item]) }
        }
        #expect(try model.rank(RankRequest(user: user, topK: 30)) == before)
        let free = try ServedFolder(cvr: false, prices: false).model()
        #expect(throws: ServingError.self) { try free.upsert([upsert(3, price: 1)]) }
        try free.upsert([upsert(3, price: nil)])
    }

    /// Many changes, in any order, against a dictionary.
    @Test(arguments: [1, 2]) func manyChangesEndWhereADictionaryEnds(_ seed: UInt64) throws {
        let model = try ServedFolder.shared.get().model()
        var generator = SeededGenerator(seed: seed)
        var prices = Dictionary(uniqueKeysWithValues: (0..<30).map { ("item \($0)", ServedFolder.price($0)) })
        for step in 0..<300 {
            let id = "\(Bool.random(using: &generator) ? "item" : "new") \(Int.random(in: 0..<40, using: &generator))"
            if Int.random(in: 0..<3, using: &generator) == 0 {
                #expect(model.remove(ids: [id]) == (prices.removeValue(forKey: id) == nil ? 0 : 1))
            } else {
                let price = Double(Int.random(in: 1...9, using: &generator))
                try model.upsert([upsert(Int.random(in: 0..<30, using: &generator), as: id, price: price)])
                prices[id] = price
            }
            guard step % 20 == 19 else { continue }
            let answer = try model.rank(RankRequest(user: user, topK: 100))
            #expect(Dictionary(uniqueKeysWithValues: answer.items.map { ($0.id, $0.price!) }) == prices, "seed \(seed), step \(step)")
            #expect(model.itemCount == prices.count)
        }
    }
}
