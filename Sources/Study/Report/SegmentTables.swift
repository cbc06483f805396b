import Evaluation

/// Two tables for each feature that parts the split: the students' AUC and PCOC by value.
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
        all = features.flatMap { feature in
            [
                Self.table("AUC by \(feature)", "Means over seeds. A dash: one class only.", feature, shown, \.auc),
                Self.table("PCOC by \(feature)", "Means over seeds; best at 1.", feature, shown, \.pcoc),
            ]
        }
    }

    private static func table(
        _ title: String, _ note: String, _ feature: String, _ arms: [ArmResult], _ value: KeyPath<SegmentResult, Double?>
    ) -> ReportTable {
        var table = ReportTable(
            title, note: note, [feature, "Samples", "Positives"] + arms.map(\.arm.method.title))
        for segment in arms[0].segments where segment.feature == feature {
            let values = arms.map { arm in
                arm.segments.first { $0.feature == feature && $0.value == segment.value }?[keyPath: value]
            }
            table.add(
                [segment.value, grouped(segment.samples), grouped(segment.positives)] + values.map { $0.map(four) ?? "–" })
        }
        return table
    }
}
