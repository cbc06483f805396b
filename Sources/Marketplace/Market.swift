import Foundation
import Schema

/// A checked marketplace: its numbers, its items, and the true probabilities of everything.
///
/// Immutable; any thread may use it. Made by `MarketConfiguration.validated()`.
public final class Market: Sendable {
    public let configuration: MarketConfiguration
    let catalogue: Catalogue

    init(checked configuration: MarketConfiguration) {
        var configuration = configuration
        configuration.users = configuration.userCount
        self.configuration = configuration
        catalogue = Catalogue(configuration)
    }

    @inline(__always)
    func demography(_ traits: Traits, _ category: Int32) -> Float {
        catalogue.demography[12 * Int(category) + 2 * Int(traits.age) + Int(traits.gender)]
    }

    /// How much the strongest active intent wants the item: s (1 + b/2 + h/2) in its category (b: its brand, h: its
    /// shop), else 0.
    @inline(__always)
    private func wanted(_ shopper: Shopper, _ item: Item, at time: Int32) -> Float {
        func want(_ intent: Intent) -> Float {
            guard intent.category == item.category, intent.end > time else { return 0 }
            return intent.strength
                * (1 + (intent.brand == item.brand ? 0.5 : 0) + (intent.shop == item.shop ? 0.5 : 0))
        }
        return max(want(shopper.intents.0), want(shopper.intents.1))
    }

    /// The chance that the user clicks the item once she looks at it: sigmoid of
    /// b + f L(u, c) + d D(a, g, c) + t <z_u, z_i> / sqrt 8 + q Q_i - p |r_i - s_u| + W(u, i, t).
    func relevance(of number: Int32, to shopper: Shopper, at time: Int32) -> Float {
        let weights = configuration.clicks
        let item = catalogue.items[Int(number)]
        let favourite = Shopper.favouriteWeights
            .replacing(with: 0, where: shopper.favourites .!= SIMD4(repeating: item.category)).max()
        var logit = Float(weights.bias) + Float(weights.favourites) * favourite
        logit += Float(weights.demography) * demography(shopper.traits, item.category)
        logit += Float(weights.taste) * (shopper.traits.taste * item.taste).sum() * 0.35355338
        logit += Float(weights.quality) * item.clickQuality
        logit -= Float(weights.price) * abs(item.relativePrice - shopper.traits.spending)
        return sigmoid(logit + wanted(shopper, item, at: time))
    }

    /// The chance that place p of a page is looked at: 1 / (1 + positionBias p).
    func examination(position: Int) -> Float {
        1 / (1 + Float(configuration.clicks.positionBias) * Float(position))
    }

    /// The purchase logit of a clicked item but for the mood:
    /// b + q Q'_i + h T_shop + t <z_u, z'_i> / sqrt 8 - p max(0, r_i - s_u) + w [wanted].
    func purchaseLogit(of number: Int32, by shopper: Shopper, at time: Int32) -> Float {
        let weights = configuration.purchases
        let item = catalogue.items[Int(number)]
        var logit = Float(weights.bias) + Float(weights.quality) * item.purchaseQuality
        logit += Float(weights.trust) * catalogue.shopTrust[Int(item.shop)]
        logit += Float(weights.taste) * (shopper.traits.taste * item.secondTaste).sum() * 0.35355338
        logit -= Float(weights.price) * max(0, item.relativePrice - shopper.traits.spending)
        return wanted(shopper, item, at: time) > 0 ? logit + Float(weights.intent) : logit
    }

    /// The mood of a page view: normal with the configured deviation.
    func mood(request: Int64) -> Float {
        var stream = RandomStream(configuration.seed, .mood, UInt64(request))
        return Float(configuration.purchases.mood) * stream.normal()
    }

    /// sigmoid(logit + mood) with the mood integrated out, by Gauss and Hermite in five points.
    func purchaseProbability(logit: Float) -> Float {
        let deviation = Float(configuration.purchases.mood)
        return sigmoid(logit) * 0.5333333 + (sigmoid(logit + 1.3556262 * deviation) + sigmoid(logit - 1.3556262 * deviation)) * 0.2220759
            + (sigmoid(logit + 2.8569700 * deviation) + sigmoid(logit - 2.8569700 * deviation)) * 0.0112574
    }
}
