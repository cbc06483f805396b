import Foundation

/// What became of an item that was shown, with the probabilities that decided it.
struct Outcome: Sendable {
    var item: Int32
    var position: Int
    /// The chance of a click once looked at: what a ranker should rank by.
    var relevance: Float
    /// The chance of a click at this place.
    var probability: Float
    var clicked: Bool
    /// Of a clicked item.
    var purchase: Purchase?

    struct Purchase: Sendable {
        /// The chance with the mood of the moment, and without knowing it.
        var probability: Float
        var relevance: Float
        var bought: Bool
        var engagement: Engagement
        /// Dwell as the history keeps it: that of an honest dial, so that turning the dial changes privileged
        /// columns alone.
        var rememberedDwell: Int32
    }
}

extension Market {
    /// Shows an item and lets the user decide. Draws depend on the page view and the item alone: where and among
    /// which others it is shown changes its probability, not its luck.
    func show(_ item: Int32, at position: Int, to shopper: Shopper, _ view: PageView) -> Outcome {
        let relevance = relevance(of: item, to: shopper, at: view.time)
        let probability = relevance * examination(position: position)
        var luck = RandomStream(configuration.seed, .click, UInt64(view.request), UInt64(item))
        let clicked = luck.fineUniform() < Double(probability)
        return Outcome(
            item: item, position: position, relevance: relevance, probability: probability, clicked: clicked,
            purchase: clicked ? purchase(item, shopper, view) : nil)
    }

    private func purchase(_ item: Int32, _ shopper: Shopper, _ view: PageView) -> Outcome.Purchase {
        let logit = purchaseLogit(of: item, by: shopper, at: view.time)
        let withMood = logit + mood(request: view.request)
        let probability = sigmoid(withMood)
        var luck = RandomStream(configuration.seed, .purchase, UInt64(view.request), UInt64(item))
        let bought = luck.fineUniform() < Double(probability)
        var stream = RandomStream(configuration.seed, .engagement, UInt64(view.request), UInt64(item))
        var sameStream = stream
        func engagement(_ dial: PrivilegedConfiguration, _ stream: inout RandomStream) -> Engagement {
            Engagement(
                propensity: (withMood - Float(configuration.purchases.bias)) / 1.5, bought: bought,
                deliberation: catalogue.deliberation(item), dial: dial, stream: &stream)
        }
        return Outcome.Purchase(
            probability: probability, relevance: purchaseProbability(logit: logit), bought: bought,
            engagement: engagement(configuration.privileged, &stream),
            rememberedDwell: engagement(PrivilegedConfiguration(), &sameStream).dwellSeconds)
    }

    /// What the page leaves behind in the user: clicks in her history, and no more wish for what she bought.
    func settle(_ outcomes: [Outcome], in shopper: inout Shopper, _ view: PageView) {
        for outcome in outcomes {
            guard let purchase = outcome.purchase else { continue }
            shopper.remember(
                outcome.item, at: view.time + 20 * Int32(outcome.position + 1), dwell: purchase.rememberedDwell, self)
            if purchase.bought { shopper.satisfy(catalogue.items[Int(outcome.item)].category) }
        }
    }

    /// The interacted features as the log tells them, by the dial.
    func interactedCounts(of outcome: Outcome, _ shopper: Shopper, _ view: PageView) -> InteractedCounts {
        let dial = configuration.privileged
        var told = outcome.item
        if dial.signal < 1 || dial.leakage > 0 {
            var stream = RandomStream(configuration.seed, .dial, UInt64(view.request), UInt64(outcome.item))
            if Double(stream.uniform()) >= dial.signal { told = catalogue.popular(&stream) }
            var counts = InteractedCounts(shopper.history, of: catalogue.items[Int(told)], at: view.time)
            if outcome.clicked, Double(stream.uniform()) < dial.leakage { counts.leak() }
            return counts
        }
        return InteractedCounts(shopper.history, of: catalogue.items[Int(told)], at: view.time)
    }
}
