import Logs

/// Raw values by feature name; what is absent is missing.
public typealias FeatureValues = [String: FeatureValue]

/// One page view: a user with her behaviour sequence, and the items that might be shown.
public struct ScoreRequest: Sendable, Equatable {
    /// User-side features, and the sequence's fields as lists of equal length, newest event first.
    public var user: FeatureValues
    /// Item-side features of each candidate, and interaction features of candidate and user.
    public var candidates: [FeatureValues]

    public init(user: FeatureValues, candidates: [FeatureValues]) {
        self.user = user
        self.candidates = candidates
    }
}

/// What one call may carry.
public struct ServingLimits: Sendable, Equatable {
    public var requests = 4_096
    /// Candidates, or items, of a whole call.
    public var candidates = 1 << 20
    /// Values of one list.
    public var listValues = 65_536
    /// Bytes of one text.
    public var textBytes = 65_536
    /// Row ids of a whole call: 256 MiB of them.
    public var totalValues = 1 << 26
    /// Items that one ranking may return, and that coarse ranking may hand to fine ranking.
    public var topK = 10_000
    /// Items that coarse ranking hands to fine ranking when a request does not say.
    public var survivors = 200
    /// Ids of one allow, deny or candidate list, and categories of a request.
    public var filterValues = 1 << 20
    /// Threads that share one scan of the items. Where requests come many at a time, 1 gives the most of them.
    public var searchThreads = 1

    public init() {}
}
