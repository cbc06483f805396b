import Evaluation
import Schema
import Training

/// Turns finished runs into results. Pure: the same runs give the same results, in whatever order they were made.
struct Analysis {
    let arms: [Arm]
    let comparisons: [ComparisonPlan]
    let samples: TestSamples
    let runs: [FinishedRun]
    let operations: [Arm: Double]

    private var varying: Set<Arm.Dimension> { Arm.varying(arms) }
    private func label(_ arm: Arm) -> String { arm.label(varying: varying) }
    private func runs(of arm: Arm) -> [FinishedRun] {
        runs.filter { $0.arm == arm }.sorted { $0.seed < $1.seed }
    }

    /// What a resample draws: `request`, `group` or `sample`.
    var unit: String {
        func varies(_ keys: [UInt64]) -> Bool { keys.contains { $0 != keys[0] } }
        return varies(samples.requests) ? "request" : varies(samples.groups) ? "group" : "sample"
    }

    func armResults() throws -> [ArmResult] {
        try arms.compactMap { arm in
            let runs = runs(of: arm)
            return runs.isEmpty ? nil : try result(arm, runs)
        }
    }

    private func result(_ arm: Arm, _ runs: [FinishedRun]) throws -> ArmResult {
        let students = runs.compactMap { $0.student.values[.auc] }
        let teachers = runs.compactMap { $0.teacher?.values[.auc] }
        let baseline = Arm(.baseline, data: arm.data)
        return ArmResult(
            label: label(arm), arm: arm, runs: runs.map(\.result), student: SeedSpread(students),
            teacher: SeedSpread(teachers),
            gap: teachers.count == students.count ? SeedSpread(zip(teachers, students).map(-)) : nil,
            operationsRatio: operations[arm].flatMap { mine in operations[baseline].map { mine / $0 } },
            studentReliability: pooled(runs.compactMap { $0.report?.student.reliability }),
            teacherReliability: pooled(runs.compactMap { $0.report?.teacher?.reliability }),
            losses: Self.mean(runs.map { LossLog.curve(folder: $0.folder, points: 60) }),
            validation: Self.mean(runs.map { ValidationLog.read(folder: $0.folder) }),
            segments: arm.control == nil ? try segments(runs) : [],
            requestInterval: runs.count == 1 ? Self.interval(runs[0].student) : nil)
    }

    /// Of one run's AUC, over test requests.
    static func interval(_ scores: ResampledScores) -> ConfidenceInterval? {
        guard let value = scores.values[.auc], let resampled = scores.resampled[.auc],
            let error = SeedSpread(resampled.filter { !$0.isNaN })?.standardDeviation
        else { return nil }
        let half = StudentT(degreesOfFreedom: 1e6).quantile((1 + scores.bootstrap.confidence) / 2) * error
        return ConfidenceInterval(
            lower: value - half, upper: value + half, confidence: scores.bootstrap.confidence)
    }

    func comparisonResults() throws -> [ComparisonResult] {
        try comparisons.compactMap { plan in
            let references = Dictionary(runs(of: plan.reference).map { ($0.seed, $0) }, uniquingKeysWith: { a, _ in a })
            // A run that failed takes its partner out: what is left is still paired.
            let pairs = runs(of: plan.candidate).compactMap { run in references[run.seed].map { (run, $0) } }
            return try ComparisonResult(
                plan, labels: (label(plan.candidate), label(plan.reference)), runs: pairs, unit: unit)
        }
    }

    // MARK: Over seeds

    /// One diagram of all seeds: each bin's samples together.
    private func pooled(_ diagrams: [[ReliabilityBin]]) -> [ReliabilityBin] {
        guard let first = diagrams.first else { return [] }
        return first.indices.map { b -> ReliabilityBin in
            let bins: [ReliabilityBin] = diagrams.filter { $0.count == first.count }.map { $0[b] }
            let weight = bins.reduce(0.0) { $0 + $1.weight }
            func mean(_ value: (ReliabilityBin) -> Double?) -> Double? {
                weight > 0 ? bins.reduce(0.0) { $0 + $1.weight * (value($1) ?? 0) } / weight : nil
            }
            return ReliabilityBin(
                lower: first[b].lower, upper: first[b].upper, samples: bins.reduce(0) { $0 + $1.samples },
                weight: weight, meanPrediction: mean(\.meanPrediction), meanLabel: mean(\.meanLabel))
        }
    }

    private static func mean(_ curves: [[LossPoint]]) -> [LossPoint] {
        guard let first = curves.first, curves.allSatisfy({ $0.map(\.step) == first.map(\.step) }) else { return [] }
        return first.indices.map { i in
            func mean(_ key: KeyPath<LossPoint, Double?>) -> Double? {
                meanOfAll(curves.map { curve in curve[i][keyPath: key] })
            }
            return LossPoint(
                step: first[i].step, student: mean(\.student), teacher: mean(\.teacher),
                distillation: mean(\.distillation))
        }
    }

    private static func mean(_ curves: [[ValidationPoint]]) -> [ValidationPoint] {
        guard let first = curves.first, curves.allSatisfy({ $0.map(\.step) == first.map(\.step) }) else { return [] }
        return first.indices.map { i in
            func mean(_ key: KeyPath<ValidationPoint, Double?>) -> Double? {
                meanOfAll(curves.map { curve in curve[i][keyPath: key] })
            }
            return ValidationPoint(
                step: first[i].step, studentAUC: mean(\.studentAUC), studentLogLoss: mean(\.studentLogLoss),
                teacherAUC: mean(\.teacherAUC), teacherLogLoss: mean(\.teacherLogLoss))
        }
    }

    // MARK: Segments

    private static let segmentsShown = 12

    private func segments(_ runs: [FinishedRun]) throws -> [SegmentResult] {
        try samples.segments.flatMap { column in
            let rows = Dictionary(grouping: column.rows.indices) { column.rows[$0] }
            let largest = rows.sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }.prefix(Self.segmentsShown)
            return try largest.sorted { $0.key < $1.key }.map { row, indices in
                let labels = indices.map { samples.labels[$0] }
                let weights = indices.map { samples.weights[$0] }
                var (aucs, pcocs): ([Double?], [Double?]) = ([], [])
                for run in runs {
                    let scored = try ScoredSamples(
                        predictions: indices.map { run.scores.student[$0] }, labels: labels, weights: weights)
                    var (auc, pcoc) = (AUC(), PCOC())
                    auc.add(scored)
                    pcoc.add(scored)
                    aucs.append(try? auc.value)
                    pcocs.append(try? pcoc.value)
                }
                return SegmentResult(
                    feature: column.feature, value: column.names[row] ?? "row \(row)", samples: indices.count,
                    positives: labels.count { $0 > 0.5 }, auc: meanOfAll(aucs), pcoc: meanOfAll(pcocs))
            }
        }
    }
}

/// nil unless all of them have a value.
private func meanOfAll(_ values: [Double?]) -> Double? {
    let known = values.compactMap { $0 }
    return known.count == values.count && !known.isEmpty ? known.reduce(0, +) / Double(known.count) : nil
}

extension FinishedRun {
    var report: SplitReport? { summary.test ?? summary.validation }

    var result: RunResult {
        RunResult(
            seed: seed, runHash: runHash, steps: summary.steps,
            student: report?.student.estimates.compactMapValues(\.value),
            teacher: report?.teacher?.estimates.compactMapValues(\.value))
    }
}
