/// Group AUC: AUC within each group (request or user), averaged by the groups' weight in impressions.
///
/// A group of one class has no AUC: it is left out of both sums and counted in `skippedGroups`. Exact, keeps
/// 16 bytes a sample, O(n). Undefined without group keys, and where no group holds both classes.
public struct GAUC: Metric {
    public static let kind = MetricKind.gauc

    private var groups: [UInt64] = []
    private var samples: [UInt64] = []
    private var lacksGroupKeys = false
    private var faults = DomainFaults()

    public init() {}

    public mutating func add(_ batch: ScoredSamples) {
        guard let keys = batch.groups else {
            lacksGroupKeys = lacksGroupKeys || (0..<batch.count).contains { batch.weight(at: $0) > 0 }
            return
        }
        for i in 0..<batch.count {
            let weight = batch.weight(at: i)
            guard weight > 0,
                faults.admit(prediction: batch.predictions[i], label: batch.labels[i], domain: .ranking)
            else { continue }
            groups.append(keys[i])
            samples.append(
                RankedSample.pack(score: batch.predictions[i], label: batch.labels[i], weight: weight))
        }
    }

    public mutating func merge(_ other: GAUC) {
        groups += other.groups
        samples += other.samples
        lacksGroupKeys = lacksGroupKeys || other.lacksGroupKeys
        faults.merge(other.faults)
    }

    public var value: Double {
        get throws(UndefinedMetric) { try summary.value }
    }

    /// GAUC with the number of groups behind it.
    public struct Summary: Sendable, Equatable {
        public let value: Double
        /// Groups that hold both classes.
        public let countedGroups: Int
        /// Groups left out because all their labels are equal.
        public let skippedGroups: Int
    }

    /// The value and the groups behind it, in one sort.
    ///
    /// - Throws: `UndefinedMetric` as `value` does.
    public var summary: Summary {
        get throws(UndefinedMetric) {
            try faults.check()
            if lacksGroupKeys { throw .noGroupKeys }
            guard !samples.isEmpty else { throw .noSamples }
            var (weightedAUC, weight, counted, skipped) = (0.0, 0.0, 0, 0)
            for group in perGroup() {
                guard let auc = group.auc else {
                    skipped += 1
                    continue
                }
                counted += 1
                weightedAUC += auc * group.weight
                weight += group.weight
            }
            guard counted > 0 else { throw .noMixedGroup }
            return Summary(
                value: min(weightedAUC / weight, 1), countedGroups: counted, skippedGroups: skipped)
        }
    }

    /// AUC (nil for one class) and weight of each group, by ascending key.
    func perGroup() -> [(auc: Double?, weight: Double)] {
        var (keys, sorted) = (groups, samples)
        radixSort(&sorted, carrying: &keys)
        radixSort(&keys, carrying: &sorted)
        var result: [(auc: Double?, weight: Double)] = []
        var start = 0
        while start < keys.count {
            var end = start + 1
            while end < keys.count && keys[end] == keys[start] { end += 1 }
            result.append(RankedSample.auc(sorted: sorted, in: start..<end))
            start = end
        }
        return result
    }
}
