import Evaluation
import Foundation
import Schema
import Training

/// One row a method, each set against the first: what `hindsight compare` prints.
public struct MethodTable {
    private let outcome: StudyOutcome
    private let methods: [Schema.Method]
    private let rows: [[FinishedRun]]

    /// - Parameter methods: the first is what the others are compared with.
    public init(_ outcome: StudyOutcome, methods: [Schema.Method]) {
        self.outcome = outcome
        self.methods = methods
        rows = methods.map { method in
            outcome.runs.filter { $0.arm.method == method && $0.arm.control == nil }.sorted { $0.seed < $1.seed }
        }
    }

    /// Of all runs, method by method, seed by seed.
    public var summaries: [RunSummary] { rows.flatMap { $0.map(\.summary) } }

    public func text() throws -> String {
        let seeds = outcome.plan.seeds.count
        var table = TextTable([
            "method", "student AUC", "against \(methods[0].title)", "teacher AUC", "log-loss", "samples/s",
        ])
        for (method, runs) in zip(methods, rows) {
            let teachers = runs.compactMap(\.teacher)
            let losses = SeedSpread(runs.compactMap { $0.student.values[.logLoss] })
            let speed = runs.map(\.summary.samplesPerSecond).reduce(0, +) / Double(max(1, runs.count))
            table.add([
                method.title, auc(runs.map(\.student)), method == methods[0] ? "" : try difference(runs),
                teachers.count == runs.count ? auc(teachers) : "–", losses.map { four($0.mean) } ?? "–",
                grouped(Int(speed)),
            ])
        }
        let split = outcome.samples.split.rawValue
        let head =
            seeds > 1
            ? "\(split) AUC over \(counted(seeds, "seed")), mean ± half of the 95 % t-interval; differences: interval over "
                + "seeds and requests"
            : "\(split) AUC of one seed, 95 % intervals over requests; other seeds differ too"
        return "\(head)\n\(table.rendered())"
    }

    private func auc(_ scores: [ResampledScores]) -> String {
        if scores.count == 1, let value = scores[0].values[.auc] {
            return four(value) + (Analysis.interval(scores[0]).map { " " + range($0, isSigned: false) } ?? "")
        }
        return spread(SeedSpread(scores.compactMap { $0.values[.auc] }))
    }

    /// Paired by seed; a run that failed takes its partner out.
    private func difference(_ runs: [FinishedRun]) throws -> String {
        let pairs = runs.compactMap { run in rows[0].first { $0.seed == run.seed }.map { (run.student, $0.student) } }
        guard !pairs.isEmpty, pairs.allSatisfy({ $0.values[.auc] != nil && $1.values[.auc] != nil }) else { return "–" }
        let comparison = try SeededComparison(of: pairs.map(\.0), against: pairs.map(\.1))
        return signed(comparison.difference) + (comparison.interval.map { " " + range($0) } ?? "")
    }
}
