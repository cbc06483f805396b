import Evaluation

/// All metrics of every arm: a table of the students and one of the teachers, each with the metrics that there are.
struct MetricTables {
    let all: [ReportTable]

    private static let kinds: [MetricKind] = [.auc, .gauc, .logLoss, .normalisedEntropy, .pcoc, .ece]

    init(_ results: StudyResults) {
        let taught = results.arms.filter { $0.teacher != nil }
        var tables = [Self.table("Students: all metrics", results.arms, teacher: false)]
        if !taught.isEmpty { tables.append(Self.table("Teachers: all metrics", taught, teacher: true)) }
        all = tables
    }

    private static func table(_ title: String, _ arms: [ArmResult], teacher: Bool) -> ReportTable {
        // Without a group there is no GAUC, and a column of dashes tells nobody anything.
        let known = kinds.filter { kind in arms.contains { $0.mean(kind, teacher: teacher) != nil } }
        var table = ReportTable(
            title,
            note: "Means over seeds. PCOC is best at 1, AUC\(known.contains(.gauc) ? " and GAUC" : "") high, the others low."
                + (teacher ? " Gap: the teacher's AUC less its student's." : ""),
            ["Arm"] + known.map(\.title) + (teacher ? ["Gap"] : []))
        for arm in arms {
            table.add(
                [arm.label] + known.map { arm.mean($0, teacher: teacher).map(four) ?? "–" }
                    + (teacher ? [arm.gap.map { signed($0.mean) } ?? "–"] : []))
        }
        return table
    }
}
