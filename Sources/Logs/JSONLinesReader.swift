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
    private var p: UnsafePointer<UInt8>
    private var at = 0
    private var end = 0
    private var scratch: [UInt8] = []
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
        p = UnsafePointer(bitPattern: 8)!
    }

    private struct Malformed: Error {
        var expected: String
        var at: Int
        var column: String?
    }

    /// nil when the line went into the columns.
    mutating func parse(_ base: UnsafePointer<UInt8>, _ count: Int, into targets: [TextColumn]) -> Problem? {
        p = base
        at = 0
        end = count
        bytes.removeAll(keepingCapacity: true)
        for i in cells.indices { cells[i].removeAll(keepingCapacity: true) }
        do {
            try object()
        } catch let error as Malformed {
            let rest = UnsafeBufferPointer(start: base + min(error.at, count), count: min(24, count - min(error.at, count)))
            let found = rest.isEmpty ? "the end of the line" : "'\(String(decoding: rest, as: UTF8.self))'"
            return Problem(column: error.column, expected: error.expected, found: found)
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
        parser.p = base
        parser.end = count
        var found: [String] = []
        try? parser.object { found.append(String(decoding: $0, as: UTF8.self)) }
        return found
    }

    private mutating func object(_ onKey: (([UInt8]) -> Void)? = nil) throws {
        blanks()
        try expect(UInt8(ascii: "{"), "a JSON object")
        blanks()
        if take(UInt8(ascii: "}")) { return try finish() }
        while true {
            blanks()
            scratch.removeAll(keepingCapacity: true)
            try string()
            onKey?(scratch)
            let key = scratch
            blanks()
            try expect(UInt8(ascii: ":"), "':'")
            blanks()
            var isWanted = false
            let start = at
            for i in names.indices where names[i] == key {
                at = start
                isWanted = true
                cells[i].removeAll(keepingCapacity: true)
                try value(into: i)
            }
            if !isWanted { try skip() }
            blanks()
            if take(UInt8(ascii: ",")) { continue }
            try expect(UInt8(ascii: "}"), "',' or '}'")
            return try finish()
        }
    }

    private mutating func finish() throws {
        blanks()
        if at < end { throw Malformed(expected: "the end of the line", at: at) }
    }

    private mutating func value(into i: Int) throws {
        guard columns[i].isList, at < end, p[at] == UInt8(ascii: "[") else {
            let start = at
            try scalar(into: i)
            // null for a list: an empty one.
            if columns[i].isList, p[start] == UInt8(ascii: "n") { cells[i].removeAll() }
            return
        }
        at += 1
        blanks()
        if take(UInt8(ascii: "]")) { return }
        while true {
            blanks()
            try scalar(into: i)
            blanks()
            if take(UInt8(ascii: ",")) { continue }
            return try expect(UInt8(ascii: "]"), "',' or ']'")
        }
    }

    private mutating func scalar(into i: Int) throws {
        guard at < end else { throw Malformed(expected: "a value", at: at, column: columns[i].name) }
        let start = bytes.count
        switch p[at] {
        case UInt8(ascii: "\""):
            scratch.removeAll(keepingCapacity: true)
            try string()
            bytes.append(contentsOf: scratch)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let expected = columns[i].isList ? "a list of values" : "one value"
            throw Malformed(expected: expected, at: at, column: columns[i].name)
        default:
            let first = at
            try skip()
            let text = UnsafeBufferPointer(start: p + first, count: at - first)
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

    /// Passes over one value of any kind.
    private mutating func skip() throws {
        guard at < end else { throw Malformed(expected: "a value", at: at) }
        switch p[at] {
        case UInt8(ascii: "\""):
            scratch.removeAll(keepingCapacity: true)
            try string()
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            var depth = 0
            repeat {
                guard at < end else { throw Malformed(expected: "a closing bracket", at: at) }
                switch p[at] {
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1; at += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1; at += 1
                case UInt8(ascii: "\""):
                    scratch.removeAll(keepingCapacity: true)
                    try string()
                default: at += 1
                }
            } while depth > 0
        default:
            let start = at
            while at < end, !",]} \t\r".utf8.contains(p[at]) { at += 1 }
            let word = UnsafeBufferPointer(start: p + start, count: at - start)
            let isWord = ["null", "true", "false", "NaN"].contains { word.elementsEqual($0.utf8) }
            guard isWord || (!word.isEmpty && ValueText.number(p + start, word.count).map { !$0.isNaN } ?? false) else {
                throw Malformed(expected: "a JSON value", at: start)
            }
        }
    }

    /// A string, unescaped into `scratch`.
    private mutating func string() throws {
        try expect(UInt8(ascii: "\""), "a string")
        while at < end {
            let c = p[at]
            at += 1
            if c == UInt8(ascii: "\"") { return }
            guard c == UInt8(ascii: "\\") else {
                scratch.append(c)
                continue
            }
            guard at < end else { break }
            let escape = p[at]
            at += 1
            switch escape {
            case UInt8(ascii: "n"): scratch.append(10)
            case UInt8(ascii: "t"): scratch.append(9)
            case UInt8(ascii: "r"): scratch.append(13)
            case UInt8(ascii: "b"): scratch.append(8)
            case UInt8(ascii: "f"): scratch.append(12)
            case UInt8(ascii: "u"): try unicode()
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scratch.append(escape)
            default: throw Malformed(expected: "a JSON escape", at: at - 2)
            }
        }
        throw Malformed(expected: "the end of a string", at: end)
    }

    private mutating func unicode() throws {
        var code = try hex()
        if (0xD800..<0xDC00).contains(code), at + 1 < end, p[at] == UInt8(ascii: "\\"), p[at + 1] == UInt8(ascii: "u") {
            at += 2
            let low = try hex()
            guard (0xDC00..<0xE000).contains(low) else { throw Malformed(expected: "a low surrogate", at: at - 6) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        let scalar = Unicode.Scalar(code) ?? "\u{FFFD}"
        scratch.append(contentsOf: String(Character(scalar)).utf8)
    }

    private mutating func hex() throws -> UInt32 {
        guard at + 4 <= end, let code = UInt32(String(decoding: UnsafeBufferPointer(start: p + at, count: 4), as: UTF8.self), radix: 16)
        else { throw Malformed(expected: "four hexadecimal digits", at: at) }
        at += 4
        return code
    }

    @inline(__always) private mutating func blanks() {
        while at < end, p[at] == 32 || p[at] == 9 || p[at] == 13 { at += 1 }
    }
    @inline(__always) private mutating func take(_ byte: UInt8) -> Bool {
        guard at < end, p[at] == byte else { return false }
        at += 1
        return true
    }
    private mutating func expect(_ byte: UInt8, _ what: String) throws {
        guard take(byte) else { throw Malformed(expected: what, at: at) }
    }
}
