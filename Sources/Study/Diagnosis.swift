import Evaluation

/// A sign that distillation helps, hurts, or that a gain is not what it seems; with the figures it rests on.
public struct Diagnosis: Codable, Sendable, Equatable {
    public enum Level: String, Codable, Sendable {
        /// As it should be.
        case good
        /// Look at it before believing the student's figures.
        case warning
        case unknown
    }
    public var subject: String
    public var level: Level
    public var sentence: String
}

extension Analysis {
    /// When distillation will hurt: the teacher's lead, its calibration, what it gives away, what permuted features give,
    /// and whether the student overfits.
    func diagnoses(_ arms: [ArmResult], _ comparisons: [ComparisonResult]) -> [Diagnosis] {
        let taught = arms.filter { $0.arm.control == nil && $0.teacher != nil }
        return taught.flatMap { [lead($0), calibration($0), sharpness($0)].compactMap { $0 } }
            + controls(arms, comparisons) + Explanation(arms: arms, comparisons: comparisons).diagnoses
            + arms.filter { $0.arm.control == nil && $0.arm.method == .baseline }.compactMap(overfit)
    }

    private func lead(_ arm: ArmResult) -> Diagnosis? {
        guard let gap = arm.gap, let teacher = arm.teacher, let student = arm.student else { return nil }
        let figures = "its teacher has AUC \(four(teacher.mean)), the student \(four(student.mean)) (\(signed(gap.mean)))"
        let upper = gap.interval()?.upper ?? gap.mean
        let lower = gap.interval()?.lower ?? gap.mean
        if upper < 0 {
            return Diagnosis(
                subject: "\(arm.label): teacher", level: .warning,
                sentence: "\(figures): the teacher is the worse model and teaches its mistakes. More data, a smaller "
                    + "teacher or shared inputs may help; as it is, expect the student to lose.")
        }
        if lower <= 0 {
            return Diagnosis(
                subject: "\(arm.label): teacher", level: .warning,
                sentence: "\(figures): no lead is visible, so there is little to teach.")
        }
        return Diagnosis(subject: "\(arm.label): teacher", level: .good, sentence: "\(figures): there is something to teach.")
    }

    private func calibration(_ arm: ArmResult) -> Diagnosis? {
        guard let teacher = arm.mean(.pcoc, teacher: true), let student = arm.mean(.pcoc),
            let ece = arm.mean(.ece, teacher: true)
        else { return nil }
        let figures = "the teacher predicts \(four(teacher)) times the observed positives (ECE \(four(ece))), the student "
            + four(student)
        guard abs(teacher - 1) > 0.1 else {
            return Diagnosis(subject: "\(arm.label): calibration", level: .good, sentence: figures + ".")
        }
        return Diagnosis(
            subject: "\(arm.label): calibration", level: .warning,
            sentence: figures + ": soft labels carry the teacher's bias into the student. Ranking may not mind, a bid does.")
    }

    /// Soft labels next to 0 or 1 say no more than the labels do (Yang et al., NeurIPS 2022).
    private func sharpness(_ arm: ArmResult) -> Diagnosis? {
        let shares = runs.filter { $0.arm == arm.arm }.compactMap { run -> Double? in
            guard let teacher = run.scores.teacher, !teacher.isEmpty else { return nil }
            let near = zip(teacher, samples.labels).count { abs($0 - $1) < 0.02 }
            return Double(near) / Double(teacher.count)
        }
        guard !shares.isEmpty, let auc = arm.teacher?.mean else { return nil }
        let share = shares.reduce(0, +) / Double(shares.count)
        let figures = "\(percent(share)) of the teacher's probabilities are within 0.02 of the label, its AUC is \(four(auc))"
        if auc > 0.995 || share > 0.95 {
            return Diagnosis(
                subject: "\(arm.label): what the teacher gives away", level: .warning,
                sentence: figures + ": the privileged features nearly are the label. The student then learns little more "
                    + "than the labels, with their noise; leave out the feature that gives it away.")
        }
        return Diagnosis(
            subject: "\(arm.label): what the teacher gives away", level: .good,
            sentence: figures + ": soft labels say more than the labels.")
    }

    private func controls(_ arms: [ArmResult], _ comparisons: [ComparisonResult]) -> [Diagnosis] {
        comparisons.compactMap { comparison in
            guard let control = comparison.control else { return nil }
            if let easy = easyControl(arms, comparison) { return easy }
            let meaning =
                switch control {
                case .permutedPrivileged: "what it gains is not owed to what the privileged features say"
                case .selfDistillation: "what it gains is owed to distillation as such, not to the privileged features"
                case .equalCompute: "what it gains can be had by training the baseline longer"
                }
            let subject = "\(comparison.candidate): control, \(control.title)"
            switch comparison.verdict {
            case .yes:
                return Diagnosis(
                    subject: subject, level: .good, sentence: "above the control by \(signed(comparison.auc.difference)).")
            case .no:
                return Diagnosis(
                    subject: subject, level: .warning,
                    sentence: "below the control by \(signed(comparison.auc.difference)): \(meaning).")
            case .cannotTell:
                return Diagnosis(
                    subject: subject, level: .unknown,
                    sentence: "not told apart from the control (\(signed(comparison.auc.difference))): it may be that \(meaning).")
            }
        }
    }

    /// A baseline that longer training has harmed is beaten by anything.
    private func easyControl(_ arms: [ArmResult], _ comparison: ComparisonResult) -> Diagnosis? {
        guard comparison.control == .equalCompute, comparison.verdict == .yes,
            let control = arms.first(where: { $0.label == comparison.reference }), let trained = control.student,
            let plain = arms.first(where: { $0.arm == Arm(.baseline, data: control.arm.data) })?.student,
            trained.values.count == plain.values.count,
            let harm = try? PairedSeeds(candidate: trained.values, baseline: plain.values).differences,
            (harm.interval()?.upper ?? harm.mean) < 0
        else { return nil }
        return Diagnosis(
            subject: "\(comparison.candidate): control, \(Control.equalCompute.title)", level: .unknown,
            sentence: "above the control by \(signed(comparison.auc.difference)), which says little: trained that long the "
                + "baseline overfits, and is itself \(signed(harm.mean)) from the baseline.")
    }

    /// Where the baseline overfits, soft labels have the most to give.
    private func overfit(_ arm: ArmResult) -> Diagnosis? {
        guard let test = arm.mean(.logLoss), let training = arm.losses.last?.student else { return nil }
        let overfitting = Overfitting(training: training, test: test, validation: arm.validation)
        return Diagnosis(
            subject: "\(arm.label): overfit", level: overfitting.isSeen ? .warning : .good, sentence: overfitting.sentence)
    }
}
