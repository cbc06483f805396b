/// One model's predictions, prepared once so that each bootstrap resample costs O(samples) and no sort.
///
/// A resample is a multiplicity for each unit. AUC walks the samples in an order sorted once; the other metrics
/// need only sums: by unit, by calibration bin, and, for GAUC, each group's own AUC.
/// Plain `Double` sums in a fixed order: repeatable, and within rounding of the exact metric.
struct ResampledMetrics: Sendable {
    private let kinds: Set<MetricKind>
    private var ranking: Ranking?
    private var groupAUCs: [(auc: Double, weight: Double)] = []
    private var calibration: Calibration?
    private var sums: Sums

    /// - Parameter kinds: metrics that are defined on the whole split; others stay NaN.
    init(_ samples: ScoredSamples, units: ResamplingUnits, kinds: Set<MetricKind>) {
        self.kinds = kinds
        sums = Sums(
            samples, units: units,
            hasLogLoss: kinds.contains(.logLoss) || kinds.contains(.normalisedEntropy))
        if kinds.contains(.auc) { ranking = Ranking(samples, units: units) }
        if kinds.contains(.gauc) { groupAUCs = Self.groupAUCs(samples, units: units) }
        if kinds.contains(.ece) { calibration = Calibration(samples, units: units) }
    }

    /// The metrics of one resample, by `MetricKind.index`; NaN where undefined.
    func values(multiplicities: [Int32]) -> [Double] {
        var values = [Double](repeating: .nan, count: MetricKind.allCases.count)
        let total = sums.total(multiplicities: multiplicities)
        for kind in kinds {
            values[kind.index] =
                switch kind {
                case .auc: ranking!.auc(multiplicities: multiplicities)
                case .gauc: gauc(multiplicities: multiplicities)
                case .logLoss: total.loss / total.weight
                case .normalisedEntropy:
                    NormalisedEntropy.entropy(baseRate: total.label / total.weight)
                        .map { total.loss / total.weight / $0 } ?? .nan
                case .pcoc: total.label > 0 ? total.prediction / total.label : .nan
                case .ece: calibration!.gap(multiplicities: multiplicities) / total.weight
                case .rmse: (total.squaredError / total.weight).squareRoot()
                }
        }
        return values
    }

    private func gauc(multiplicities: [Int32]) -> Double {
        var (weightedAUC, weight) = (0.0, 0.0)
        for (group, multiplicity) in zip(groupAUCs, multiplicities) {
            weightedAUC += Double(multiplicity) * group.weight * group.auc
            weight += Double(multiplicity) * group.weight
        }
        return weight > 0 ? weightedAUC / weight : .nan
    }

    /// AUC and weight of each unit; weight 0 where the group holds one class.
    private static func groupAUCs(_ samples: ScoredSamples, units: ResamplingUnits) -> [(
        auc: Double, weight: Double
    )] {
        var unitKeys: [UInt64] = []
        var packed: [UInt64] = []
        for i in 0..<samples.count where samples.weight(at: i) > 0 {
            unitKeys.append(UInt64(units.unitOfSample[i]))
            packed.append(
                RankedSample.pack(
                    score: samples.predictions[i], label: samples.labels[i], weight: samples.weight(at: i)))
        }
        radixSort(&packed, carrying: &unitKeys)
        radixSort(&unitKeys, carrying: &packed)
        var result = [(auc: Double, weight: Double)](repeating: (0, 0), count: units.count)
        var start = 0
        while start < unitKeys.count {
            var end = start + 1
            while end < unitKeys.count && unitKeys[end] == unitKeys[start] { end += 1 }
            let (auc, weight) = RankedSample.auc(sorted: packed, in: start..<end)
            if let auc { result[Int(unitKeys[start])] = (auc, weight) }
            start = end
        }
        return result
    }
}

extension ResampledMetrics {
    /// Samples by ascending score, in runs of ties.
    private struct Ranking: Sendable {
        /// Unit and signed weight (negative for label 0) of each sample in order of score.
        var units: [Int32]
        var signedWeights: [Double]
        /// One past the last sample of each run of equal scores.
        var runEnds: [Int32] = []

        init(_ samples: ScoredSamples, units unitsOfSamples: ResamplingUnits) {
            var keys = samples.predictions.map { UInt64(orderedBits($0)) }
            var order = (0..<UInt64(keys.count)).map { $0 }
            radixSort(&keys, carrying: &order)
            units = order.map { unitsOfSamples.unitOfSample[Int($0)] }
            signedWeights = order.map {
                let weight = Double(samples.weight(at: Int($0)))
                return samples.labels[Int($0)] == 1 ? weight : -weight
            }
            for i in keys.indices where i + 1 == keys.count || keys[i + 1] != keys[i] {
                runEnds.append(Int32(i + 1))
            }
        }

        func auc(multiplicities: [Int32]) -> Double {
            var (positives, negatives, concordant) = (0.0, 0.0, 0.0)
            var i = 0
            for end in runEnds {
                var (tiedPositives, tiedNegatives) = (0.0, 0.0)
                while i < Int(end) {
                    let weight = Double(multiplicities[Int(units[i])]) * signedWeights[i]
                    tiedPositives += max(weight, 0)
                    tiedNegatives -= min(weight, 0)
                    i += 1
                }
                concordant += tiedPositives * (negatives + tiedNegatives / 2)
                positives += tiedPositives
                negatives += tiedNegatives
            }
            return positives > 0 && negatives > 0 ? min(concordant / (positives * negatives), 1) : .nan
        }
    }

    /// Each sample's calibration bin and its share of the bin's gap.
    private struct Calibration: Sendable {
        var units: [Int32]
        var bins: [UInt8]
        var gaps: [Double]

        init(_ samples: ScoredSamples, units: ResamplingUnits) {
            self.units = units.unitOfSample
            bins = samples.predictions.map {
                UInt8(
                    ExpectedCalibrationError.bin(of: $0, binCount: ExpectedCalibrationError.defaultBinCount))
            }
            gaps = (0..<samples.count).map {
                Double(samples.weight(at: $0))
                    * (Double(samples.predictions[$0]) - Double(samples.labels[$0]))
            }
        }

        /// Sum over bins of |sum of weighted (p - y)|.
        func gap(multiplicities: [Int32]) -> Double {
            var byBin = [Double](repeating: 0, count: ExpectedCalibrationError.defaultBinCount)
            for i in gaps.indices {
                byBin[Int(bins[i])] += Double(multiplicities[Int(units[i])]) * gaps[i]
            }
            return byBin.reduce(0) { $0 + abs($1) }
        }
    }

    /// Weighted sums of each unit, for the metrics that are ratios of sums.
    private struct Sums: Sendable {
        struct Terms: Sendable {
            var weight = 0.0
            var label = 0.0
            var prediction = 0.0
            var loss = 0.0
            var squaredError = 0.0

            mutating func add(_ other: Terms, times factor: Double) {
                weight += factor * other.weight
                label += factor * other.label
                prediction += factor * other.prediction
                loss += factor * other.loss
                squaredError += factor * other.squaredError
            }
        }

        private var byUnit: [Terms]

        init(_ samples: ScoredSamples, units: ResamplingUnits, hasLogLoss: Bool) {
            byUnit = Array(repeating: Terms(), count: units.count)
            for i in 0..<samples.count {
                let (prediction, label) = (samples.predictions[i], samples.labels[i])
                let error = Double(prediction) - Double(label)
                let terms = Terms(
                    weight: 1, label: Double(label), prediction: Double(prediction),
                    loss: hasLogLoss ? LogLoss.loss(probability: prediction, label: label) : 0,
                    squaredError: error * error)
                byUnit[Int(units.unitOfSample[i])].add(terms, times: Double(samples.weight(at: i)))
            }
        }

        func total(multiplicities: [Int32]) -> Terms {
            var total = Terms()
            for (terms, multiplicity) in zip(byUnit, multiplicities) {
                total.add(terms, times: Double(multiplicity))
            }
            return total
        }
    }
}
