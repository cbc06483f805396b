import Foundation

/// What a user does on the page of a clicked item: the post-event features.
struct Engagement: Sendable {
    var dwellSeconds: Int32
    var readComments: Bool
    var askedSeller: Bool
    var addedToCart: Bool

    /// - Parameters:
    ///   - propensity: the standardised purchase logit, mood included.
    ///   - deliberation: how long items like this one are looked at anyway.
    ///   - dial: `signal` scales what the behaviour tells of the propensity, `leakage` what it tells of the outcome.
    init(
        propensity: Float, bought: Bool, deliberation: Float, dial: PrivilegedConfiguration, stream: inout RandomStream
    ) {
        let told = 3 * Float(dial.signal) * propensity + 8 * Float(dial.leakage) * (bought ? 0.5 : -0.5)
        dwellSeconds = Self.dwellSeconds(engagement: told, deliberation: deliberation, noise: stream.normal())
        readComments = stream.uniform() < sigmoid(told - 0.5 + deliberation)
        askedSeller = stream.uniform() < sigmoid(told - 2 + deliberation)
        addedToCart = stream.uniform() < sigmoid(told - 1.5)
    }

    /// Expensive items, and those of some categories, take longer to decide on whatever comes of it (section 4 of the
    /// paper): dwell misleads one who does not see the item.
    static func dwellSeconds(engagement: Float, deliberation: Float, noise: Float) -> Int32 {
        let logarithm = 3.2 + 0.5 * engagement + deliberation + 0.5 * noise
        return max(1, Int32(min(36_000, exp(logarithm))))
    }
}

/// What a user clicked of late in an item's category, shop and brand: the interacted features.
struct InteractedCounts: Sendable, Equatable {
    var category24h: Int32 = 0, category7d: Int32 = 0
    var shop24h: Int32 = 0, shop7d: Int32 = 0
    var brand24h: Int32 = 0, brand7d: Int32 = 0
    /// Whole hours since the last click in the category; -1: none that is remembered.
    var hoursSinceCategory: Int32 = -1

    /// Counts over the remembered clicks.
    init(_ history: ClickHistory, of item: Item, at time: Int32) {
        let dayAgo = time - 86_400, weekAgo = time - 7 * 86_400
        for age in 0..<history.count {
            let event = history[age]
            let inCategory: Int32 = event.category == item.category ? 1 : 0
            if inCategory == 1, hoursSinceCategory < 0 { hoursSinceCategory = (time - event.time) / 3_600 }
            guard event.time > weekAgo else {
                if hoursSinceCategory >= 0 { break }
                continue
            }
            let inShop: Int32 = event.shop == item.shop ? 1 : 0
            let inBrand: Int32 = event.brand == item.brand ? 1 : 0
            category7d += inCategory
            shop7d += inShop
            brand7d += inBrand
            if event.time > dayAgo {
                category24h += inCategory
                shop24h += inShop
                brand24h += inBrand
            }
        }
    }

    /// Counts this impression's own click, as a careless pipeline does.
    mutating func leak() {
        category24h += 1
        category7d += 1
        shop24h += 1
        shop7d += 1
        brand24h += 1
        brand7d += 1
        hoursSinceCategory = 0
    }
}
