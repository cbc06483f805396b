extension RankingModel {
    /// Adds and replaces items: all of them, or none when one is refused. Rankings that began before see none of it.
    ///
    /// The items' vectors and rows are computed here. A change copies at most a few chunks of a thousand items each.
    public func upsert(_ items: [ItemUpsert]) throws(ServingError) {
        guard let catalogue, package.student.vectorWidth != nil else { throw .noItems }
        guard !items.isEmpty else { return }
        let hasPrices = catalogue.view.hasPrices
        for item in items { try check(item, hasPrices: hasPrices) }
        let features = items.map(\.features)
        let vectors = try student.itemVectors(features)
        var rows: [FinePart: [[[Int32]]]] = [:]
        for (part, ranker) in fine {
            let encoded = try ranker.scorer.encode(items: features).inputs
            rows[part] = items.indices.map { ranker.rows(of: encoded, item: $0) }
        }
        let width = vectors.count / items.count
        try catalogue.upsert(
            items.enumerated().map { number, item in
                ItemCatalogue.Encoded(
                    id: item.id, vector: Array(vectors[number * width..<(number + 1) * width]),
                    category: item.category ?? "", price: item.price, rows: rows.mapValues { $0[number] })
            })
    }

    /// Removes items and says how many of these there were.
    public func remove(ids: [String]) -> Int { catalogue?.remove(ids) ?? 0 }

    private func check(_ item: ItemUpsert, hasPrices: Bool) throws(ServingError) {
        func refuse(_ expected: String, _ found: String) -> ServingError {
            .badItem(id: item.id, expected: expected, found: found)
        }
        guard !item.id.isEmpty, item.id.utf8.count <= limits.textBytes else {
            throw refuse("an id of 1 to \(limits.textBytes) bytes", "\(item.id.utf8.count)")
        }
        switch item.price {
        case nil where hasPrices: throw refuse("a price, as the other items have", "none")
        case .some where !hasPrices: throw refuse("no price, since the other items have none", "one")
        case .some(let price) where !price.isFinite || price < 0:
            throw refuse("a price that is finite and not negative", "\(price)")
        default: break
        }
    }
}
