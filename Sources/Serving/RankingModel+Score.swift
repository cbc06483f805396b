import ModelPackage

/// Which network scores.
public enum ScoreHead: String, Sendable, CaseIterable {
    /// The directory's own student, whatever its task.
    case model
    /// The click model that rankings report: the fine one where there is one.
    case ctr
    /// The conversion model.
    case cvr
}

/// Scores, made by one version.
public struct ScoreAnswer: Sendable, Equatable {
    public var version: String
    /// The probability of each candidate of each request, in their order.
    public var scores: [[Float]]
    /// By feature: values that the model has never seen.
    public var unknownValues: [String: Int]
}

extension RankingModel {
    /// The heads that can be asked for.
    public var heads: [ScoreHead] { ScoreHead.allCases.filter { scorer($0) != nil } }

    /// Scores raw candidates, which need not be items of the index.
    public func score(_ requests: [ScoreRequest], head: ScoreHead = .model) throws(ServingError) -> ScoreAnswer {
        guard let scorer = scorer(head) else { throw .noHead(head.rawValue, has: heads.map(\.rawValue)) }
        let (scores, unknown) = try scorer.scoreCountingUnknown(requests)
        return ScoreAnswer(version: version, scores: scores, unknownValues: unknown)
    }

    private func scorer(_ head: ScoreHead) -> StudentScorer? {
        switch head {
        case .model: student
        case .ctr: fine[.ctr]?.scorer ?? (package.student.task == .ctr ? student : nil)
        case .cvr: fine[.cvr]?.scorer ?? (package.student.task == .cvr ? student : nil)
        }
    }
}
