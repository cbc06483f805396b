import Evaluation
import Foundation
import Schema

/// `report.html`: everything a study found in one file that needs no other, light or dark as its reader's screen is.
struct HTMLReport {
    let results: StudyResults
    let times: StudyTimes
    let command: String

    var text: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(escaped(results.name))</title>
        <style>
        \(ReportStyle.css)
        </style>
        </head>
        <body>
        <main>
        \(sections.filter { !$0.isEmpty }.joined(separator: "\n"))
        </main>
        </body>
        </html>

        """
    }

    private var sections: [String] {
        [
            header, verdicts, tables, curves, calibration, section("Diagnosis", diagnoses), segments,
            section("Time and memory", table(TimeTable(times).table, titled: false)), failures, source,
        ]
    }

    private func section(_ title: String, _ body: String) -> String {
        body.isEmpty ? "" : "<section>\n<h2>\(escaped(title))</h2>\n\(body)\n</section>"
    }

    // MARK: Head

    private var header: String {
        let data = results.data
        let facts: [(String, String)] =
            data.trainRows.sorted { $0.value < $1.value }.map { (grouped($0.value), "training rows, \($0.key)") }
            + [
                (grouped(data.samples), "\(data.split) samples, \(percent(Double(data.positives) / Double(max(1, data.samples)))) positive"),
                (grouped(data.units), "\(data.unit)s to resample"), ("\(results.seeds.count)", results.seeds.count == 1 ? "seed" : "seeds"),
                ("\(results.arms.reduce(0) { $0 + $1.runs.count })", "runs"),
            ]
        return """
            <h1>\(escaped(results.name))</h1>
            <p class="soft">\(results.task == .ctr ? "CTR at coarse-grained ranking" : "CVR at fine-grained ranking"): \
            what features that are known only when training buy the model that is served.</p>
            <ul class="facts">\(facts.map { "<li><b>\($0)</b>\(escaped($1))</li>" }.joined())</ul>
            """
    }

    private var verdicts: String {
        guard !results.comparisons.isEmpty else { return "" }
        let said = results.comparisons.map { comparison in
            let (word, style) =
                switch comparison.verdict {
                case .yes: ("yes", "good")
                case .no: comparison.claim == .question ? ("below", "bad") : ("no", "bad")
                case .cannotTell: ("cannot tell", "open")
                }
            return "<li><span class=\"word \(style)\">\(word)</span>\(escaped(comparison.sentence))</li>"
        }
        let confidence = results.bootstrap.confidence
        return section(
            "Verdicts",
            """
            <ul class="said">\(said.joined(separator: "\n"))</ul>
            <p class="note">A difference is called only when its \(percent(confidence)) interval excludes 0. The interval covers \
            the choice of test \(results.data.unit)s (paired bootstrap, \(results.bootstrap.resamples) resamples) and of seeds. \
            \(results.comparisons.count > 4 ? "There are \(results.comparisons.count) intervals: expect one in \(Int((1 / (1 - confidence)).rounded())) to miss." : "")</p>
            \(IntervalChart(comparisons: results.comparisons).html)
            """)
    }

    // MARK: Tables

    private var tables: String {
        let all = PaperShapedTables(results: results, times: times).all + MetricTables(results).all
        return section("Tables", all.map { table($0) }.joined(separator: "\n"))
    }

    private func table(_ table: ReportTable, titled: Bool = true) -> String {
        func isNumber(_ column: Int) -> Bool {
            column > 0 && table.rows.allSatisfy { row in
                row[column].allSatisfy { "0123456789 .,+-−±[]%–*⁺⁻smih".contains($0) || "MiB".contains($0) }
            }
        }
        let numbers = table.headers.indices.map(isNumber)
        func cell(_ text: String, _ column: Int, _ tag: String) -> String {
            let bold = text.hasPrefix("**") && text.hasSuffix("**") && text.count > 4
            let inner = escaped(bold ? String(text.dropFirst(2).dropLast(2)) : text)
            return "<\(tag)\(numbers[column] ? " class=\"number\"" : "")>\(bold ? "<b>\(inner)</b>" : inner)</\(tag)>"
        }
        func row(_ cells: [String], _ tag: String) -> String {
            "<tr>" + cells.enumerated().map { cell($1, $0, tag) }.joined() + "</tr>"
        }
        return """
            \(titled ? "<h3>\(escaped(table.title))</h3>" : "")
            <div class="scroll"><table>
            <thead>\(row(table.headers, "th"))</thead>
            <tbody>
            \(table.rows.map { row($0, "td") }.joined(separator: "\n"))
            </tbody>
            </table></div>
            <p class="note">\(escaped(table.note))</p>
            """
    }

    private var segments: String {
        section("Segments", SegmentTables(results).all.map { table($0) }.joined(separator: "\n"))
    }

    // MARK: Curves

    /// One arm a method, so that a drawing stays legible; a colour is a method's throughout.
    private var shown: [ArmResult] {
        var shown: [ArmResult] = []
        for arm in results.arms where arm.arm.control == nil && !shown.contains(where: { $0.arm.method == arm.arm.method }) {
            shown.append(arm)
        }
        return shown
    }

    private func colour(_ arm: Arm) -> Int { Method.allCases.firstIndex(of: arm.method)! }

    private func series(_ name: (ArmResult) -> String = \.label, _ points: (ArmResult) -> [LineChart.Point]) -> [LineChart.Series] {
        shown.map { LineChart.Series(name: name($0), points: points($0), colour: colour($0.arm)) }
    }

    private var curves: String {
        let charts = [lambdaChart, dataChart].compactMap { $0 } + [
            LineChart(
                "The student's training loss", x: "step", y: "log-loss",
                series { $0.losses.compactMap { point in point.student.map { .init(x: Double(point.step), y: $0) } } }),
            LineChart(
                "The teacher's training loss", x: "step", y: "log-loss",
                series { $0.losses.compactMap { point in point.teacher.map { .init(x: Double(point.step), y: $0) } } }),
            LineChart(
                "Validation AUC of the student", x: "step", y: "AUC",
                series { $0.validation.compactMap { point in point.studentAUC.map { .init(x: Double(point.step), y: $0) } } }),
            LineChart(
                "Validation AUC of the teacher", x: "step", y: "AUC",
                series { $0.validation.compactMap { point in point.teacherAUC.map { .init(x: Double(point.step), y: $0) } } }),
        ]
        let drawn = charts.map(\.html).filter { !$0.isEmpty }
        return drawn.isEmpty
            ? "" : section("Curves", "<div class=\"figures\">\(drawn.joined(separator: "\n"))</div><p class=\"note\">Means over seeds.</p>")
    }

    private func point(_ x: Double, _ spread: SeedSpread) -> LineChart.Point {
        LineChart.Point(x: x, y: spread.mean, half: spread.interval().map { $0.upper - spread.mean })
    }

    private var lambdaChart: LineChart? {
        let values = Set(results.arms.filter { $0.arm.control == nil }.compactMap(\.arm.lambda)).sorted()
        guard values.count > 1 else { return nil }
        let lines = shown.map { first in
            let arms = results.arms.filter {
                $0.arm.control == nil && $0.arm.method == first.arm.method && $0.arm.manner == first.arm.manner
            }
            let points = first.arm.method.hasTeacher
                ? values.compactMap { value in arms.first { $0.arm.lambda == value }?.student.map { point(value, $0) } }
                // A method without lambda is a level to compare with.
                : [values[0], values[values.count - 1]].compactMap { value in
                    arms.first?.student.map { LineChart.Point(x: value, y: $0.mean) }
                }
            return LineChart.Series(name: first.arm.method.title, points: points, colour: colour(first.arm))
        }
        var chart = LineChart("The student's AUC and λ", x: "λ", y: "AUC", lines)
        chart.showsPoints = true
        chart.ticks = values
        return chart
    }

    private var dataChart: LineChart? {
        guard results.varying.contains(.data) else { return nil }
        var chart = LineChart(
            "The student's AUC and the size of the data", x: "training rows", y: "AUC",
            shown.map { first in
                let arms = results.arms.filter {
                    $0.arm.control == nil && $0.arm.method == first.arm.method && $0.arm.manner == first.arm.manner
                        && $0.arm.lambda == first.arm.lambda
                }
                let points = arms.compactMap { arm in
                    arm.student.flatMap { spread in
                        results.data.trainRows[arm.arm.data.title].map { point(Double($0), spread) }
                    }
                }
                return LineChart.Series(
                    name: first.arm.method.title, points: points.sorted { $0.x < $1.x }, colour: colour(first.arm))
            })
        chart.showsPoints = true
        return chart
    }

    private var calibration: String {
        func points(_ bins: [ReliabilityBin]) -> [LineChart.Point] {
            bins.filter { $0.samples >= 10 }.compactMap { bin in
                guard let x = bin.meanPrediction, let y = bin.meanLabel else { return nil }
                return LineChart.Point(x: x, y: y)
            }
        }
        let charts = shown.map { arm in
            var chart = LineChart(
                arm.label, x: "predicted", y: "observed",
                [
                    .init(name: "student", points: points(arm.studentReliability), colour: 1),
                    .init(name: "teacher", points: points(arm.teacherReliability), colour: 2),
                ])
            chart.hasDiagonal = true
            chart.showsPoints = true
            chart.size = (300, 290)
            return chart.html
        }.filter { !$0.isEmpty }
        return charts.isEmpty
            ? ""
            : section(
                "Calibration",
                "<p>Observed against predicted rate on \(results.data.split), all seeds together; on the diagonal the two agree. "
                    + "Bins of fewer than 10 samples are left out.</p><div class=\"figures small\">\(charts.joined(separator: "\n"))</div>")
    }

    // MARK: Words

    private var diagnoses: String {
        guard !results.diagnoses.isEmpty else { return "" }
        let lines = results.diagnoses.map { diagnosis in
            let (word, style) =
                switch diagnosis.level {
                case .good: ("as hoped", "good")
                case .warning: ("look at it", "bad")
                case .unknown: ("open", "open")
                }
            return "<li><span class=\"word \(style)\">\(word)</span><b>\(escaped(diagnosis.subject))</b>: \(escaped(diagnosis.sentence))</li>"
        }
        return "<p>When distillation hurts, and when a gain is not what it seems.</p><ul class=\"said\">\(lines.joined(separator: "\n"))</ul>"
    }

    private var failures: String {
        section("Runs that stopped", results.failures.map { "<p>\(escaped($0.label)): \(escaped($0.message))</p>" }.joined())
    }

    private var source: String {
        let source = results.source
        var features = ReportTable("Schema", note: "", ["Feature", "Role", "Encoding", "Dimension"])
        for feature in source.features {
            features.add([
                feature.name, feature.isPrivileged ? "privileged (\(feature.role))" : feature.role, feature.encoding,
                "\(feature.dimension)",
            ])
        }
        var hashes = ReportTable("Runs", note: "", ["Arm", "Seed", "Steps", "Hash"])
        for arm in results.arms {
            for run in arm.runs { hashes.add([arm.label, "\(run.seed)", grouped(run.steps), run.runHash]) }
        }
        return section(
            "To repeat it",
            """
            <pre>\(escaped(command))</pre>
            <p class="note">Run file <code>\(escaped(source.runFile))</code>, hash <code>\(source.runFileHash)</code>; encoder \
            <code>\(source.encoder)</code>. Equal hashes and seeds give equal bytes in <code>results.json</code>.</p>
            <details><summary>Schema</summary>\(table(features, titled: false))</details>
            <details><summary>Run hashes</summary>\(table(hashes, titled: false))</details>
            """)
    }
}
