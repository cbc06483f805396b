import Foundation

/// Lines (or points) over a common axis, with a legend.
struct LineChart {
    struct Point {
        var x: Double
        var y: Double
        /// Half of an interval around y.
        var half: Double?
    }
    struct Series {
        var name: String
        var points: [Point]
        /// Which of the page's colours and dashes.
        var colour: Int
    }

    var title: String
    var x: String
    var y: String
    var series: [Series]
    /// The line y = x, as in a reliability diagram.
    var hasDiagonal = false
    var showsPoints = false
    var size = (width: 460.0, height: 280.0)
    /// Values of x that must be labelled; nil: round ones.
    var ticks: [Double]?

    private let margin = (left: 62.0, right: 14.0, top: 12.0, bottom: 44.0)

    init(_ title: String, x: String, y: String, _ series: [Series]) {
        self.title = title
        self.x = x
        self.y = y
        self.series = series.filter { !$0.points.isEmpty }
    }

    var isEmpty: Bool { series.isEmpty }

    var html: String {
        guard !isEmpty else { return "" }
        let legend = series.map { line in
            "<span class=\"key\"><svg viewBox=\"0 0 24 8\" width=\"24\" height=\"8\" aria-hidden=\"true\">"
                + "<line x1=\"0\" y1=\"4\" x2=\"24\" y2=\"4\" class=\"line c\(line.colour % 8)\"/></svg>\(escaped(line.name))</span>"
        }
        return """
            <figure>
            <figcaption>\(escaped(title))</figcaption>
            <div class="legend">\(legend.joined(separator: " "))</div>
            \(drawing)
            </figure>
            """
    }

    private var drawing: String {
        let points = series.flatMap(\.points)
        let xs = points.map(\.x)
        let ys = points.flatMap { [$0.y - ($0.half ?? 0), $0.y + ($0.half ?? 0)] }
        let square = hasDiagonal ? Axis([0] + xs + ys, count: 5) : nil
        let horizontal = square ?? Axis(xs, keepsEnds: true)
        let vertical = square ?? Axis(ys)
        var svg = SVG(width: size.width, height: size.height, title: title)
        let (left, top) = (margin.left, margin.top)
        let width = size.width - margin.left - margin.right
        let height = size.height - margin.top - margin.bottom
        func place(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
            (left + horizontal.position(x) * width, top + (1 - vertical.position(y)) * height)
        }
        for tick in vertical.ticks {
            let y = place(horizontal.low, tick).y
            svg.line(left, y, left + width, y, "grid")
            svg.text(vertical.text(tick), left - 8, y + 4, "tick", anchor: "end")
        }
        for tick in ticks ?? horizontal.ticks {
            let x = place(tick, vertical.low).x
            svg.line(x, top + height, x, top + height + 4, "axis")
            svg.text(ticks == nil ? horizontal.text(tick) : short(tick), x, top + height + 18, "tick", anchor: "middle")
        }
        svg.line(left, top + height, left + width, top + height, "axis")
        svg.text(x, left + width / 2, size.height - 6, anchor: "middle")
        svg.text(y, 14, top + height / 2, anchor: "middle", rotated: true)
        if hasDiagonal {
            let (a, b) = (place(horizontal.low, horizontal.low), place(horizontal.high, horizontal.high))
            svg.line(a.x, a.y, b.x, b.y, "reference")
        }
        for line in series {
            let colour = "c\(line.colour % 8)"
            svg.path(line.points.map { place($0.x, $0.y) }, "line \(colour)")
            for point in line.points {
                let at = place(point.x, point.y)
                if let half = point.half {
                    svg.line(at.x, place(point.x, point.y - half).y, at.x, place(point.x, point.y + half).y, "bar \(colour)")
                }
                if showsPoints {
                    svg.circle(at.x, at.y, 3, "dot \(colour)", hint: "\(line.name): \(short(point.x)), \(four(point.y))")
                }
            }
        }
        return svg.text
    }
}
