import Foundation

/// Reads JSON lines: one object a line, the wanted keys only. An absent key is a missing value.
///
/// Never holds more than one line and one chunk of rows: a longer line is an error, however long it is.
final class JSONLinesReader: ChunkReader {
    private let file: LogFile
    private let wanted: [WantedColumn]
    private let inFile: [Int]
    private let lines: LineReader
    private let badRows: BadRowLog
    private var parser: JSONLineParser
    private var row = 0
    private var dropped: [Int] = []
    private static let chunkRows = 16_384
    private static let chunkBytes = 32 << 20

    init(_ file: LogFile, columns: [WantedColumn], lineLimit: Int, badRows: BadRowLog) throws {
        self.file = file
        self.badRows = badRows
        wanted = columns
        inFile = columns.indices.filter { file.partitions[columns[$0].name] == nil }
        parser = JSONLineParser(columns: inFile.map { columns[$0] })
        lines = try LineReader(path: file.path, limit: lineLimit)
    }

    func next() throws -> Chunk? {
        let columns = inFile.map { TextColumn(isList: wanted[$0].isList) }
        let first = row
        var count = 0
        while count < Self.chunkRows, columns.first.map({ $0.byteCount < Self.chunkBytes }) ?? true {
            guard let line = try lines.next() else { break }
            if line.isBlank { continue }
            let number = row + dropped.count + 1
            if let problem = parser.parse(line.base, line.count, into: columns) {
                let error = LogsError(
                    .badRow, file: file.path, row: number, column: problem.column, expected: problem.expected,
                    found: problem.found)
                try badRows.record(error) {
                    ["line": String(decoding: UnsafeBufferPointer(start: line.base, count: min(line.count, 1 << 16)), as: UTF8.self)]
                }
                dropped.append(number - 1)
                continue
            }
            count += 1
            row += 1
        }
        guard count > 0 else { return nil }
        var views: [ColumnView] = []
        var owners: [AnyObject] = columns
        var next = 0
        for (i, column) in wanted.enumerated() {
            if let text = file.partitions[column.name], next >= inFile.count || inFile[next] != i {
                let constant = ConstantText(text, count: count)
                owners.append(constant)
                views.append(constant.view)
            } else {
                views.append(columns[next].view)
                next += 1
            }
        }
        let chunk = Chunk(file: file, firstRow: first, count: count, columns: views, owners: owners)
        chunk.droppedRows = dropped
        return chunk
    }

    /// The keys of the first lines.
    static func describe(_ file: LogFile, lineLimit: Int) throws -> FileDescription {
        let lines = try LineReader(path: file.path, limit: lineLimit)
        var description = FileDescription(columns: [:], order: [], rows: nil)
        var seen = 0
        while seen < 1000, let line = try lines.next() {
            if line.isBlank { continue }
            seen += 1
            for key in JSONLineParser.keys(line.base, line.count) where description.columns[key] == nil {
                description.columns[key] = .text
                description.order.append(key)
            }
        }
        if seen > 0, description.order.isEmpty {
            throw LogsError(.unreadable, file: file.path, expected: "one JSON object a line", found: "something else")
        }
        return description
    }
}

/// Splits a file into lines with one buffer.
final class LineReader {
    struct Line {
        var base: UnsafePointer<UInt8>
        var count: Int
        var isBlank: Bool {
            for i in 0..<count where base[i] > 32 { return false }
            return true
        }
    }

    private let path: String
    private let limit: Int
    private let descriptor: Int32
    private var buffer: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var start = 0
    private var end = 0
    private var atEnd = false
    private var number = 0

    init(path: String, limit: Int) throws {
        self.path = path
        self.limit = limit
        capacity = 1 << 16
        buffer = .allocate(capacity: capacity)
        descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw LogsError(.noSuchFile, file: path, detail: String(cString: strerror(errno)))
        }
    }

    deinit {
        buffer.deallocate()
        if descriptor >= 0 { close(descriptor) }
    }

    /// The next line, valid until the next call.
    func next() throws -> Line? {
        var scanned = start
        while true {
            if let newline = memchr(buffer + scanned, 10, end - scanned) {
                let at = buffer.distance(to: newline.assumingMemoryBound(to: UInt8.self))
                if at - start > limit { throw tooLong() }
                defer { start = at + 1 }
                number += 1
                return Line(base: buffer + start, count: at - start)
            }
            scanned = end
            if end - start > limit { throw tooLong() }
            if atEnd {
                guard end > start else { return nil }
                defer { start = end }
                return Line(base: buffer + start, count: end - start)
            }
            scanned -= start
            fill()
            scanned += start
        }
    }

    private func tooLong() -> LogsError {
        LogsError(
            .lineTooLong, file: path, row: number + 1, expected: "at most \(limit) bytes in a line", found: "more")
    }

    private func fill() {
        if start > 0 {
            memmove(buffer, buffer + start, end - start)
            end -= start
            start = 0
        }
        if end == capacity {
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * capacity)
            larger.update(from: buffer, count: end)
            buffer.deallocate()
            buffer = larger
            capacity *= 2
        }
        let n = read(descriptor, buffer + end, capacity - end)
        if n <= 0 { atEnd = true } else { end += n }
    }
}

/// Reads the wanted keys of one line of JSON into columns of texts. Depth and size are bounded by the line.
struct JSONLineParser {
    struct Problem {
        var column: String?
        var expected: String
        var found: String
    }

    private let columns: [WantedColumn]
    private let names: [[UInt8]]
    /// What the line holds, put into the columns when the whole line is known to be good.
    private var cells: [[Cell]]
    private var bytes: [UInt8] = []

    private struct Cell {
        var start: Int
        var count: Int
    }

    init(columns: [WantedColumn]) {
        self.columns = columns
        names = columns.map { Array($0.name.utf8) }
        cells = columns.map { _ in [] }
    }

    private struct Malformed: Error {
        var expected: String
        var at: Int
        var column: String
    }

    /// nil when the line went into the columns.
    mutating func parse(_ base: UnsafePointer<UInt8>, _ count: Int, into targets: [TextColumn]) -> Problem? {
        bytes.removeAll(keepingCapacity: true)
        for i in cells.indices { cells[i].removeAll(keepingCapacity: true) }
        func problem(_ expected: String, _ at: Int, _ column: String?) -> Problem {
            let rest = UnsafeBufferPointer(start: base + min(at, count), count: min(24, count - min(at, count)))
            let found = rest.isEmpty ? "the end of the line" : "'\(String(decoding: rest, as: UTF8.self))'"
            return Problem(column: column, expected: expected, found: found)
        }
        var scanner = JSONScanner(base, count: count, rules: .lenient)
        do {
            try object(&scanner)
        } catch let error as Malformed {
            return problem(error.expected, error.at, error.column)
        } catch let error as JSONScanner.Malformed {
            return problem(error.expected, error.at, nil)
        } catch { return Problem(column: nil, expected: "JSON", found: "\(error)") }
        bytes.withUnsafeBufferPointer { buffer in
            for (i, target) in targets.enumerated() {
                for cell in cells[i] {
                    if cell.count > 0 { target.append(buffer.baseAddress! + cell.start, cell.count) } else { target.appendMissing() }
                }
                if target.isList { target.endList() } else if cells[i].isEmpty { target.appendMissing() }
            }
        }
        return nil
    }

    /// The keys of a line's object, as far as it can be read.
    static func keys(_ base: UnsafePointer<UInt8>, _ count: Int) -> [String] {
        var parser = JSONLineParser(columns: [])
        var scanner = JSONScanner(base, count: count, rules: .lenient)
        var found: [String] = []
        try? parser.object(&scanner) { found.append(String(decoding: $0, as: UTF8.self)) }
        return found
    }

    private mutating func object(_ scanner: inout JSONScanner, _ onKey: (([UInt8]) -> Void)? = nil) throws {
        scanner.blanks()
        try scanner.expect(UInt8(ascii: "{"), "a JSON object")
        scanner.blanks()
        if scanner.take(UInt8(ascii: "}")) { return try scanner.finish("the end of the line") }
        repeat {
            try scanner.key()
            onKey?(scanner.scratch)
            let key = scanner.scratch
            var isWanted = false
            let start = scanner.at
            for i in names.indices where names[i] == key {
                scanner.at = start
                isWanted = true
                cells[i].removeAll(keepingCapacity: true)
                try value(&scanner, into: i)
            }
            if !isWanted { try scanner.skip() }
        } while try scanner.another(UInt8(ascii: "}"))
        try scanner.finish("the end of the line")
    }

    private mutating func value(_ scanner: inout JSONScanner, into i: Int) throws {
        guard columns[i].isList, scanner.next == UInt8(ascii: "[") else {
            let first = scanner.next
            try scalar(&scanner, into: i)
            // null for a list: an empty one.
            if columns[i].isList, first == UInt8(ascii: "n") { cells[i].removeAll() }
            return
        }
        scanner.at += 1
        scanner.blanks()
        if scanner.take(UInt8(ascii: "]")) { return }
        repeat { try scalar(&scanner, into: i) } while try scanner.another(UInt8(ascii: "]"))
    }

    private mutating func scalar(_ scanner: inout JSONScanner, into i: Int) throws {
        let start = bytes.count
        switch scanner.next {
        case nil: throw Malformed(expected: "a value", at: scanner.at, column: columns[i].name)
        case UInt8(ascii: "\""):
            try scanner.string()
            bytes.append(contentsOf: scanner.scratch)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let expected = columns[i].isList ? "a list of values" : "one value"
            throw Malformed(expected: expected, at: scanner.at, column: columns[i].name)
        default:
            let text = try scanner.word()
            if text.elementsEqual("null".utf8) { break }
            bytes.append(contentsOf: text)
            // 1e3 and 1000.0 are 1000: the canonical text of a number in exponent form.
            if text.contains(where: { $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }),
                let number = Double(String(decoding: text, as: UTF8.self))
            {
                bytes.removeSubrange(start...)
                bytes.append(contentsOf: (ValueText.integer(number).map { String($0) } ?? number.description).utf8)
            }
        }
        cells[i].append(Cell(start: start, count: bytes.count - start))
    }
}
