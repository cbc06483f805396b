import Foundation

/// Text of SVG elements. Colours come from the page's style sheet by class, so that one drawing serves a light and a
/// dark page.
struct SVG {
    private var elements: [String] = []
    let width: Double
    let height: Double
    let title: String

    init(width: Double, height: Double, title: String) {
        self.width = width
        self.height = height
        self.title = title
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
        elements.append("<line x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\" class=\"\(style)\"/>")
    }

    mutating func path(_ points: [(x: Double, y: Double)], _ style: String) {
        guard let first = points.first else { return }
        let rest = points.dropFirst().map { "L\(n($0.x)) \(n($0.y))" }.joined()
        elements.append("<path d=\"M\(n(first.x)) \(n(first.y))\(rest)\" class=\"\(style)\"/>")
    }

    mutating func circle(_ x: Double, _ y: Double, _ radius: Double, _ style: String, hint: String? = nil) {
        let title = hint.map { "<title>\(escaped($0))</title>" } ?? ""
        elements.append("<circle cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"\(n(radius))\" class=\"\(style)\">\(title)</circle>")
    }

    mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String) {
        elements.append(
            "<rect x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(width))\" height=\"\(n(height))\" class=\"\(style)\"/>")
    }

    /// - Parameter anchor: `start`, `middle` or `end`.
    mutating func text(
        _ text: String, _ x: Double, _ y: Double, _ style: String = "label", anchor: String = "start", rotated: Bool = false
    ) {
        let turn = rotated ? " transform=\"rotate(-90 \(n(x)) \(n(y)))\"" : ""
        elements.append(
            "<text x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor)\" class=\"\(style)\"\(turn)>\(escaped(text))</text>")
    }

    var text: String {
        """
        <svg viewBox="0 0 \(n(width)) \(n(height))" role="img" aria-label="\(escaped(title))" style="max-width:\(n(width))px">
        \(elements.joined(separator: "\n"))
        </svg>
        """
    }

    /// A tenth of a pixel is enough.
    private func n(_ value: Double) -> String { brief((value * 10).rounded() / 10) }
}

/// Text for HTML and SVG.
func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        .replacing("\"", with: "&quot;")
}
