import Foundation

/// What every row of a page view has in common: the regular user-side features and the behaviour sequence.
struct UserSide: Sendable {
    static let names = [
        "user_id", "age", "gender", "city_tier", "spending_level", "hour_of_day", "day_of_week", "user_clicks_24h",
    ]
    /// Of the behaviour sequence, newest first.
    static let sequenceNames = [
        "history_item_id", "history_category", "history_shop", "history_brand", "history_minutes", "history_dwell",
    ]

    /// Parallel to `names`.
    var values: [Int32] = []
    /// Parallel to `sequenceNames`.
    var sequence: [[Int32]] = sequenceNames.map { _ in [] }

    mutating func fill(_ shopper: Shopper, at time: Int32) {
        let traits = shopper.traits
        let day = time / Shopper.secondsADay
        var clicks: Int32 = 0
        for field in sequence.indices { sequence[field].removeAll(keepingCapacity: true) }
        for age in 0..<shopper.history.count {
            let event = shopper.history[age]
            sequence[0].append(event.item)
            sequence[1].append(event.category)
            sequence[2].append(event.shop)
            sequence[3].append(event.brand)
            sequence[4].append((time - event.time) / 60)
            sequence[5].append(event.dwellSeconds)
            if event.time > time - Shopper.secondsADay { clicks += 1 }
        }
        // The first day is a Monday.
        values = [
            Int32(shopper.number), traits.age, traits.gender, traits.cityTier, traits.spendingLevel,
            time % Shopper.secondsADay / 3_600, day % 7, clicks,
        ]
    }
}

/// The regular item-side features. The price is the only one that is not a whole number.
enum ItemSide {
    static let names = ["item_id", "category", "shop", "brand", "item_views_1d", "item_sales_7d"]
    static let price = "price"

    @inline(__always)
    static func values(_ number: Int32, day: Int, _ catalogue: Catalogue) -> (Int32, Int32, Int32, Int32, Int32, Int32) {
        let item = catalogue.items[Int(number)]
        let day = min(day, catalogue.views.count - 1)
        return (
            number, item.category, item.shop, item.brand, catalogue.views[day][Int(number)],
            catalogue.sales[day][Int(number)]
        )
    }
}

extension InteractedCounts {
    static let names = [
        "clicks_category_24h", "clicks_category_7d", "clicks_shop_24h", "clicks_shop_7d", "clicks_brand_24h",
        "clicks_brand_7d", "hours_since_category",
    ]
}

extension Engagement {
    static let names = ["dwell_seconds", "read_comments", "asked_seller", "added_to_cart"]
}
