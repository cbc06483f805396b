import Evaluation

/// Why an ordering of the paper did not come out, as far as the runs themselves say.
struct Explanation {
    let arms: [ArmResult]
    let comparisons: [ComparisonResult]

    /// One for each claim that was not confirmed; controls explain themselves.
    var diagnoses: [Diagnosis] {
        comparisons.filter { $0.control == nil && $0.claim != .question && $0.verdict != .yes }.map { comparison in
            let reasons = [power(comparison), teacher(comparison), machinery(comparison)].compactMap { $0 }
            let said = comparison.verdict == .no ? "refuted" : "neither shown nor refuted"
            return Diagnosis(
                subject: "\(comparison.candidate) \(comparison.claim.sign) \(comparison.reference)",
                level: comparison.verdict == .no ? .warning : .unknown,
                sentence: "\(said). " + (reasons.isEmpty ? "The runs do not say why." : reasons.joined(separator: " ")))
        }
    }

    private func arm(_ label: String) -> ArmResult? { arms.first { $0.label == label } }

    /// Which of the two sources of chance hides it, and how large a difference would have been seen.
    private func power(_ comparison: ComparisonResult) -> String? {
        guard comparison.verdict == .cannotTell, let interval = comparison.auc.interval else { return nil }
        guard let seeds = comparison.auc.seedError, let requests = comparison.auc.requestError else {
            return "One seed tells nothing of other seeds: run five."
        }
        let half = (interval.upper - interval.lower) / 2
        let sources = "standard error \(four(seeds)) from seeds, \(four(requests)) from test requests"
        return "A difference below \(four(half)) cannot be seen here (\(sources)); "
            + (seeds > requests ? "more seeds would tell." : "a larger test split would tell.")
    }

    /// What the teacher has to give.
    private func teacher(_ comparison: ComparisonResult) -> String? {
        guard let candidate = arm(comparison.candidate), let gap = candidate.gap, let teacher = candidate.teacher else { return nil }
        let lead = gap.interval()
        if (lead?.upper ?? gap.mean) < 0 {
            return "Its teacher (AUC \(four(teacher.mean))) is the worse model, and teaches its mistakes."
        }
        if (lead?.lower ?? gap.mean) <= 0 { return "Its teacher (AUC \(four(teacher.mean))) has no visible lead to teach." }
        if let loss = candidate.mean(.logLoss, teacher: true), let own = candidate.mean(.logLoss), loss > own {
            return "Its teacher ranks better (\(signed(gap.mean)) AUC) but its probabilities are worse than the student's own "
                + "(log-loss \(four(loss)) against \(four(own))), and probabilities are what the student is taught."
        }
        return "Its teacher leads by \(signed(gap.mean)) AUC: what it knows is there, and the student cannot express it, or "
            + "learns it from the labels as well."
    }

    /// What the same training does without the knowledge: the harm, or the gain, that is not the features'.
    private func machinery(_ comparison: ComparisonResult) -> String? {
        guard let candidate = arm(comparison.candidate),
            let permuted = arms.first(where: {
                $0.arm.control == .permutedPrivileged && $0.arm.method == candidate.arm.method
                    && $0.arm.manner == candidate.arm.manner && $0.arm.lambda == candidate.arm.lambda
                    && $0.arm.data == candidate.arm.data
            }),
            let baseline = arms.first(where: {
                $0.arm.method == .baseline && $0.arm.control == nil && $0.arm.data == candidate.arm.data
            }),
            let mine = candidate.student, let theirs = permuted.student, let level = baseline.student,
            mine.values.count == level.values.count, theirs.values.count == level.values.count,
            let harm = try? PairedSeeds(candidate: theirs.values, baseline: level.values),
            let interval = harm.interval(), interval.upper < 0
        else { return nil }
        return "With permuted privileged features the student is \(signed(harm.differences.mean)) \(range(interval)) from the "
            + "baseline: learning beside a teacher, with its shared inputs and its lambda, costs that much, and "
            + "what the features say has to make up for it. Independent inputs (ind_sync) or a smaller lambda cost less."
    }
}
