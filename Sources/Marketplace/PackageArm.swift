import Foundation
import Logs
import ModelPackage
import Schema
import Serving
import Synchronization

/// One or two students in this process: CTR, CVR, or CTR x CVR, times price to a power.
public final class PackageArm: Arm {
    public let name: String
    private let models: [Model]
    private let market: Market
    private let priceExponent: Float

    private struct Model: Sendable {
        let scorer: StudentScorer
        let userNames: Set<String>
        let itemNames: Set<String>
    }
    /// Item features by model and item, of the day they were made for.
    private let items = Mutex<(day: Int, values: [[FeatureValues]])>((-1, []))

    /// - Parameter packages: their probabilities are multiplied.
    /// - Throws: `PackageError`, and `MarketError` when a package reads a feature that the market does not have.
    public init(name: String, packages: [String], market: Market, priceExponent: Float = 0) throws {
        self.name = name
        self.market = market
        self.priceExponent = priceExponent
        models = try packages.map { path in
            let package = try ModelPackage(path: path)
            let regular = package.schema.regular
            let model = Model(
                scorer: try StudentScorer(package),
                userNames: Set(
                    regular.filter { $0.side == .user }.map(\.name) + (package.schema.sequence?.fields ?? []).map(\.name)),
                itemNames: Set(regular.filter { $0.side != .user }.map(\.name)))
            let known = Set(UserSide.names + UserSide.sequenceNames), knownItems = Set(ItemSide.names + [ItemSide.price])
            let missing = model.userNames.subtracting(known).union(model.itemNames.subtracting(knownItems))
            guard missing.isEmpty else {
                throw MarketError(
                    .arm, path, expected: "a model of the market's regular features",
                    found: "\(missing.sorted().joined(separator: ", ")), which the market does not have")
            }
            return model
        }
    }

    public func rank(_ page: ArmPage) throws -> [Int] {
        let values = itemValues(day: page.day)
        var scores = page.candidates.map { powf(market.catalogue.items[Int($0)].price, priceExponent) }
        for (model, items) in zip(models, values) {
            let request = ScoreRequest(
                user: page.user.features(model.userNames.contains), candidates: page.candidates.map { items[Int($0)] })
            for (place, score) in try model.scorer.score([request])[0].enumerated() { scores[place] *= score }
        }
        var places: [Int] = []
        best(page.count, of: scores, into: &places)
        return places
    }

    /// Made once a day and shared by all threads.
    private func itemValues(day: Int) -> [[FeatureValues]] {
        items.withLock { cache in
            // After the last logged day the market's page views stay what they were.
            let day = min(day, market.configuration.days - 1)
            if cache.day != day {
                cache = (
                    day,
                    models.map { model in
                        market.catalogue.items.indices.map {
                            market.itemFeatures(Int32($0), day: day, model.itemNames.contains)
                        }
                    }
                )
            }
            return cache.values
        }
    }
}

extension Market {
    /// An item's features as requests carry them.
    func itemFeatures(_ number: Int32, day: Int, _ wanted: (String) -> Bool = { _ in true }) -> FeatureValues {
        let v = ItemSide.values(number, day: day, catalogue)
        var features: FeatureValues = [:]
        for (name, value) in zip(ItemSide.names, [v.0, v.1, v.2, v.3, v.4, v.5]) where wanted(name) {
            features[name] = .integer(Int64(value))
        }
        if wanted(ItemSide.price) { features[ItemSide.price] = .number(Double(catalogue.items[Int(number)].price)) }
        return features
    }
}

/// A served directory in this process: coarse ranking over its item vectors, then its fine rankers.
public struct ServedArm: Arm {
    public let name: String
    private let service: RankingService
    private let userNames: Set<String>
    private let exponents: RankExponents

    public init(name: String, path: String, priceExponent: Float = 0) throws {
        self.name = name
        service = try RankingService(path: path)
        let model = service.current
        userNames = Set(
            ([model.package] + model.parts.values).flatMap { package in
                package.schema.regular.filter { $0.side == .user }.map(\.name)
                    + (package.schema.sequence?.fields ?? []).map(\.name)
            })
        exponents = RankExponents(ctr: 1, cvr: 1, price: model.hasPrices ? Double(priceExponent) : 0)
        guard priceExponent == 0 || model.hasPrices else {
            throw MarketError(.arm, path, expected: "items with prices (hindsight index --price)", found: "none")
        }
    }

    public func rank(_ page: ArmPage) throws -> [Int] {
        let answer = try service.rank(
            RankRequest(
                user: page.user.features(userNames.contains), candidates: .ids(page.candidates.map(String.init)),
                topK: page.count, coarseTopK: page.candidates.count, exponents: exponents))
        return try page.places(of: answer.items.map(\.id), arm: name)
    }
}

extension ArmPage {
    /// Where the items of an answer stand among the candidates; the rest of the page keeps the candidates' order.
    func places(of ids: [String], arm: String) throws -> [Int] {
        var places: [Int] = []
        for id in ids.prefix(count) {
            guard let number = Int32(id), let place = candidates.firstIndex(of: number), !places.contains(place) else {
                throw MarketError(.arm, arm, expected: "each candidate at most once", found: "'\(id.prefix(60))'")
            }
            places.append(place)
        }
        // An index without some item leaves places open: a page is always full.
        for place in candidates.indices where places.count < count && !places.contains(place) { places.append(place) }
        return places
    }
}
