import Foundation
import Schema

/// The good rows of a chunk, and what the loss needs of all of them (indexed by the chunk's rows).
struct CheckedChunk {
    let chunk: Chunk
    /// Ascending.
    let rows: [Int32]
    let labels: [[Double]]
    let weights: [Double]?
    let softLabels: [Double]?

    /// `rows` as maximal ranges.
    var ranges: [Range<Int>] {
        guard let first = rows.first, let last = rows.last else { return [] }
        if Int(last - first) + 1 == rows.count { return [Int(first)..<Int(last) + 1] }
        var result: [Range<Int>] = []
        for row in rows {
            if let open = result.last, open.upperBound == Int(row) {
                result[result.count - 1] = open.lowerBound..<Int(row) + 1
            } else {
                result.append(Int(row)..<Int(row) + 1)
            }
        }
        return result
    }
}

/// Finds the rows that cannot be trained on: the same rows whether fitting, counting or encoding.
struct RowCheck {
    let columns: SchemaColumns
    let badRows: BadRowLog

    func check(_ chunk: Chunk, rows: [Int32]) throws -> CheckedChunk {
        var problems: [Int32: LogsError] = [:]
        func refuse(_ row: Int32, _ column: Int, _ expected: String, found: String? = nil) {
            guard problems[row] == nil else { return }
            problems[row] = LogsError(
                .badRow, file: chunk.file.path, row: chunk.number(ofRow: Int(row)), column: columns.wanted[column].name,
                expected: expected, found: found ?? chunk.columns[column].text(at: Int(row)))
        }

        let labels = zip(columns.schema.labels, columns.labels).map { label, column in
            let values = numbers(chunk, column, positive: label.positiveText)
            for row in rows {
                let value = values[Int(row)]
                if value == 0 || value == 1 || (label.kind == .continuous && value.isFinite) { continue }
                refuse(row, column, label.kind == .binary ? "label 0 or 1" : "a number as label")
            }
            return values
        }
        let weights = columns.weight.map { column in
            let values = numbers(chunk, column)
            for row in rows where !(values[Int(row)] >= 0 && values[Int(row)].isFinite) {
                refuse(row, column, "a weight of 0 or more")
            }
            return values
        }
        let softLabels = columns.softLabel.map { column in
            let values = numbers(chunk, column)
            for row in rows where !(values[Int(row)] >= 0 && values[Int(row)] <= 1) {
                refuse(row, column, "a probability")
            }
            return values
        }
        if let column = columns.timestamp {
            let values = numbers(chunk, column)
            for row in rows where values[Int(row)].isNaN { refuse(row, column, "a timestamp") }
        }
        for use in columns.uses {
            if use.isNumeric, chunk.columns[use.column].isTextual {
                for (row, text) in badNumbers(chunk, use, rows) { refuse(row, use.column, "a number", found: text) }
            }
            if use.feature.missing == .error, !use.isField {
                for row in missing(chunk, use, rows) { refuse(row, use.column, "a value", found: "none") }
            }
        }
        if let first = columns.fields.first {
            for other in columns.fields.dropFirst() {
                for row in rows {
                    let a = chunk.columns[first.column].bounds(Int(row)).count
                    let b = chunk.columns[other.column].bounds(Int(row)).count
                    if a != b {
                        refuse(row, other.column, "\(a) events as in '\(columns.wanted[first.column].name)'", found: "\(b)")
                    }
                }
            }
        }
        guard !problems.isEmpty else {
            return CheckedChunk(chunk: chunk, rows: rows, labels: labels, weights: weights, softLabels: softLabels)
        }
        for row in problems.keys.sorted() {
            try badRows.record(problems[row]!) { self.values(of: chunk, row: Int(row)) }
        }
        return CheckedChunk(
            chunk: chunk, rows: rows.filter { problems[$0] == nil }, labels: labels, weights: weights,
            softLabels: softLabels)
    }

    private func numbers(_ chunk: Chunk, _ column: Int, positive: String? = nil) -> [Double] {
        chunk.columns[column].numbers(positive: positive)
    }

    /// Rows whose text spells no number, with that text.
    private func badNumbers(_ chunk: Chunk, _ use: SchemaColumns.Use, _ rows: [Int32]) -> [(Int32, String)] {
        let column = chunk.columns[use.column]
        guard let elements = column.elements else {
            let values = column.numbers()
            return rows.filter { NumberReader.isBad(values[Int($0)]) }.map { ($0, column.text(at: Int($0))) }
        }
        let values = elements.numbers()
        return rows.compactMap { row in
            column.bounds(Int(row)).first { NumberReader.isBad(values[$0]) }.map { (row, elements.text(at: $0)) }
        }
    }

    private func missing(_ chunk: Chunk, _ use: SchemaColumns.Use, _ rows: [Int32]) -> [Int32] {
        let column = chunk.columns[use.column]
        if use.isList { return rows.filter { column.bounds(Int($0)).isEmpty } }
        var reader = PresenceReader()
        return withUnsafeTemporaryAllocation(of: Int32.self, capacity: max(1, chunk.count)) { present in
            column.visit(&reader, 0..<chunk.count, into: present.baseAddress!)
            return rows.filter { present[Int($0)] == 0 }
        }
    }

    private func values(of chunk: Chunk, row: Int) -> [String: String] {
        Dictionary(
            zip(columns.wanted, chunk.columns).map { ($0.name, $1.text(at: row)) }, uniquingKeysWith: { first, _ in first })
    }
}

extension ColumnView {
    var isTextual: Bool {
        switch layout {
        case .text, .largeText: true
        case .dictionary(_, let values): values.isTextual
        case .list(_, let child), .largeList(_, let child): child.isTextual
        default: false
        }
    }

    func numbers(positive: String? = nil) -> [Double] {
        var reader = NumberReader(positive: positive)
        return [Double](unsafeUninitializedCapacity: count) { buffer, initialised in
            if count > 0 { visit(&reader, 0..<count, into: buffer.baseAddress!) }
            initialised = count
        }
    }

    /// The value for people: in errors and side files only.
    func text(at i: Int) -> String {
        if elements != nil {
            return "[" + bounds(i).map { elements!.text(at: $0) }.joined(separator: ", ") + "]"
        }
        var reader = TextReader()
        var nothing: UInt8 = 0
        visit(&reader, i..<i + 1, into: &nothing)
        return reader.found
    }
}

private struct TextReader: ScalarVisitor {
    static var isPure: Bool { false }
    var found = ""
    mutating func missing() -> UInt8 { found = "nothing"; return 0 }
    mutating func integer(_ value: Int64) -> UInt8 { found = String(value); return 0 }
    mutating func real(_ value: Double, single: Bool) -> UInt8 {
        found = ValueText.text(value, single: single)
        return 0
    }
    mutating func text(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt8 {
        let text = String(decoding: UnsafeBufferPointer(start: bytes, count: min(count, 200)), as: UTF8.self)
        found = "'\(text)'" + (count > 200 ? "..." : "")
        return 0
    }
}

/// What becomes of bad rows: the first one is thrown (`fail`), or all are counted and kept aside (`skip`).
///
/// SAFETY: the lock guards everything.
public final class BadRowLog: @unchecked Sendable {
    private let policy: BadRowPolicy
    private let url: URL
    private let lock = NSLock()
    private var counts: [String: Int] = [:]
    private var known: Set<String> = []
    private var handle: FileHandle?

    init(policy: BadRowPolicy, url: URL) {
        self.policy = policy
        self.url = url
    }

    /// Bad rows so far, by reason ("column: expected ...").
    public var countsByReason: [String: Int] { lock.withLock { counts } }
    public var total: Int { lock.withLock { counts.values.reduce(0, +) } }
    /// One JSON object a line: file, row, column, reason, found, values. Made when the first bad row comes.
    public var sideFile: URL { url }

    var skips: Bool { policy == .skip }

    func record(_ error: LogsError, values: () -> [String: String]) throws {
        guard policy == .skip else { throw error }
        try lock.withLock {
            // A row is met again in every pass over the logs; it is bad once.
            guard known.insert("\(error.file ?? ""):\(error.row ?? 0)").inserted else { return }
            let place = error.column.map { "\($0): " } ?? ""
            let reason = place + (error.expected.map { "expected \($0)" } ?? error.detail ?? "unreadable")
            counts[reason, default: 0] += 1
            struct Line: Encodable {
                var file: String, row: Int, column: String?, reason: String, found: String?, values: [String: String]
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            var line = try encoder.encode(
                Line(
                    file: error.file ?? "", row: error.row ?? 0, column: error.column, reason: reason, found: error.found,
                    values: values()))
            line.append(UInt8(ascii: "\n"))
            if handle == nil {
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                guard FileManager.default.createFile(atPath: url.path, contents: nil) else {
                    throw LogsError(.writeFailed, file: url.path, detail: "cannot keep the bad rows there")
                }
                handle = try FileHandle(forWritingTo: url)
            }
            try handle?.write(contentsOf: line)
        }
    }
}
