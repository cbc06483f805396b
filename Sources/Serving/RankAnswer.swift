/// One item of an answer.
public struct RankedItem: Sendable, Equatable {
    public var id: String
    /// CTR^a x CVR^b x price^c.
    public var score: Double
    /// The inner product of user and item vector, in -1 ... 1.
    public var coarse: Float
    /// The click probability: the fine CTR student's where there is one, the coarse student's otherwise.
    public var ctr: Float?
    /// The conversion probability, where there is a CVR student.
    public var cvr: Float?
    /// The price, where items have one.
    public var price: Double?

    public init(id: String, score: Double, coarse: Float, ctr: Float?, cvr: Float?, price: Double?) {
        self.id = id
        self.score = score
        self.coarse = coarse
        self.ctr = ctr
        self.cvr = cvr
        self.price = price
    }
}

/// What one stage of a ranking did.
public struct StageReport: Sendable, Equatable {
    /// `encode` (raw values to rows), `user` (the coarse user mapping), `coarse` (the scan), `fine`.
    public var name: String
    /// Users for the first two stages, items for the others.
    public var inputs: Int
    public var outputs: Int
    public var seconds: Double

    public init(name: String, inputs: Int, outputs: Int, seconds: Double) {
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.seconds = seconds
    }
}

/// A ranking, made by one version from beginning to end.
public struct RankAnswer: Sendable, Equatable {
    /// The version of user mapping, items and fine ranker.
    public var version: String
    /// Best first: by score, then coarse score, then the order in which items entered the index.
    public var items: [RankedItem]
    /// In the order of the work; empty unless asked for.
    public var stages: [StageReport]
    /// Candidate ids that the index does not have, repetitions counted.
    public var unknownCandidates: Int
    /// By feature: the user's values that the model has never seen.
    public var unknownValues: [String: Int]

    public init(
        version: String, items: [RankedItem], stages: [StageReport], unknownCandidates: Int, unknownValues: [String: Int]
    ) {
        self.version = version
        self.items = items
        self.stages = stages
        self.unknownCandidates = unknownCandidates
        self.unknownValues = unknownValues
    }
}
