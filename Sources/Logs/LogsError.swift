/// What can be wrong with logs: where, what was expected, what was found.
public struct LogsError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        case bridgeMissing, noSuchFile, unreadable, missingColumn, wrongType, badRow, lineTooLong
        case emptySplit, oneClass, badConfiguration, badEncoder, staleCache, writeFailed
    }

    public var kind: Kind
    public var file: String?
    /// The row in the file, counted from 1 (a header is not a row).
    public var row: Int?
    public var column: String?
    public var expected: String?
    public var found: String?
    /// Whatever else helps: the nearest column, the reader's own message.
    public var detail: String?

    public init(
        _ kind: Kind, file: String? = nil, row: Int? = nil, column: String? = nil, expected: String? = nil,
        found: String? = nil, detail: String? = nil
    ) {
        self.kind = kind
        self.file = file
        self.row = row
        self.column = column
        self.expected = expected
        self.found = found
        self.detail = detail
    }

    public var description: String {
        var place: [String] = []
        if let file { place.append(file) }
        if let row { place.append("row \(row)") }
        if let column { place.append("column '\(column)'") }
        var what: [String] = []
        switch kind {
        case .missingColumn: what.append("no such column")
        case .lineTooLong: what.append("line too long")
        case .emptySplit: what.append("no rows")
        case .oneClass: what.append("only one class")
        default: break
        }
        if let expected, let found {
            what.append("expected \(expected), found \(found)")
        } else if let expected {
            what.append("expected \(expected)")
        } else if let found {
            what.append("found \(found)")
        }
        if let detail { what.append(detail) }
        return (place + [what.joined(separator: "; ")]).filter { !$0.isEmpty }.joined(separator: ": ")
    }
}

/// The known name nearest to `name`, when it is near enough to be a slip.
func nearest(to name: String, among known: [String]) -> String? {
    let best = known.map { ($0, editDistance(name.lowercased(), $0.lowercased())) }.min { $0.1 < $1.1 }
    guard let best, best.1 <= max(2, name.count / 3) else { return nil }
    return best.0
}

private func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8), b = Array(b.utf8)
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let substitution = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substitution, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[b.count]
}
