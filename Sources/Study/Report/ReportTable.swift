import Evaluation

/// A table as Markdown and HTML both show it.
struct ReportTable {
    var title: String
    /// What a reader must know to read it, a sentence or two.
    var note: String
    var headers: [String]
    var rows: [[String]] = []

    init(_ title: String, note: String, _ headers: [String]) {
        self.title = title
        self.note = note
        self.headers = headers
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    var markdown: String {
        var table = TextTable(headers)
        for row in rows { table.add(row) }
        return "### \(title)\n\n\(table.markdown())\n\n\(note)\n"
    }
}
