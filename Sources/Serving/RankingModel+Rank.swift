import Foundation
import Logs
import Retrieval

extension RankingModel {
    /// Ranks: one user mapping, inner products with every candidate, the best to the fine rankers, the best of those
    /// back (Figure 4(b) of the paper).
    ///
    /// score = CTR^a x CVR^b x price^c, each power at most 10^100. A factor that the model does not have is 1.
    public func rank(_ request: RankRequest) throws(ServingError) -> RankAnswer {
        guard let catalogue else {
            throw package.student.vectorWidth == nil ? .noVectors(task: package.student.task.rawValue) : .noItems
        }
        let view = catalogue.view
        let plan = try RankPlan(request, self, view)
        var stages = StageClock(isWanted: request.wantsStages)

        let encoded = try student.encode(user: request.user)
        var users: [FinePart: EncodedRequests] = [:]
        for (part, ranker) in fine { users[part] = try ranker.scorer.encode(user: request.user) }
        stages.end("encode", 1, 1)

        let vector = try student.userVectors(encoded.inputs)
        stages.end("user", 1, 1)

        let found = try coarse(vector, topK: plan.coarseTopK, plan.candidates, plan.filter, view)
        stages.end("coarse", found.considered, found.ids.count)

        let items = try score(found, plan, users.mapValues(\.inputs), view)
        stages.end("fine", found.ids.count, items.count)

        let unknown = users.values.reduce(encoded.unknown) { $0.merging($1.unknown, uniquingKeysWith: max) }
        student.count(encoded)
        for (part, user) in users { fine[part]?.scorer.count(user) }
        return RankAnswer(
            version: version, items: items, stages: stages.reports, unknownCandidates: found.unknownCandidates,
            unknownValues: unknown)
    }

    private func score(
        _ found: SearchResult, _ plan: RankPlan, _ users: [FinePart: RegularInputs], _ view: ItemCatalogue.View
    ) throws(ServingError) -> [RankedItem] {
        func probabilities(_ part: FinePart) throws(ServingError) -> [Float]? {
            guard let ranker = fine[part], let user = users[part] else { return nil }
            return try ranker.probabilities(user: user, items: found.ids, view)
        }
        let clicks = try probabilities(.ctr) ?? student.probabilities(ofProducts: found.scores)
        let conversions = try probabilities(.cvr)
        let prices = view.hasPrices ? found.ids.map { view.price($0) ?? 1 } : nil
        let scores = found.ids.indices.map { i in
            plan.score(ctr: Double(clicks[i]), cvr: conversions.map { Double($0[i]) }, price: prices?[i])
        }
        // `found` is in the order of coarse score, then number, which is what ties fall back to.
        let order = found.ids.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
        return order.prefix(plan.topK).map { i in
            RankedItem(
                id: view.id(found.ids[i]), score: scores[i], coarse: found.scores[i], ctr: clicks[i],
                cvr: conversions?[i], price: prices?[i])
        }
    }
}

/// A request whose options were checked against the model, ids turned into numbers.
private struct RankPlan {
    let topK: Int
    let coarseTopK: Int
    let candidates: [Int64]?
    let filter: ItemFilter
    private let exponents: RankExponents
    private static let largestFactor = 1e100

    init(_ request: RankRequest, _ model: RankingModel, _ view: ItemCatalogue.View) throws(ServingError) {
        let limits = model.limits
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(ServingError) {
            guard range.contains(value) else {
                throw .badOption(
                    name: name, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)")
            }
        }
        func check(_ what: String, _ values: [String]) throws(ServingError) {
            guard values.count <= limits.filterValues else {
                throw .tooLarge(what: what, limit: limits.filterValues, found: values.count)
            }
        }
        try check("topK", request.topK, 0...limits.topK)
        if let coarse = request.coarseTopK { try check("coarseTopK", coarse, request.topK...max(request.topK, limits.topK)) }
        let exponents = request.exponents ?? RankExponents()
        for (name, value) in [("ctr", exponents.ctr), ("cvr", exponents.cvr), ("price", exponents.price)] {
            guard value.isFinite, abs(value) <= 16 else {
                throw .badOption(name: "exponents.\(name)", expected: "-16 to 16", found: "\(value)")
            }
        }
        self.exponents = exponents
        topK = request.topK
        let reorders = model.hasFineRanker || view.hasPrices
        coarseTopK = request.coarseTopK ?? (reorders ? max(request.topK, min(limits.survivors, limits.topK)) : request.topK)

        // -1 is nobody's number: the index counts it among the unknown.
        func number(_ id: String) -> Int64 { view.number(of: id) ?? -1 }
        if case .ids(let ids) = request.candidates {
            try check("candidates", ids)
            candidates = ids.map(number)
        } else {
            candidates = nil
        }
        if let allow = request.allow { try check("allowed ids", allow) }
        try check("denied ids", request.deny)
        if let categories = request.categories { try check("categories", categories) }
        filter = ItemFilter(
            allow: request.allow.map { $0.map(number) }, deny: request.deny.map(number),
            categories: request.categories.map { CategorySet($0.compactMap(view.changes.category)) })
    }

    func score(ctr: Double, cvr: Double?, price: Double?) -> Double {
        factor(ctr, exponents.ctr) * (cvr.map { factor($0, exponents.cvr) } ?? 1)
            * (price.map { factor($0, exponents.price) } ?? 1)
    }

    private func factor(_ value: Double, _ exponent: Double) -> Double {
        exponent == 1 ? min(value, Self.largestFactor) : min(pow(value, exponent), Self.largestFactor)
    }
}

/// Times the stages of one request, or does nothing.
private struct StageClock {
    private(set) var reports: [StageReport] = []
    private var last: ContinuousClock.Instant?

    init(isWanted: Bool) { last = isWanted ? ContinuousClock.now : nil }

    mutating func end(_ name: String, _ inputs: Int, _ outputs: Int) {
        guard let begin = last else { return }
        let now = ContinuousClock.now
        let (seconds, attoseconds) = (now - begin).components
        reports.append(
            StageReport(name: name, inputs: inputs, outputs: outputs, seconds: Double(seconds) + Double(attoseconds) * 1e-18))
        last = now
    }
}
