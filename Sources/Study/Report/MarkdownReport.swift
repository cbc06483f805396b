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
        parts += MetricTables(results).all.map(\.markdown) + ["## Diagnosis", diagnoses]
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
            + "compared on \(data.split): \(counted(data.samples, "sample")), \(counted(data.positives, "positive"))"
            + (data.unit == "sample" ? "" : ", \(counted(data.units, data.unit))") + ". \(counted(results.seeds.count, "seed")): "
            + "\(results.seeds.map(String.init).joined(separator: ", "))."
    }

    private var verdicts: String {
        let lines = results.comparisons.map { "- \($0.sentence)" }
        let note = results.comparisons.count > 4
            ? "\n\n\(results.comparisons.count) intervals at \(percent(results.bootstrap.confidence)): expect one in "
                + "\(Int((1 / (1 - results.bootstrap.confidence)).rounded())) to miss." : ""
        return lines.isEmpty ? "Nothing to compare." : lines.joined(separator: "\n") + note
    }

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
