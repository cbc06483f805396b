import Foundation

/// How a model's scores are distributed: cut points into parts that hold about equally many, and the share of each.
///
/// Small enough to travel with a model, so that a server can tell whether what it scores is still what was scored
/// then. NaN and infinite scores are left out.
public struct ScoreDistribution: Codable, Sendable, Equatable {
    public static let parts = 10

    /// What was scored, such as `validation`.
    public let source: String
    public let samples: Int
    public let mean: Double
    /// Ascending; a score equal to a cut belongs to the part above it.
    public let cuts: [Float]
    /// One more than cuts; their sum is 1. Where many scores are equal, parts are not.
    public let shares: [Double]

    /// nil without a finite score. O(n log n).
    public init?(of scores: some Sequence<Float>, source: String) {
        let sorted = scores.filter(\.isFinite).sorted()
        guard !sorted.isEmpty else { return nil }
        self.source = source
        samples = sorted.count
        mean = sorted.reduce(0) { $0 + Double($1) } / Double(sorted.count)
        let cuts = (1..<Self.parts).map { sorted[$0 * sorted.count / Self.parts] }
        self.cuts = cuts
        var counts = Array(repeating: 0, count: Self.parts)
        for score in sorted { counts[Self.part(of: score, cuts)] += 1 }
        shares = counts.map { Double($0) / Double(sorted.count) }
    }

    /// The part that a score falls into.
    public func part(of score: Float) -> Int { Self.part(of: score, cuts) }

    private static func part(of score: Float, _ cuts: [Float]) -> Int { cuts.firstIndex { score < $0 } ?? cuts.count }

    /// What makes this no distribution, if anything: it may have come from a file.
    public var problem: String? {
        guard samples > 0, mean.isFinite else { return "\(samples) samples with mean \(mean)" }
        guard cuts.count < 1_000, shares.count == cuts.count + 1 else {
            return "\(cuts.count) cuts and \(shares.count) shares"
        }
        guard cuts.allSatisfy(\.isFinite), zip(cuts, cuts.dropFirst()).allSatisfy({ $0 <= $1 }) else {
            return "cuts that do not ascend"
        }
        guard shares.allSatisfy({ (0...1).contains($0) }), abs(shares.reduce(0, +) - 1) < 1e-6 else {
            return "shares that do not sum to 1"
        }
        return nil
    }

    /// The population stability index of newer scores against these,
    ///
    ///     PSI = sum over parts of (now - then) ln(now / then),
    ///
    /// shares clamped to 1e-4. Below 0.1 nothing has changed, above 0.25 something has.
    /// - Parameter counts: how many of the newer scores fell into each part.
    public func stabilityIndex(_ counts: [Int]) -> Double {
        precondition(counts.count == shares.count, "stabilityIndex: \(counts.count) counts, \(shares.count) shares")
        let total = Double(max(1, counts.reduce(0, +)))
        return zip(shares, counts).reduce(0) { sum, pair in
            let then = max(pair.0, 1e-4), now = max(Double(pair.1) / total, 1e-4)
            return sum + (now - then) * log(now / then)
        }
    }
}
