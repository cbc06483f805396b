import Foundation
import ModelPackage
import Serving

/// A page to fill in an A/B test: what an arm may know of it, and (for arms that play the market's part) the truth.
public struct ArmPage {
    /// The user's features and sequence, as the logs name them.
    let user: UserSide
    public let candidates: [Int32]
    /// Places on the page.
    public let count: Int
    public let request: Int64
    let day: Int
    let relevance: (Int32) -> Float
    let policy: () -> [Float]
}

/// One side of an A/B test: whatever puts candidates in order.
public protocol Arm: Sendable {
    var name: String { get }
    /// Places in `page.candidates`, best first, `page.count` of them and each once.
    func rank(_ page: ArmPage) throws -> [Int]
}

/// Ranks by the true probability of a click: the best that any model could do.
public struct TruthArm: Arm {
    public let name = "truth"
    public init() {}

    public func rank(_ page: ArmPage) -> [Int] {
        var places: [Int] = []
        best(page.count, of: page.candidates.map(page.relevance), into: &places)
        return places
    }
}

/// The policy that made the logs.
public struct PolicyArm: Arm {
    public let name = "policy"
    public init() {}

    public func rank(_ page: ArmPage) -> [Int] {
        var places: [Int] = []
        best(page.count, of: page.policy(), into: &places)
        return places
    }
}

/// Any order: two of different seeds make an A/A test.
public struct RandomArm: Arm {
    public let name: String
    private let seed: UInt64

    public init(seed: UInt64) {
        name = "random:\(seed)"
        self.seed = seed
    }

    public func rank(_ page: ArmPage) -> [Int] {
        var stream = RandomStream(seed, .policy, UInt64(page.request))
        var places: [Int] = []
        best(page.count, of: page.candidates.map { _ in stream.uniform() }, into: &places)
        return places
    }
}

extension UserSide {
    /// The features as requests carry them; `wanted` keeps those that a model knows.
    func features(_ wanted: (String) -> Bool = { _ in true }) -> FeatureValues {
        var features: FeatureValues = [:]
        for (name, value) in zip(Self.names, values) where wanted(name) { features[name] = .integer(Int64(value)) }
        for (name, events) in zip(Self.sequenceNames, sequence) where wanted(name) {
            features[name] = .list(events.map { .integer(Int64($0)) })
        }
        return features
    }
}
