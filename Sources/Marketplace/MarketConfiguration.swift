import Schema

/// A simulated marketplace in numbers. Every key of a market file, with its default.
///
/// The generative model that these numbers drive is written out in `docs/marketplace.md`. Only a `Market`, which
/// `validated()` makes, can be simulated.
public struct MarketConfiguration: Sendable, Codable, Equatable {
    /// Of everything: the same seed and numbers give the same bytes, whatever the number of threads.
    public var seed: UInt64 = 1
    /// Rows of the CTR log over all days, exactly.
    public var impressions = 1_000_000
    /// Days of logs; the last is the test day.
    public var days = 8
    /// nil: one for every 20 impressions a day.
    public var users: Int?
    public var items = 10_000
    public var categories = 100
    public var shops = 1_000
    public var brands = 500
    /// Items that a page view shows.
    public var page = 10
    /// Items that candidate generation hands to the logging policy, or to a package in an A/B test.
    public var candidates = 40
    /// k: clicked items that a user's behaviour sequence keeps.
    public var history = 50
    /// Users of one log file, simulated together: memory grows with this, not with the number of users.
    public var usersPerFile = 4_096
    public var interest = InterestConfiguration()
    public var clicks = ClickConfiguration()
    public var purchases = PurchaseConfiguration()
    public var privileged = PrivilegedConfiguration()

    public init() {}

    /// U: users, given or derived.
    public var userCount: Int { users ?? max(1, impressions / max(1, days) / 20) }
}

/// How what a user wants comes and goes.
public struct InterestConfiguration: Sendable, Codable, Equatable {
    /// Chance a day that one of a user's four favourite categories gives way to another.
    public var drift = 0.1
    /// Intents (a category wanted now, often a brand and a shop) that begin a day, for a user of average activity.
    public var intentsPerDay = 0.6
    /// Mean days until an intent passes by itself.
    public var intentDays = 1.5
    /// Mean of an intent's weight in the click logit.
    public var strength = 1.8

    public init() {}
}

/// Weights of the click logit; standard deviations where they multiply a standard normal.
public struct ClickConfiguration: Sendable, Codable, Equatable {
    public var bias = -3.6
    /// Long-term interest in the item's category.
    public var favourites = 1.0
    /// Age and gender against category.
    public var demography = 0.35
    /// Inner product of the user's and the item's taste vectors.
    public var taste = 0.35
    /// The item's attraction to everyone.
    public var quality = 0.4
    /// Distance of the item's price from what the user likes to spend.
    public var price = 0.5
    /// A page's place p is looked at with chance 1 / (1 + positionBias p).
    public var positionBias = 0.05

    public init() {}
}

/// Weights of the purchase logit of a clicked item.
public struct PurchaseConfiguration: Sendable, Codable, Equatable {
    public var bias = -3.7
    /// How well the item keeps what its picture promises.
    public var quality = 0.7
    /// Trust in the shop.
    public var trust = 0.5
    /// An active intent that the item serves.
    public var intent = 1.0
    /// A price above what the user likes to spend.
    public var price = 1.2
    /// Inner product of the user's taste vector and the item's other one.
    public var taste = 0.4
    /// Deviation of the mood of a page view, which no feature shows.
    public var mood = 0.5
    /// How much longer expensive items, and those of some categories, are looked at whatever comes of it: what
    /// misleads a teacher that sees the behaviour and not the item.
    public var deliberation = 1.0

    public init() {}
}

/// How much the privileged features know.
public struct PrivilegedConfiguration: Sendable, Codable, Equatable {
    /// The dial x in [0, 1]: at 0 they are about something else, at 0.5 they tell all of what they should (whole
    /// counters; behaviour that shows the propensity), above that they begin to tell the outcome itself, and at 1
    /// they are nearly the label.
    public var informativeness = 0.5

    public init() {}

    /// How much of the propensity they tell: min(1, 2x).
    public var signal: Double { min(1, 2 * informativeness) }
    /// How much of the outcome they tell: max(0, 2x - 1).
    public var leakage: Double { max(0, 2 * informativeness - 1) }
}
