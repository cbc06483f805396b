import Schema

extension MarketConfiguration {
    /// Reads a market file: strict YAML; a key that is absent keeps its default.
    ///
    /// - Parameter overrides: `key.path=value`.
    /// - Throws: `SchemaError` with every issue and its place.
    public static func load(path: String, overrides: [String] = []) throws(SchemaError) -> MarketConfiguration {
        try read(.load(path: path, overrides: overrides))
    }

    /// Reads the text of a market file; `file` is what errors call it.
    public static func parse(
        text: String, file: String, overrides: [String] = []
    ) throws(SchemaError) -> MarketConfiguration {
        try read(.parse(text: text, file: file, overrides: overrides))
    }

    private static func read(_ document: StrictDocument) throws(SchemaError) -> MarketConfiguration {
        var market = MarketConfiguration()
        if let fields = document.root.mapping([
            "seed", "impressions", "days", "users", "items", "categories", "shops", "brands", "page", "candidates",
            "history", "users_per_file", "interest", "clicks", "purchases", "privileged",
        ]) {
            fields.set(&market.seed, "seed") { $0.unsigned }
            fields.set(&market.impressions, "impressions") { $0.integer }
            fields.set(&market.days, "days") { $0.integer }
            fields.set(&market.users, "users") { $0.integer }
            fields.set(&market.items, "items") { $0.integer }
            fields.set(&market.categories, "categories") { $0.integer }
            fields.set(&market.shops, "shops") { $0.integer }
            fields.set(&market.brands, "brands") { $0.integer }
            fields.set(&market.page, "page") { $0.integer }
            fields.set(&market.candidates, "candidates") { $0.integer }
            fields.set(&market.history, "history") { $0.integer }
            fields.set(&market.usersPerFile, "users_per_file") { $0.integer }
            read(&market.interest, fields["interest"])
            read(&market.clicks, fields["clicks"])
            read(&market.purchases, fields["purchases"])
            if let fields = fields["privileged"]?.mapping(["informativeness"]) {
                fields.set(&market.privileged.informativeness, "informativeness") { $0.double }
            }
        }
        try document.finish()
        return market
    }

    private static func read(_ interest: inout InterestConfiguration, _ field: Field?) {
        guard let fields = field?.mapping(["drift", "intents_per_day", "intent_days", "strength"]) else { return }
        fields.set(&interest.drift, "drift") { $0.double }
        fields.set(&interest.intentsPerDay, "intents_per_day") { $0.double }
        fields.set(&interest.intentDays, "intent_days") { $0.double }
        fields.set(&interest.strength, "strength") { $0.double }
    }

    private static func read(_ clicks: inout ClickConfiguration, _ field: Field?) {
        guard
            let fields = field?.mapping([
                "bias", "favourites", "demography", "taste", "quality", "price", "position_bias",
            ])
        else { return }
        fields.set(&clicks.bias, "bias") { $0.double }
        fields.set(&clicks.favourites, "favourites") { $0.double }
        fields.set(&clicks.demography, "demography") { $0.double }
        fields.set(&clicks.taste, "taste") { $0.double }
        fields.set(&clicks.quality, "quality") { $0.double }
        fields.set(&clicks.price, "price") { $0.double }
        fields.set(&clicks.positionBias, "position_bias") { $0.double }
    }

    private static func read(_ purchases: inout PurchaseConfiguration, _ field: Field?) {
        let keys = ["bias", "quality", "trust", "intent", "price", "taste", "mood", "deliberation"]
        guard let fields = field?.mapping(keys) else { return }
        fields.set(&purchases.bias, "bias") { $0.double }
        fields.set(&purchases.quality, "quality") { $0.double }
        fields.set(&purchases.trust, "trust") { $0.double }
        fields.set(&purchases.intent, "intent") { $0.double }
        fields.set(&purchases.price, "price") { $0.double }
        fields.set(&purchases.taste, "taste") { $0.double }
        fields.set(&purchases.mood, "mood") { $0.double }
        fields.set(&purchases.deliberation, "deliberation") { $0.double }
    }

    /// The market as a file that reads back as the same market, every key written out.
    public var yaml: String {
        """
        # A simulated marketplace, every key written out. `hindsight simulate` made it, and makes its logs again from it.
        seed: \(seed)
        impressions: \(impressions)
        days: \(days)
        users: \(userCount)
        items: \(items)
        categories: \(categories)
        shops: \(shops)
        brands: \(brands)
        page: \(page)
        candidates: \(candidates)
        history: \(history)
        users_per_file: \(usersPerFile)
        interest:
          drift: \(interest.drift)
          intents_per_day: \(interest.intentsPerDay)
          intent_days: \(interest.intentDays)
          strength: \(interest.strength)
        clicks:
          bias: \(clicks.bias)
          favourites: \(clicks.favourites)
          demography: \(clicks.demography)
          taste: \(clicks.taste)
          quality: \(clicks.quality)
          price: \(clicks.price)
          position_bias: \(clicks.positionBias)
        purchases:
          bias: \(purchases.bias)
          quality: \(purchases.quality)
          trust: \(purchases.trust)
          intent: \(purchases.intent)
          price: \(purchases.price)
          taste: \(purchases.taste)
          mood: \(purchases.mood)
          deliberation: \(purchases.deliberation)
        privileged:
          informativeness: \(privileged.informativeness)

        """
    }
}
