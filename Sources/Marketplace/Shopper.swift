import Foundation

/// What stays of a user. Only age group, gender, city tier and spending level are features; the rest is hidden.
struct Traits: Sendable {
    /// 0 ..< 6
    var age: Int32
    /// 0 or 1
    var gender: Int32
    /// 0 ..< 4
    var cityTier: Int32
    /// 0 ..< 5: a noisy view of `spending`
    var spendingLevel: Int32
    /// The relative log-price the user likes.
    var spending: Float
    var taste: SIMD8<Float>
    /// Share of page views and rate of intents, relative to the average.
    var activity: Float

    init(user: Int, seed: UInt64) {
        var stream = RandomStream(seed, .user, UInt64(user))
        age = Int32(stream.below(6))
        gender = Int32(stream.below(2))
        cityTier = Int32(stream.below(4))
        let spending = 0.5 * stream.normal()
        self.spending = spending
        spendingLevel = Int32(min(4, max(0, 2 + (2 * spending + 0.5 * stream.normal()).rounded())))
        taste = stream.normals()
        activity = exp(0.7 * stream.normal() - 0.245)
    }
}

/// A clicked item in a user's memory.
struct ClickEvent: Sendable, Equatable {
    var item: Int32
    var category: Int32
    var shop: Int32
    var brand: Int32
    /// Seconds since the first day began; before it, negative.
    var time: Int32
    var dwellSeconds: Int32
}

/// The user's last k clicks, oldest overwritten.
struct ClickHistory: Sendable {
    private var events: [ClickEvent] = []
    private var newest = -1
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { events.count }

    /// Event 0 is the newest.
    @inline(__always)
    subscript(age: Int) -> ClickEvent {
        let place = newest - age
        return events[place < 0 ? place + events.count : place]
    }

    mutating func append(_ event: ClickEvent) {
        if events.count < capacity {
            events.append(event)
            newest = events.count - 1
        } else {
            newest = newest + 1 == capacity ? 0 : newest + 1
            events[newest] = event
        }
    }
}

/// Something a user wants now.
struct Intent: Sendable {
    var category: Int32 = -1
    var shop: Int32 = -1
    var brand: Int32 = -1
    var strength: Float = 0
    /// Seconds; over when the clock is past it.
    var end: Int32 = .min
}

/// A user with her state: what she wants, and what she clicked. About 1.3 kB at k = 50.
struct Shopper: Sendable {
    static let favouriteWeights = SIMD4<Float>(1.4, 1.0, 0.7, 0.4)
    static let secondsADay: Int32 = 86_400
    /// How long before the first day the users begin to live, so that their histories are not empty.
    static let burnInDays: Int32 = 14

    let number: Int
    let traits: Traits
    var favourites: SIMD4<Int32>
    var intents = (Intent(), Intent())
    var history: ClickHistory
    private var nextIntent: Int32
    private var intentCount: UInt64 = 0
    private var day: Int32

    init(number: Int, market: Market) {
        let configuration = market.configuration
        self.number = number
        traits = Traits(user: number, seed: configuration.seed)
        var stream = RandomStream(configuration.seed, .favourites, UInt64(number))
        favourites = .zero
        for slot in 0..<4 { favourites[slot] = Self.favourite(traits, market, &stream) }
        history = ClickHistory(capacity: configuration.history)
        day = -Self.burnInDays
        nextIntent = -Self.burnInDays * Self.secondsADay
        nextIntent = Self.after(nextIntent, traits, configuration, &stream)
    }

    /// A category by its popularity, kept more likely when it suits age and gender.
    private static func favourite(_ traits: Traits, _ market: Market, _ stream: inout RandomStream) -> Int32 {
        var category = 0
        for _ in 0..<4 {
            category = market.catalogue.categoryTable.sample(&stream)
            if stream.uniform() < sigmoid(market.demography(traits, Int32(category))) { break }
        }
        return Int32(category)
    }

    /// When the next intent begins.
    private static func after(
        _ time: Int32, _ traits: Traits, _ configuration: MarketConfiguration, _ stream: inout RandomStream
    ) -> Int32 {
        let rate = Float(configuration.interest.intentsPerDay) * min(4, traits.activity)
        guard rate > 0 else { return .max }
        let seconds = stream.exponential() / rate * Float(secondsADay)
        return seconds < 1e9 ? time &+ max(60, Int32(seconds)) : .max
    }

    /// Lives on to `time`: favourites drift, intents begin, and an intent begins with a search that leaves clicks.
    mutating func advance(to time: Int32, market: Market) {
        let today = time >= 0 ? time / Self.secondsADay : -1
        while day < today {
            day += 1
            drift(market)
        }
        while nextIntent <= time { beginIntent(market) }
    }

    private mutating func drift(_ market: Market) {
        var stream = RandomStream(
            market.configuration.seed, .drift, UInt64(number), UInt64(bitPattern: Int64(day)))
        if stream.uniform() < Float(market.configuration.interest.drift) {
            favourites[stream.below(4)] = Self.favourite(traits, market, &stream)
        }
    }

    private mutating func beginIntent(_ market: Market) {
        let interest = market.configuration.interest
        var stream = RandomStream(market.configuration.seed, .intent, UInt64(number), intentCount)
        intentCount += 1
        let catalogue = market.catalogue
        let category =
            stream.uniform() < 0.6
            ? favourites[Self.favouriteSlot(&stream)] : Int32(catalogue.categoryTable.sample(&stream))
        let model = catalogue.items[Int(catalogue.popular(in: category, &stream))]
        let days = Float(interest.intentDays) * stream.exponential()
        let intent = Intent(
            category: category, shop: model.shop, brand: model.brand,
            strength: Float(interest.strength) * (0.6 + 0.8 * stream.uniform()),
            end: nextIntent &+ Int32(min(1e9, days * Float(Self.secondsADay))))
        if intents.0.end <= intents.1.end { intents.0 = intent } else { intents.1 = intent }
        search(for: intent, market, &stream)
        nextIntent = Self.after(nextIntent, traits, market.configuration, &stream)
    }

    /// One to five clicks elsewhere, every second one near what is wanted.
    private mutating func search(for intent: Intent, _ market: Market, _ stream: inout RandomStream) {
        let clicks = 1 + stream.below(3) + stream.below(3)
        for click in 0..<clicks {
            var found = market.catalogue.popular(in: intent.category, &stream)
            if stream.uniform() < 0.5 {
                for _ in 0..<6 {
                    let other = market.catalogue.items[Int(found)]
                    if other.brand == intent.brand || other.shop == intent.shop { break }
                    found = market.catalogue.popular(in: intent.category, &stream)
                }
            }
            let dwell = Engagement.dwellSeconds(
                engagement: 0.5, deliberation: market.catalogue.deliberation(found), noise: stream.normal())
            remember(found, at: nextIntent - Int32(90 * (clicks - click)), dwell: dwell, market)
        }
    }

    private static func favouriteSlot(_ stream: inout RandomStream) -> Int {
        var rest = stream.uniform() * favouriteWeights.sum()
        for slot in 0..<3 {
            rest -= favouriteWeights[slot]
            if rest < 0 { return slot }
        }
        return 3
    }

    /// Puts a click on top of the history; never before the one below it.
    mutating func remember(_ item: Int32, at time: Int32, dwell: Int32, _ market: Market) {
        let details = market.catalogue.items[Int(item)]
        history.append(
            ClickEvent(
                item: item, category: details.category, shop: details.shop, brand: details.brand,
                time: history.count > 0 ? max(time, history[0].time) : time, dwellSeconds: dwell))
    }

    /// Bought: what was wanted there is not wanted any more.
    mutating func satisfy(_ category: Int32) {
        if intents.0.category == category { intents.0.end = .min }
        if intents.1.category == category { intents.1.end = .min }
    }
}
