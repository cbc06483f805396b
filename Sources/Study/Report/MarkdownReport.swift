import Evaluation
import Foundation

/// `results.md`: the numbers of `results.json` for people, and nothing that a clock decides.
struct MarkdownReport {
    let results: StudyResults

    var text: String {
        var parts = [
            "# \(results.name)", summary, "## Verdicts", verdicts, "## Tables",
        ]
        parts += PaperShapedTables(results: results, times: nil).all.map(\.markdown)
        parts += [metrics.markdown, "## Diagnosis", diagnoses]
        if !segments.isEmpty { parts += ["## Segments"] + segments.map(\.markdown) }
        if !results.failures.isEmpty {
            parts += ["## Runs that stopped"] + results.failures.map { "- \($0.label): \($0.message)" }
        }
        parts += ["## To repeat it", source]
        return parts.joined(separator: "\n\n").replacing("\n\n\n", with: "\n\n") + "\n"
    }

    private var summary: String {
        let data = results.data
        let rows = data.trainRows.sorted { $0.value < $1.value }.map { "\(grouped($0.value)) training rows (\($0.key))" }
        return "\(results.task == .ctr ? "CTR at coarse-grained ranking" : "CVR at fine-grained ranking"), \(rows.joined(separator: ", ")); "
            + "compared on \(data.split): \(counted(data.samples, "sample")), \(counted(data.positives, "positive")), "
            + "\(counted(data.units, data.unit)). \(counted(results.seeds.count, "seed")): "
            + "\(results.seeds.map(String.init).joined(separator: ", "))."
    }

    private var verdicts: String {
        let lines = results.comparisons.map { "- \($0.sentence)" }
        let note = results.comparisons.count > 4
            ? "\n\n\(results.comparisons.count) intervals at \(percent(results.bootstrap.confidence)): expect one in "
                + "\(Int((1 / (1 - results.bootstrap.confidence)).rounded())) to miss." : ""
        return lines.isEmpty ? "Nothing to compare." : lines.joined(separator: "\n") + note
    }

    /// All metrics of every arm's student.
    private var metrics: ReportTable { MetricTable(results).table }

    private var diagnoses: String {
        results.diagnoses.map { "- \($0.level.mark) \($0.subject): \($0.sentence)" }.joined(separator: "\n")
    }

    private var segments: [ReportTable] { SegmentTables(results).all }

    private var source: String {
        let source = results.source
        var table = TextTable(["Feature", "Role", "Encoding", "Dimension"])
        for feature in source.features {
            table.add([
                feature.name, feature.isPrivileged ? "privileged (\(feature.role))" : feature.role, feature.encoding,
                "\(feature.dimension)",
            ])
        }
        var hashes = TextTable(["Run", "Seed", "Steps", "Hash"])
        for arm in results.arms {
            for run in arm.runs { hashes.add([arm.label, "\(run.seed)", grouped(run.steps), run.runHash]) }
        }
        return """
            Run file `\(source.runFile)`, hash `\(source.runFileHash)`, encoder `\(source.encoder)`\
            \(source.overrides.isEmpty ? "" : ", with `--set " + source.overrides.joined(separator: "` `--set ") + "`").

            \(table.markdown())

            \(hashes.markdown())
            """
    }
}

extension Diagnosis.Level {
    var mark: String {
        switch self {
        case .good: "✓"
        case .warning: "⚠"
        case .unknown: "?"
        }
    }
}

/// All metrics of every arm.
struct MetricTable {
    let table: ReportTable

    init(_ results: StudyResults) {
        let kinds: [MetricKind] = [.auc, .gauc, .logLoss, .normalisedEntropy, .pcoc, .ece]
        var table = ReportTable(
            "All metrics of all arms", note: "Means over seeds; s: student, t: teacher. PCOC is best at 1.",
            ["Arm"] + kinds.map { "\($0.title), s" } + ["AUC, t", "PCOC, t", "ECE, t", "Gap t − s"])
        for arm in results.arms {
            func text(_ kind: MetricKind, teacher: Bool = false) -> String {
                arm.mean(kind, teacher: teacher).map(four) ?? "–"
            }
            table.add(
                [arm.label] + kinds.map { text($0) }
                    + [
                        text(.auc, teacher: true), text(.pcoc, teacher: true), text(.ece, teacher: true),
                        arm.gap.map { signed($0.mean) } ?? "–",
                    ])
        }
        self.table = table
    }
}

/// A table for each feature that parts the split: AUC and PCOC of the students by value.
struct SegmentTables {
    let all: [ReportTable]

    init(_ results: StudyResults) {
        let arms = results.arms.filter { !$0.segments.isEmpty }
        var features: [String] = []
        for segment in arms.first?.segments ?? [] where !features.contains(segment.feature) {
            features.append(segment.feature)
        }
        // One lambda, manner and size is enough here; the rest is in the JSON.
        var shown: [ArmResult] = []
        for arm in arms where !shown.contains(where: { $0.arm.method == arm.arm.method }) { shown.append(arm) }
        all = features.map { feature in
            var table = ReportTable(
                "By \(feature)", note: "Means over seeds. A dash: one class only.",
                [feature, "Samples", "Positives"] + shown.flatMap { ["\($0.arm.method.title): AUC", "PCOC"] })
            for segment in arms[0].segments where segment.feature == feature {
                let others = shown.map { arm in
                    arm.segments.first { $0.feature == feature && $0.value == segment.value }
                }
                table.add(
                    [segment.value, grouped(segment.samples), grouped(segment.positives)]
                        + others.flatMap { [$0?.auc.map(four) ?? "–", $0?.pcoc.map(four) ?? "–"] })
            }
            return table
        }
    }
}
