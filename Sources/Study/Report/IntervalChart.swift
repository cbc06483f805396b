import Evaluation

/// Differences with their intervals, one a row, around 0: what a verdict rests on, at a glance.
struct IntervalChart {
    let comparisons: [ComparisonResult]

    var html: String {
        let rows = comparisons.filter { $0.auc.interval != nil }
        guard !rows.isEmpty else { return "" }
        let longest = rows.map { title($0).count }.max() ?? 0
        let left = min(430, Double(longest) * 7 + 16)
        let (width, rowHeight, top) = (left + 420, 26.0, 8.0)
        let height = top + Double(rows.count) * rowHeight + 44
        let axis = Axis([0] + rows.flatMap { [$0.auc.interval!.lower, $0.auc.interval!.upper] }, count: 6)
        var svg = SVG(width: width, height: height, title: "Differences of AUC with intervals")
        let plot = (left: left + 8, width: width - left - 28)
        func place(_ value: Double) -> Double { plot.left + axis.position(value) * plot.width }
        let bottom = top + Double(rows.count) * rowHeight
        for tick in axis.ticks {
            svg.line(place(tick), top, place(tick), bottom, "grid")
            svg.text(axis.text(tick), place(tick), bottom + 16, "tick", anchor: "middle")
        }
        svg.line(place(0), top, place(0), bottom, "axis")
        svg.text("difference of AUC, \(percent(rows[0].auc.interval!.confidence)) interval", plot.left + plot.width / 2, height - 6, anchor: "middle")
        for (i, row) in rows.enumerated() {
            let y = top + (Double(i) + 0.5) * rowHeight
            let style =
                switch row.verdict {
                case .yes: "good"
                case .no: "bad"
                case .cannotTell: "open"
                }
            svg.text(title(row), left, y + 4, anchor: "end")
            svg.line(place(row.auc.interval!.lower), y, place(row.auc.interval!.upper), y, "bar \(style)")
            for end in [row.auc.interval!.lower, row.auc.interval!.upper] {
                svg.line(place(end), y - 4, place(end), y + 4, "bar \(style)")
            }
            svg.circle(place(row.auc.difference), y, 4, "dot \(style)", hint: row.sentence)
        }
        return """
            <figure class="wide">
            <figcaption>Differences of the students' AUC</figcaption>
            <div class="legend"><span class="key good">● above</span> <span class="key bad">● below</span> \
            <span class="key open">● cannot tell</span></div>
            \(svg.text)
            </figure>
            """
    }

    private func title(_ row: ComparisonResult) -> String { "\(row.candidate) less \(row.reference)" }
}
