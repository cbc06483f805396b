import Schema

extension MarketConfiguration {
    /// Checks every number and makes the market's items.
    ///
    /// - Throws: `SchemaError` with every issue found.
    public func validated() throws(SchemaError) -> Market {
        var issues: [SchemaError.Issue] = []
        func check(_ key: String, _ holds: Bool, _ expected: String, _ found: some CustomStringConvertible) {
            if !holds { issues.append(.init(path: key, message: "expected \(expected), found \(found)")) }
        }
        func whole(_ key: String, _ value: Int, _ range: ClosedRange<Int>) {
            check(key, range.contains(value), "\(range.lowerBound) to \(range.upperBound)", value)
        }
        func number(_ key: String, _ value: Double, _ range: ClosedRange<Double>) {
            check(key, range.contains(value), "\(range.lowerBound) to \(range.upperBound)", value)
        }
        whole("impressions", impressions, 1...1_000_000_000_000)
        whole("days", days, 2...3_650)
        if let users { whole("users", users, 1...1_000_000_000) }
        whole("items", items, 1...20_000_000)
        whole("categories", categories, 1...100_000)
        whole("shops", shops, 1...10_000_000)
        whole("brands", brands, 1...10_000_000)
        whole("page", page, 1...100)
        whole("candidates", candidates, 1...1_000)
        whole("history", history, 1...1_000)
        whole("users_per_file", usersPerFile, 1...100_000)
        check("page", page <= candidates, "at most the \(candidates) candidates", page)
        check("candidates", candidates <= items, "at most the \(items) items", candidates)
        check("categories", categories <= items, "at most the \(items) items", categories)
        check("shops", shops >= categories, "at least one for each of the \(categories) categories", shops)
        check("brands", brands >= categories, "at least one for each of the \(categories) categories", brands)
        check("impressions", impressions >= days, "at least one a day, for \(days) days", impressions)
        // A page view's id holds its number within the file in 20 bits.
        let aFile = (impressions / max(1, days) + 1) / max(1, fileCount) + 1
        check(
            "users_per_file", aFile / max(1, page) < 1 << 20, "fewer than \((1 << 20) * page) impressions a file and day",
            aFile)
        number("interest.drift", interest.drift, 0...1)
        number("interest.intents_per_day", interest.intentsPerDay, 0...100)
        number("interest.intent_days", interest.intentDays, 0.01...1_000)
        number("interest.strength", interest.strength, 0...20)
        for (key, value) in [
            ("clicks.bias", clicks.bias), ("clicks.favourites", clicks.favourites), ("clicks.demography", clicks.demography),
            ("clicks.taste", clicks.taste), ("clicks.quality", clicks.quality), ("clicks.price", clicks.price),
            ("purchases.bias", purchases.bias), ("purchases.quality", purchases.quality),
            ("purchases.trust", purchases.trust), ("purchases.intent", purchases.intent),
            ("purchases.price", purchases.price), ("purchases.taste", purchases.taste), ("purchases.mood", purchases.mood),
            ("purchases.deliberation", purchases.deliberation),
        ] { number(key, value, -20...20) }
        number("clicks.position_bias", clicks.positionBias, 0...10)
        number("privileged.informativeness", privileged.informativeness, 0...1)
        guard issues.isEmpty else { throw SchemaError(issues) }
        return Market(checked: self)
    }

    /// Log files a day.
    var fileCount: Int { (userCount + usersPerFile - 1) / max(1, usersPerFile) }
}
