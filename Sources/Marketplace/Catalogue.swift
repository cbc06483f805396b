import Foundation

/// An item as everyone sees it, and what nobody sees of it.
struct Item: Sendable {
    var category: Int32
    var shop: Int32
    var brand: Int32
    var price: Float
    /// Log-price relative to its category, brand included.
    var relativePrice: Float
    /// Hidden: attraction to everyone, for clicks and for purchases. Standard normal.
    var clickQuality: Float
    var purchaseQuality: Float
    /// Hidden: standard normal.
    var taste: SIMD8<Float>
    var secondTaste: SIMD8<Float>
    /// log of how often the item is looked at, relative to the average item.
    var logPopularity: Float
}

/// The items of a market, sorted by category, and how to draw one.
struct Catalogue: Sendable {
    private(set) var items: [Item] = []
    /// Items of category c are `starts[c] ..< starts[c + 1]`.
    private(set) var starts: [Int] = [0]
    /// Hidden: trust in a shop, standard normal.
    let shopTrust: [Float]
    /// Hidden: age group a of 6 and gender g of 2 in category c at `12 c + 2 a + g`, standard normal.
    let demography: [Float]
    /// Hidden: how long a category's items are looked at, standard normal.
    private let categoryDeliberation: [Float]
    private let deliberationWeight: Float
    let categoryTable: AliasTable
    /// By popularity, among all and within a category.
    private let itemTable: AliasTable
    private var inCategory: [AliasTable] = []
    /// Page views of the day before and sales of the week before, by day and item.
    let views: [[Int32]]
    let sales: [[Int32]]

    init(_ market: MarketConfiguration) {
        let seed = market.seed
        var categoryStreams = (0..<market.categories).map { RandomStream(seed, .category, UInt64($0)) }
        categoryTable = AliasTable(categoryStreams.indices.map { exp(0.8 * categoryStreams[$0].normal()) })
        demography = categoryStreams.indices.flatMap { c in (0..<12).map { _ in categoryStreams[c].normal() } }
        let categoryTaste = categoryStreams.indices.map { categoryStreams[$0].normals() }
        let categoryPrice = categoryStreams.indices.map { 3.5 + categoryStreams[$0].normal() }
        deliberationWeight = Float(market.purchases.deliberation)
        categoryDeliberation = categoryStreams.indices.map { categoryStreams[$0].normal() }
        shopTrust = (0..<market.shops).map {
            var stream = RandomStream(seed, .shop, UInt64($0))
            return stream.normal()
        }
        let brandPrice = (0..<market.brands).map {
            var stream = RandomStream(seed, .brand, UInt64($0))
            return 0.4 * stream.normal()
        }
        // Shops and brands are at home in one category: number n in category n mod C.
        func ofCategory(_ count: Int, _ category: Int, _ stream: inout RandomStream) -> Int32 {
            let home = (count - category + market.categories - 1) / market.categories
            return Int32(category + market.categories * stream.below(max(1, home)))
        }
        items.reserveCapacity(market.items)
        for category in 0..<market.categories {
            let end = market.items * (category + 1) / market.categories
            for item in items.count..<end {
                var stream = RandomStream(seed, .item, UInt64(item))
                let isGeneralShop = stream.uniform() < 0.15
                let shop = isGeneralShop ? Int32(stream.below(market.shops)) : ofCategory(market.shops, category, &stream)
                let brand = ofCategory(market.brands, category, &stream)
                let relative = brandPrice[Int(brand)] + 0.45 * stream.normal()
                let price = (exp(categoryPrice[category] + relative) * 100).rounded() / 100
                let clickQuality = stream.normal()
                items.append(
                    Item(
                        category: Int32(category), shop: shop, brand: brand, price: max(0.01, price),
                        relativePrice: relative, clickQuality: clickQuality, purchaseQuality: stream.normal(),
                        taste: 0.6 * categoryTaste[category] + 0.8 * stream.normals(), secondTaste: stream.normals(),
                        logPopularity: stream.normal() + 0.3 * clickQuality))
            }
            starts.append(end)
            inCategory.append(AliasTable(items[starts[category]..<end].map { exp($0.logPopularity) }))
        }
        itemTable = AliasTable(items.map { exp($0.logPopularity) })
        // Most page views of a shop come from elsewhere (search, campaigns): popularity with a noise of each day.
        var views: [[Int32]] = []
        var sales: [[Int32]] = []
        for day in 0..<market.days {
            var dayViews: [Int32] = []
            var daySales: [Int32] = []
            for (number, item) in items.enumerated() {
                var stream = RandomStream(seed, .itemDay, UInt64(number), UInt64(day))
                dayViews.append(Int32(100 * exp(item.logPopularity + 0.3 * stream.normal())))
                let rate = item.logPopularity + 0.5 * item.purchaseQuality - 0.5 * item.relativePrice
                daySales.append(Int32(8 * exp(rate + 0.6 * stream.normal())))
            }
            views.append(dayViews)
            sales.append(daySales)
        }
        self.views = views
        self.sales = sales
    }

    /// d_i: what an item adds to the logarithm of dwell, whatever comes of it.
    func deliberation(_ number: Int32) -> Float {
        let item = items[Int(number)]
        return deliberationWeight * (item.relativePrice + categoryDeliberation[Int(item.category)])
    }

    @inline(__always)
    func popular(_ stream: inout RandomStream) -> Int32 { Int32(itemTable.sample(&stream)) }

    @inline(__always)
    func popular(in category: Int32, _ stream: inout RandomStream) -> Int32 {
        Int32(starts[Int(category)] + inCategory[Int(category)].sample(&stream))
    }

    @inline(__always)
    func any(_ stream: inout RandomStream) -> Int32 { Int32(stream.below(items.count)) }
}
