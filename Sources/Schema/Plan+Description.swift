extension Plan: CustomStringConvertible {
    /// Plain text in aligned columns.
    public var description: String {
        var lines: [String] = [title]
        let keyWidth = summary.map(\.key.count).max() ?? 0
        for (key, value) in summary { lines.append("  \(key.padded(to: keyWidth))  \(value)") }
        lines += section("Features", featureTable)
        lines += section("Tables", tableTable)
        lines += section("Networks", networkTable)
        lines += ["", "Cost"]
        lines.append(
            "  memory  \(bytes(tableBytes + networkBytes)): tables \(bytes(tableBytes)), networks \(bytes(networkBytes))"
                + (tables.contains { $0.rows == nil && $0.copies > 0 } ? ", and the vocabularies to be learnt" : ""))
        lines.append("  work    \(flops(flopsPerSample)) a sample, forward and backward")
        if let deduplicatedFlopsPerSample, let samplesPerRequest {
            lines.append(
                "          \(flops(deduplicatedFlopsPerSample)) a sample with each request's work done once "
                    + "(\(decimal(samplesPerRequest)) samples a request)")
        }
        if !warnings.isEmpty {
            lines += ["", "Warnings"]
            lines += warnings.map { "  \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func section(_ title: String, _ table: TextTable) -> [String] {
        ["", title] + table.lines.map { "  \($0)" }
    }

    private var featureTable: TextTable {
        var table = TextTable(["name", "side", "column", "encoding", "table", "dim"], right: [5])
        for feature in features {
            table.add([
                feature.name, feature.isPrivileged ? "privileged (\(feature.role))" : feature.role, feature.column,
                feature.encoding, feature.table, feature.dimension.grouped,
            ])
        }
        return table
    }

    private var tableTable: TextTable {
        var table = TextTable(["table", "rows", "dim", "values", "state", "owner"], right: [1, 2, 3, 4])
        for line in tables {
            table.add([
                line.name, line.rows.map(\.grouped) ?? "to be learnt", line.dimension.grouped,
                line.valueBytes.map(bytes) ?? "?", line.stateBytes.map(bytes) ?? "?", line.owner,
            ])
        }
        return table
    }

    private var networkTable: TextTable {
        var table = TextTable(["owner", "layer", "shape", "weights"], right: [3])
        for (owner, network) in networks.all {
            table.add([owner, network.name, "", network.parameters.grouped])
            for layer in network.layers {
                table.add(["", "  \(layer.name)", layer.shape, layer.parameters.grouped])
            }
        }
        table.add(["all", "", "", networks.parameters.grouped])
        return table
    }

    private func bytes(_ count: Int) -> String {
        scaled(Double(count), by: 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
    }

    private func flops(_ count: Double) -> String {
        scaled(count, by: 1000, ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"])
    }

    private func scaled(_ value: Double, by base: Double, _ units: [String]) -> String {
        var value = value
        var unit = 0
        // 999.95 would print as 1000.0.
        while value >= base - 0.05, unit + 1 < units.count {
            value /= base
            unit += 1
        }
        return (unit == 0 ? Int(value).grouped : decimal(value)) + " " + units[unit]
    }

    private func decimal(_ value: Double) -> String {
        let tenths = (value * 10).rounded()
        guard let whole = Int(exactly: tenths) else { return String(value) }
        return "\((whole / 10).grouped).\(abs(whole % 10))"
    }
}

/// Columns of text, as wide as their widest cell.
struct TextTable {
    private var rows: [[String]]
    private let right: Set<Int>

    /// - Parameter right: the columns that are aligned to the right.
    init(_ header: [String], right: Set<Int>) {
        rows = [header]
        self.right = right
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    var lines: [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.indices.map { column in
                right.contains(column)
                    ? String(repeating: " ", count: widths[column] - row[column].count) + row[column]
                    : row[column].padded(to: widths[column])
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

extension Int {
    /// `1,672,272`
    var grouped: String {
        var digits = String(magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (self < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }
}
