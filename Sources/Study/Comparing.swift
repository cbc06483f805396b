import Evaluation
import Foundation

extension ComparisonResult {
    /// - Parameters: runs of the same seeds in the same order.
    init?(_ plan: ComparisonPlan, labels: (candidate: String, reference: String), runs: [(FinishedRun, FinishedRun)], unit: String) throws {
        let candidates = runs.map(\.0.student), references = runs.map(\.1.student)
        guard !runs.isEmpty, (candidates + references).allSatisfy({ $0.values[.auc] != nil }) else { return nil }
        auc = try SeededComparison(of: candidates, against: references)
        logLoss = try? SeededComparison(of: candidates, against: references, metric: .logLoss)
        candidate = labels.candidate
        reference = labels.reference
        claim = plan.claim
        control = plan.reference.control
        verdict =
            switch auc.verdict {
            case .better?: .yes
            case .worse?: .no
            case nil: .cannotTell
            }
        sentence = Self.sentence(candidate, claim, reference, verdict, auc, unit: unit)
    }

    private static func sentence(
        _ candidate: String, _ claim: Claim, _ reference: String, _ verdict: Verdict, _ auc: SeededComparison,
        unit: String
    ) -> String {
        var figures = "\(signed(auc.difference)) AUC"
        if let interval = auc.interval {
            figures += ", \(percent(interval.confidence)) interval \(range(interval))"
        }
        figures += " over \(counted(auc.seeds, "seed")) and \(counted(auc.units, unit))"
        if !auc.coversSeeds {
            return "\(candidate) \(claim.sign) \(reference): cannot tell from one seed. \(figures); the interval is of "
                + "these two trained models on other requests, and other seeds differ too."
        }
        let isQuestion = claim == .question
        switch verdict {
        case .yes: return "\(candidate) \(isQuestion ? ">" : claim.sign) \(reference): yes. \(figures)."
        case .no:
            return isQuestion
                ? "\(candidate) < \(reference): yes. \(figures)."
                : "\(candidate) \(claim.sign) \(reference): no, it is below. \(figures)."
        case .cannotTell:
            return "\(candidate) \(claim.sign) \(reference): cannot tell. \(figures).\(bounds(auc))\(fewSeeds(auc))"
        }
    }

    /// What an interval that holds 0 does say.
    private static func bounds(_ auc: SeededComparison) -> String {
        auc.interval.map {
            " A loss of up to \(four(max(0, -$0.lower))) and a gain of up to \(four(max(0, $0.upper))) both fit these runs."
        } ?? ""
    }

    private static func fewSeeds(_ auc: SeededComparison) -> String {
        guard auc.seeds < 4 else { return "" }
        let t = StudentT(degreesOfFreedom: Double(auc.seeds - 1)).quantile((1 + (auc.interval?.confidence ?? 0.95)) / 2)
        return " \(auc.seeds) seeds are few: their spread counts \(String(format: "%.1f", t)) times, that of five 2.8 times."
    }
}
