/// Which items a ranking chooses from.
public enum Candidates: Sendable, Equatable {
    /// Every item of the index.
    case all
    /// These alone; repetitions and order mean nothing, ids that the index does not have are counted.
    case ids([String])
}

/// The exponents of score = CTR^ctr x CVR^cvr x price^price (Figure 4 of the paper: the fine ranker's product).
/// 0 leaves a factor out. Each lies in -16 ... 16.
public struct RankExponents: Sendable, Equatable {
    public var ctr: Double
    public var cvr: Double
    public var price: Double

    public init(ctr: Double = 1, cvr: Double = 1, price: Double = 1) {
        self.ctr = ctr
        self.cvr = cvr
        self.price = price
    }
}

/// One page to fill: a user, the items to choose from, and how many are wanted.
///
///     RankRequest(user: ["user_id": .integer(17841)], topK: 10, deny: ["71053"])
public struct RankRequest: Sendable, Equatable {
    /// User-side features of any part of the model, and the sequences' fields as lists, newest event first.
    public var user: FeatureValues
    public var candidates: Candidates
    /// Items wanted; fewer come back when fewer pass the filters. At most `ServingLimits.topK`.
    public var topK: Int
    /// Items that coarse ranking hands to fine ranking, at least `topK`. nil: `ServingLimits.survivors`, or just
    /// `topK` where there is nothing but coarse ranking.
    public var coarseTopK: Int?
    /// Only these ids; nil: all.
    public var allow: [String]?
    /// None of these ids.
    public var deny: [String]
    /// Only items of these categories; nil: all. A category that no item has matches nothing.
    public var categories: [String]?
    /// nil: 1 for each factor that the model has.
    public var exponents: RankExponents?
    /// Whether the answer says what each stage took in, let through and cost.
    public var wantsStages: Bool

    public init(
        user: FeatureValues, candidates: Candidates = .all, topK: Int, coarseTopK: Int? = nil, allow: [String]? = nil,
        deny: [String] = [], categories: [String]? = nil, exponents: RankExponents? = nil, wantsStages: Bool = false
    ) {
        self.user = user
        self.candidates = candidates
        self.topK = topK
        self.coarseTopK = coarseTopK
        self.allow = allow
        self.deny = deny
        self.categories = categories
        self.exponents = exponents
        self.wantsStages = wantsStages
    }
}
