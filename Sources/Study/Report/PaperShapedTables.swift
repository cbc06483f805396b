import Evaluation
import Foundation
import Schema

/// The tables of a study in the shape of the paper's, ours and the paper's figures side by side.
struct PaperShapedTables {
    let results: StudyResults
    /// nil: tables without wall-clock.
    let times: StudyTimes?

    private var plain: [ArmResult] { results.arms.filter { $0.arm.control == nil } }
    private var seeds: String {
        results.seeds.count > 1
            ? "Mean over \(counted(results.seeds.count, "seed")) ± half of the \(percent(results.bootstrap.confidence)) t-interval."
            : "One seed: differences of thousandths are chance."
    }

    private func spread(_ values: SeedSpread?) -> String {
        Study.spread(values, confidence: results.bootstrap.confidence)
    }

    var all: [ReportTable] {
        let varying = results.varying
        var tables: [ReportTable] = []
        if varying.contains(.lambda) { tables.append(lambda) }
        if varying.contains(.manner) { tables.append(manners) }
        if varying.contains(.data) { tables.append(data) }
        if varying.isEmpty, results.arms.contains(where: { $0.arm.control == nil }) { tables.append(methods) }
        if results.arms.contains(where: { $0.arm.control != nil }) { tables.append(controls) }
        return tables
    }

    /// Tables 2 and 4.
    private var methods: ReportTable {
        let isCTR = results.task == .ctr
        var table = ReportTable(
            isCTR ? "Methods at coarse-grained ranking (CTR), as Table 2" : "Methods at fine-grained ranking (CVR), as Table 4",
            note: "AUC on \(results.data.split). \(seeds) The paper's figures are of other data (Taobao, "
                + "\(isCTR ? "1 day" : "30 days")): compare orders, not values.",
            ["Method", "Student", "Teacher", "against Baseline", "Paper: student", "Paper: teacher", "Paper: against"])
        let paper = PaperTables.methods(results.task)
        for arm in plain {
            let theirs = paper[arm.arm.method]
            let against = theirs.flatMap { pair in
                arm.arm.method == .baseline ? nil : paper[.baseline].map { signed(pair.student - $0.student) }
            }
            table.add([
                arm.label, spread(arm.student), spread(arm.teacher), difference(arm), theirs.map { four($0.student) } ?? "–",
                theirs?.teacher.map(four) ?? "–", against ?? "",
            ])
        }
        return table
    }

    /// The student's difference from the baseline with the interval of requests and seeds; bold when it excludes 0.
    private func difference(_ arm: ArmResult) -> String {
        guard let comparison = results.comparisons.first(where: { $0.candidate == arm.label && isBaseline($0.reference) })
        else { return "" }
        let text = signed(comparison.auc.difference) + (comparison.auc.interval.map { " " + range($0) } ?? "")
        return comparison.verdict == .cannotTell ? text : "**\(text)**"
    }

    private func isBaseline(_ label: String) -> Bool {
        results.arms.contains { $0.label == label && $0.arm.method == .baseline && $0.arm.control == nil }
    }

    /// Tables 5 and 6: one row a method, one column a lambda; + and − mark the highest and the lowest.
    private var lambda: ReportTable {
        let values = Set(plain.compactMap(\.arm.lambda)).sorted()
        var table = ReportTable(
            "Students' AUC at different λ, as Table \(results.task == .ctr ? "5" : "6")",
            note: "\(seeds) ⁺ and ⁻: a method's highest and lowest.", ["Method"] + values.map(brief))
        let paper = PaperTables.lambda(results.task)
        let methods = Method.allCases.filter { method in plain.contains { $0.arm.method == method } }
        for method in methods {
            let arms = plain.filter { $0.arm.method == method }
            guard method.hasTeacher else {
                table.add([method.title] + values.map { _ in spread(arms.first?.student) })
                continue
            }
            let others = Set(arms.map { $0.arm.manner?.title ?? "" }).sorted()
            for manner in others {
                let row = values.map { value in
                    arms.first { $0.arm.lambda == value && ($0.arm.manner?.title ?? "") == manner }?.student
                }
                let name = others.count > 1 ? "\(method.title), \(manner)" : method.title
                table.add([name] + marked(row.map { $0?.mean }, row.map(spread)))
            }
            if let theirs = paper[method] {
                let row = values.map { value in PaperTables.lambdas.firstIndex(of: value).map { theirs[$0] } }
                table.add(["\(method.title) in the paper"] + marked(row, row.map { $0.map(four) ?? "–" }))
            }
        }
        return table
    }

    private func marked(_ values: [Double?], _ texts: [String]) -> [String] {
        let known = values.compactMap { $0 }
        guard known.count > 1, let high = known.max(), let low = known.min(), high > low else { return texts }
        return zip(values, texts).map { value, text in
            value == high ? text + " ⁺" : value == low ? text + " ⁻" : text
        }
    }

    /// Tables 7 and 8.
    private var manners: ReportTable {
        var headers = ["Manner", "Student", "Teacher", "Paper: student", "Paper: teacher", "Paper: time"]
        if times != nil { headers.insert(contentsOf: ["Time", "Relative"], at: 3) }
        var table = ReportTable(
            "Training manners, as Table \(results.task == .ctr ? "7" : "8")",
            note: seeds + (times == nil ? " Wall-clock is in times.md." : " Time: training one run, relative to the baseline."),
            headers)
        for arm in plain {
            let paper = PaperTables.manner(results.task, arm.arm)
            var row = [
                arm.label, spread(arm.student), spread(arm.teacher), paper.map { four($0.pair.student) } ?? "–",
                paper?.pair.teacher.map(four) ?? "–", paper.map { relative($0.relative) } ?? "–",
            ]
            if let times {
                let time = times.arm(arm.arm)
                row.insert(contentsOf: [time.map { seconds($0.seconds) } ?? "–", time?.relative.map(relative) ?? "–"], at: 3)
            }
            table.add(row)
        }
        return table
    }

    /// Table 2's right half, and Table 4's.
    private var data: ReportTable {
        let isCTR = results.task == .ctr
        var table = ReportTable(
            "More data, as Table \(isCTR ? "2 (1 and 10 days)" : "4 (30 and 60 days)")",
            note: "\(seeds) The smaller sizes are the newest part of the training split. The paper: Baseline to PFD+MD is "
                + (isCTR ? "+0.0120 with 1 day and +0.0118 with 10." : "+0.0042 with 30 days and +0.0056 with 60."),
            ["Method and data", "Training rows", "Student", "Teacher", "against Baseline"])
        for arm in plain {
            table.add([
                arm.label, results.data.trainRows[arm.arm.data.title].map(grouped) ?? "–", spread(arm.student),
                spread(arm.teacher), difference(arm),
            ])
        }
        return table
    }

    /// What could refute a gain.
    private var controls: ReportTable {
        var table = ReportTable(
            "Controls",
            note: "Each method less its control, with the interval over requests and seeds. A gain that a control has too is not "
                + "owed to the privileged features.",
            ["Control", "Student", "Teacher", "FLOPs of training, Baseline = 1", "method less control"])
        for arm in results.arms where arm.arm.control != nil {
            let comparison = results.comparisons.first { $0.reference == arm.label }
            var text = comparison.map { signed($0.auc.difference) + ($0.auc.interval.map { " " + range($0) } ?? "") } ?? "–"
            if let verdict = comparison?.verdict, verdict != .cannotTell { text = "**\(text)**" }
            table.add([
                arm.label, spread(arm.student), spread(arm.teacher),
                arm.operationsRatio.map { String(format: "%.2f", $0) } ?? "–", text,
            ])
        }
        return table
    }
}

/// `+2.9 %`
func relative(_ share: Double) -> String { String(format: "%+.1f %%", share * 100).replacing("-", with: "−") }

/// `12.3 s`, `4 min 10 s`, `2 h 5 min`
func seconds(_ seconds: Double) -> String {
    switch seconds {
    case ..<120: return String(format: "%.1f s", seconds)
    case ..<7200: return "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
    default: return "\(Int(seconds) / 3600) h \(Int(seconds) % 3600 / 60) min"
    }
}
