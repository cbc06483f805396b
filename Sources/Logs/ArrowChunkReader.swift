import CArrow
import Foundation

/// Reads Parquet, Arrow IPC and CSV through the bridge.
final class ArrowChunkReader: ChunkReader {
    private let file: LogFile
    private let bridge: ArrowBridge
    private var stream = ArrowArrayStream()
    private var types: [ColumnType] = []
    /// For each wanted column: its place in the stream, or the text its folder gives.
    private var sources: [Source] = []
    private var row: Int
    private var pending: (batch: ArrowBatch, done: Int)?
    private let invalid: InvalidRows
    private static let sliceRows = 32_768

    private enum Source {
        case column(Int)
        case partition(String)
    }

    /// - Parameter firstRow: rows before it may be left out (see `startRow`).
    init(
        file: LogFile, columns: [WantedColumn], description: FileDescription, firstRow: Int, lineLimit: Int,
        onInvalidRow: ((_ row: Int, _ expected: Int, _ found: Int, _ text: String) -> Bool)?
    ) throws {
        self.file = file
        bridge = try ArrowBridge.shared()
        invalid = InvalidRows(handler: onInvalidRow)
        row = 0
        var names: [String] = []
        for column in columns where description.columns[column.name] != nil && !names.contains(column.name) {
            names.append(column.name)
        }
        if names.isEmpty, let any = description.order.first { names = [any] }
        var start: Int64 = 0
        try withCStrings(names) { pointers in
            var options = file.readOptions(lineLimit: lineLimit)
            options.columns = pointers
            options.n_columns = Int64(names.count)
            options.first_row = Int64(firstRow)
            options.context = Unmanaged.passUnretained(invalid).toOpaque()
            options.on_invalid_row = invalidRow
            do {
                try bridge.checked(.unreadable, file: file.path) {
                    bridge.functions.open(file.path, &options, &stream, &start, $0)
                }
            } catch { throw invalid.error(file) ?? error }
        }
        row = Int(start)
        var schema = ArrowSchema()
        guard stream.get_schema(&stream, &schema) == 0 else { throw failure() }
        defer { schema.release?(&schema) }
        // Readers give columns in an order of their own.
        var places: [String: Int] = [:]
        for i in 0..<Int(schema.n_children) {
            let child = schema.children[i]!
            types.append(ColumnType(child))
            places[String(cString: child.pointee.name)] = i
        }
        sources = columns.map { column in
            places[column.name].map { .column($0) } ?? .partition(file.partitions[column.name] ?? "")
        }
    }

    deinit { stream.release?(&stream) }

    func next() throws -> Chunk? {
        while true {
            if let (batch, done) = pending {
                let count = min(Self.sliceRows, batch.count - done)
                pending = done + count < batch.count ? (batch, done + count) : nil
                if count > 0 { return chunk(of: batch, done..<done + count) }
            }
            let batch = ArrowBatch()
            guard stream.get_next(&stream, &batch.array) == 0 else { throw failure() }
            guard batch.array.release != nil else { return nil }
            pending = (batch, 0)
        }
    }

    private func chunk(of batch: ArrowBatch, _ range: Range<Int>) -> Chunk {
        var owners: [AnyObject] = [batch]
        let columns = sources.map { source -> ColumnView in
            switch source {
            case .column(let i):
                let child = batch.array.children[i]!
                return ColumnView(child, type: types[i], extra: Int(batch.array.offset)).slice(range)
            case .partition(let text):
                let constant = ConstantText(text, count: range.count)
                owners.append(constant)
                return constant.view
            }
        }
        defer { row += range.count }
        let chunk = Chunk(file: file, firstRow: row, count: range.count, columns: columns, owners: owners)
        chunk.droppedRows = invalid.rows
        return chunk
    }

    private func failure() -> LogsError {
        if let error = invalid.error(file) { return error }
        let message = stream.get_last_error(&stream).map { String(cString: $0) } ?? "unknown error"
        return .reading(.unreadable, file: file.path, message: message)
    }
}

extension LogFile {
    func readOptions(lineLimit: Int) -> hindsight_arrow_read {
        var options = hindsight_arrow_read()
        switch format {
        case .parquet: options.format = Int32(HINDSIGHT_ARROW_PARQUET.rawValue)
        case .arrow: options.format = Int32(HINDSIGHT_ARROW_IPC.rawValue)
        case .csv, .jsonl: options.format = Int32(HINDSIGHT_ARROW_CSV.rawValue)
        }
        options.delimiter = CChar(bitPattern: delimiter)
        options.block_bytes = Int64(lineLimit)
        options.batch_rows = 32_768
        return options
    }
}

/// Owns one batch of the stream.
final class ArrowBatch {
    var array = ArrowArray()
    var count: Int { Int(array.length) }
    deinit { array.release?(&array) }
}

/// The ragged rows of a CSV file, as the bridge tells them.
private final class InvalidRows {
    let handler: ((Int, Int, Int, String) -> Bool)?
    var rows: [Int] = []
    var last: (row: Int, expected: Int, found: Int)?
    init(handler: ((Int, Int, Int, String) -> Bool)?) { self.handler = handler }

    /// The row that ended the read.
    func error(_ file: LogFile) -> LogsError? {
        last.map {
            LogsError(.badRow, file: file.path, row: $0.row, expected: "\($0.expected) fields", found: "\($0.found)")
        }
    }
}

private let invalidRow: hindsight_arrow_invalid_row = { context, number, expected, actual, text, size in
    let invalid = Unmanaged<InvalidRows>.fromOpaque(context!).takeUnretainedValue()
    // Arrow counts the header as row 1.
    let row = max(1, Int(number) - 1)
    let bytes = UnsafeRawBufferPointer(start: text, count: Int(size))
    let line = String(decoding: bytes.prefix(1 << 16), as: UTF8.self)
    guard invalid.handler?(row, Int(expected), Int(actual), line) ?? false else {
        invalid.last = (row, Int(expected), Int(actual))
        return 0
    }
    invalid.rows.append(row - 1)
    return 1
}

/// A column that holds one text in every row, as a dictionary of one entry.
final class ConstantText {
    private let codes: UnsafeMutablePointer<Int32>
    private let offsets: UnsafeMutablePointer<Int32>
    private let bytes: UnsafeMutablePointer<UInt8>
    let view: ColumnView

    init(_ text: String, count: Int) {
        codes = .allocate(capacity: max(1, count))
        codes.initialize(repeating: 0, count: max(1, count))
        let utf8 = Array(text.utf8)
        bytes = .allocate(capacity: max(1, utf8.count))
        for (i, byte) in utf8.enumerated() { bytes[i] = byte }
        offsets = .allocate(capacity: 2)
        offsets[0] = 0
        offsets[1] = Int32(utf8.count)
        view = ColumnView(
            layout: .dictionary(
                codes: ColumnView(layout: .int32(codes), offset: 0, count: count, validity: nil),
                values: ColumnView(layout: .text(offsets: offsets, bytes: bytes), offset: 0, count: 1, validity: nil)),
            offset: 0, count: count, validity: nil)
    }

    deinit {
        codes.deallocate()
        offsets.deallocate()
        bytes.deallocate()
    }
}

/// What a file says about itself.
struct FileDescription: Sendable {
    var columns: [String: ColumnType]
    var order: [String]
    /// nil: only reading tells.
    var rows: Int?

    init(columns: [String: ColumnType], order: [String], rows: Int?) {
        self.columns = columns
        self.order = order
        self.rows = rows
    }

    init(_ file: LogFile, lineLimit: Int) throws {
        let bridge = try ArrowBridge.shared()
        var options = file.readOptions(lineLimit: lineLimit)
        var schema = ArrowSchema()
        var rows: Int64 = -1
        options.on_invalid_row = { _, _, _, _, _, _ in 1 }
        try bridge.checked(.unreadable, file: file.path) {
            bridge.functions.describe(file.path, &options, &schema, &rows, $0)
        }
        defer { schema.release?(&schema) }
        columns = [:]
        order = []
        for i in 0..<Int(schema.n_children) {
            let child = schema.children[i]!
            let name = String(cString: child.pointee.name)
            columns[name] = file.format == .csv ? .text : ColumnType(child)
            order.append(name)
        }
        self.rows = rows < 0 ? nil : Int(rows)
    }
}
