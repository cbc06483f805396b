/// A small table for people: aligned columns, numbers to the right, text to the left.
///
///     var table = TextTable(["method", "student AUC"])
///     table.add(["baseline", "0.6821"])
///     print(table.rendered())
///
/// A column is set to the right when all its filled cells read as numbers (a sign, digits, `%`, an interval
/// such as `0.68 [0.67, 0.69]`, a dash for none). Width is counted in characters, which fits Latin text.
public struct TextTable: Sendable, Equatable {
    public let headers: [String]
    public private(set) var rows: [[String]] = []

    public init(_ headers: [String]) { self.headers = headers }

    /// - Precondition: as many cells as headers.
    public mutating func add(_ cells: [String]) {
        precondition(
            cells.count == headers.count, "TextTable: \(cells.count) cells under \(headers.count) headers")
        rows.append(cells.map(Self.oneLine))
    }

    /// Plain text: columns two spaces apart, a rule below the headers, no trailing spaces or newline.
    public func rendered() -> String {
        let widths = headers.indices.map { column in (rows + [headers]).map { $0[column].count }.max()! }
        let rule = widths.map { String(repeating: "─", count: $0) }
        let lines = [headers, rule] + rows
        return lines.map { cells in
            let padded = cells.indices.map { pad(cells[$0], to: widths[$0], right: isNumeric($0)) }
            return padded.joined(separator: "  ").trimmingTrailingSpaces()
        }.joined(separator: "\n")
    }

    /// The same as a Markdown table.
    public func markdown() -> String {
        let rule = headers.indices.map { isNumeric($0) ? "---:" : "---" }
        let body = ([headers] + rows).map {
            $0.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
        }
        let lines = [body[0], rule] + body[1...]
        return lines.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
    }

    private func isNumeric(_ column: Int) -> Bool {
        let cells = rows.map { $0[column] }.filter { !$0.isEmpty }
        return cells.contains { $0.contains(where: \.isASCIIDigit) } && cells.allSatisfy(Self.isNumeric)
    }

    private static func isNumeric(_ cell: String) -> Bool {
        if cell == "-" || cell == "–" || cell == "—" { return true }
        return cell.contains(where: \.isASCIIDigit)
            && cell.allSatisfy { $0.isASCIIDigit || " +-−±.,%[]()…–xeE".contains($0) }
    }

    private static func oneLine(_ cell: String) -> String {
        String(cell.map { $0.isNewline || $0 == "\t" ? " " : $0 })
    }
}

private func pad(_ cell: String, to width: Int, right: Bool) -> String {
    let spaces = String(repeating: " ", count: width - cell.count)
    return right ? spaces + cell : cell + spaces
}

extension Character {
    fileprivate var isASCIIDigit: Bool { self >= "0" && self <= "9" }
}

extension String {
    fileprivate func trimmingTrailingSpaces() -> String {
        var end = endIndex
        while end > startIndex, self[index(before: end)] == " " { end = index(before: end) }
        return String(self[..<end])
    }
}
