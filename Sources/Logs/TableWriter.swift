import CArrow
import Foundation

/// Values of one column to write; nil is null.
public enum ColumnValues: Sendable {
    case int32([Int32?]), int64([Int64?]), float([Float?]), double([Double?]), text([String?])
    /// Without nulls, as they lie in memory: for writers of millions of rows.
    case plainInt32([Int32]), plainInt64([Int64]), plainFloat([Float])
    /// Row r holds `values[offsets[r] ..< offsets[r + 1]]`; one more offset than rows.
    case plainInt32Lists(offsets: [Int32], values: [Int32])
    case int32Lists([[Int32?]?]), int64Lists([[Int64?]?]), floatLists([[Float?]?]), textLists([[String?]?])

    public var count: Int {
        switch self {
        case .int32(let v): v.count
        case .int64(let v): v.count
        case .float(let v): v.count
        case .double(let v): v.count
        case .text(let v): v.count
        case .plainInt32(let v): v.count
        case .plainInt64(let v): v.count
        case .plainFloat(let v): v.count
        case .plainInt32Lists(let offsets, _): offsets.count - 1
        case .int32Lists(let v): v.count
        case .int64Lists(let v): v.count
        case .floatLists(let v): v.count
        case .textLists(let v): v.count
        }
    }

    /// Columns that cannot hold nulls say so in the file, which is then smaller and quicker to write.
    var isNullable: Bool {
        switch self {
        case .plainInt32, .plainInt64, .plainFloat, .plainInt32Lists: false
        default: true
        }
    }

    var format: String {
        switch self {
        case .int32, .plainInt32: "i"
        case .int64, .plainInt64: "l"
        case .float, .plainFloat: "f"
        case .double: "g"
        case .text: "u"
        case .int32Lists, .plainInt32Lists: "+li"
        case .int64Lists: "+ll"
        case .floatLists: "+lf"
        case .textLists: "+lu"
        }
    }
}

/// Writes a table of columns to a Parquet or Arrow IPC file, a row group a call.
///
/// ```swift
/// let writer = try TableWriter(path: "scores.parquet")
/// try writer.write([("row", .int64([0, 1])), ("score", .float([0.25, nil]))])
/// try writer.close()
/// ```
public final class TableWriter {
    public enum Format: Sendable { case parquet, arrow }

    private let path: String
    private let format: Format
    private let bridge: ArrowBridge
    private var handle: UnsafeMutableRawPointer?
    private var layout: [String] = []

    public init(path: String, format: Format = .parquet) throws {
        self.path = path
        self.format = format
        bridge = try ArrowBridge.shared()
    }

    /// A writer that was not closed leaves an unfinished file.
    deinit { if let handle { _ = bridge.functions.close(handle, nil) } }

    /// Writes rows. All columns have one length; every call has the first call's columns.
    public func write(_ columns: [(name: String, values: ColumnValues)]) throws {
        let rows = columns.first?.values.count ?? 0
        precondition(columns.allSatisfy { $0.values.count == rows }, "write: columns of different lengths")
        let layout = columns.map { "\($0.name):\($0.values.format)" }
        precondition(handle == nil || layout == self.layout, "write: other columns than before")
        let memory = ArrowMemory()
        if handle == nil {
            self.layout = layout
            let schema = memory.schema(
                "+s", "", columns.map { memory.schema($0.values.format, $0.name, nullable: $0.values.isNullable) })
            let code = Int32((format == .parquet ? HINDSIGHT_ARROW_PARQUET : HINDSIGHT_ARROW_IPC).rawValue)
            try bridge.checked(.writeFailed, file: path) { bridge.functions.create(path, code, schema, &handle, $0) }
        }
        let batch = memory.array(rows, nulls: 0, [nil], columns.map { memory.array(of: $0.values) })
        try bridge.checked(.writeFailed, file: path) { bridge.functions.write(handle, batch, $0) }
        withExtendedLifetime(memory) {}
    }

    /// Finishes the file. A table without rows needs one `write` of empty columns, which say what they are.
    public func close() throws {
        guard let handle else { return }
        self.handle = nil
        try bridge.checked(.writeFailed, file: path) { bridge.functions.close(handle, $0) }
    }
}

/// Swift values laid out as Arrow arrays; freed together, after the bridge is done with them.
private final class ArrowMemory {
    private var owned: [UnsafeMutableRawPointer] = []
    private var kept: [Any] = []

    deinit { owned.forEach { free($0) } }

    private func allocate<T>(_: T.Type, _ count: Int) -> UnsafeMutablePointer<T> {
        let p = calloc(max(1, count), max(1, MemoryLayout<T>.stride))!
        owned.append(p)
        return p.assumingMemoryBound(to: T.self)
    }

    private func text(_ string: String) -> UnsafePointer<CChar> {
        let p = strdup(string)!
        owned.append(UnsafeMutableRawPointer(p))
        return UnsafePointer(p)
    }

    func schema(_ format: String, _ name: String, nullable: Bool) -> UnsafeMutablePointer<ArrowSchema> {
        guard format.hasPrefix("+l") else { return schema(format, name, [], nullable: nullable) }
        return schema("+l", name, [schema(String(format.dropFirst(2)), "element", [], nullable: nullable)], nullable: nullable)
    }

    func schema(
        _ format: String, _ name: String, _ children: [UnsafeMutablePointer<ArrowSchema>], nullable: Bool = true
    ) -> UnsafeMutablePointer<ArrowSchema> {
        let schema = allocate(ArrowSchema.self, 1)
        schema.pointee.format = text(format)
        schema.pointee.name = text(name)
        schema.pointee.flags = nullable ? 2 : 0
        schema.pointee.n_children = Int64(children.count)
        schema.pointee.children = allocate(UnsafeMutablePointer<ArrowSchema>?.self, children.count)
        for (i, child) in children.enumerated() { schema.pointee.children[i] = child }
        schema.pointee.release = { $0?.pointee.release = nil }
        return schema
    }

    func array(
        _ count: Int, nulls: Int, _ buffers: [UnsafeRawPointer?], _ children: [UnsafeMutablePointer<ArrowArray>] = []
    ) -> UnsafeMutablePointer<ArrowArray> {
        let array = allocate(ArrowArray.self, 1)
        array.pointee.length = Int64(count)
        array.pointee.null_count = Int64(nulls)
        array.pointee.n_buffers = Int64(buffers.count)
        array.pointee.buffers = allocate(UnsafeRawPointer?.self, buffers.count)
        for (i, buffer) in buffers.enumerated() { array.pointee.buffers[i] = buffer }
        array.pointee.n_children = Int64(children.count)
        array.pointee.children = allocate(UnsafeMutablePointer<ArrowArray>?.self, children.count)
        for (i, child) in children.enumerated() { array.pointee.children[i] = child }
        array.pointee.release = { $0?.pointee.release = nil }
        return array
    }

    func array(of values: ColumnValues) -> UnsafeMutablePointer<ArrowArray> {
        switch values {
        case .int32(let v): fixed(v, 0)
        case .int64(let v): fixed(v, 0)
        case .float(let v): fixed(v, 0)
        case .double(let v): fixed(v, 0)
        case .text(let v): texts(v)
        case .plainInt32(let v): plain(v)
        case .plainInt64(let v): plain(v)
        case .plainFloat(let v): plain(v)
        case .plainInt32Lists(let offsets, let v):
            array(offsets.count - 1, nulls: 0, [nil, inPlace(offsets)], [plain(v)])
        case .int32Lists(let v): lists(v) { fixed($0, 0) }
        case .int64Lists(let v): lists(v) { fixed($0, 0) }
        case .floatLists(let v): lists(v) { fixed($0, 0) }
        case .textLists(let v): lists(v) { texts($0) }
        }
    }

    private func validity<T>(_ values: [T?]) -> (bits: UnsafeRawPointer?, nulls: Int) {
        let nulls = values.reduce(0) { $0 + ($1 == nil ? 1 : 0) }
        guard nulls > 0 else { return (nil, 0) }
        let bits = allocate(UInt8.self, (values.count + 7) / 8)
        for (i, value) in values.enumerated() where value != nil { bits[i >> 3] |= 1 << UInt8(i & 7) }
        return (UnsafeRawPointer(bits), nulls)
    }

    /// SAFETY: a Swift array's elements stay where they are while the array lives and is not changed; `kept` holds
    /// it as long as this memory lives, and nobody else can change that copy.
    private func inPlace<T: BitwiseCopyable>(_ values: [T]) -> UnsafeRawPointer {
        guard !values.isEmpty else { return UnsafeRawPointer(allocate(T.self, 1)) }
        kept.append(values)
        return values.withUnsafeBufferPointer { UnsafeRawPointer($0.baseAddress!) }
    }

    private func plain<T: BitwiseCopyable>(_ values: [T]) -> UnsafeMutablePointer<ArrowArray> {
        array(values.count, nulls: 0, [nil, inPlace(values)])
    }

    private func fixed<T: BitwiseCopyable>(_ values: [T?], _ zero: T) -> UnsafeMutablePointer<ArrowArray> {
        let (bits, nulls) = validity(values)
        let data = allocate(T.self, values.count)
        for (i, value) in values.enumerated() { data[i] = value ?? zero }
        return array(values.count, nulls: nulls, [bits, UnsafeRawPointer(data)])
    }

    private func texts(_ values: [String?]) -> UnsafeMutablePointer<ArrowArray> {
        let (bits, nulls) = validity(values)
        let offsets = allocate(Int32.self, values.count + 1)
        for (i, value) in values.enumerated() { offsets[i + 1] = offsets[i] + Int32(value?.utf8.count ?? 0) }
        let bytes = allocate(UInt8.self, Int(offsets[values.count]))
        for (i, value) in values.enumerated() {
            var at = Int(offsets[i])
            for byte in (value ?? "").utf8 {
                bytes[at] = byte
                at += 1
            }
        }
        return array(values.count, nulls: nulls, [bits, UnsafeRawPointer(offsets), UnsafeRawPointer(bytes)])
    }

    private func lists<T>(
        _ values: [[T?]?], _ child: ([T?]) -> UnsafeMutablePointer<ArrowArray>
    ) -> UnsafeMutablePointer<ArrowArray> {
        let (bits, nulls) = validity(values)
        let offsets = allocate(Int32.self, values.count + 1)
        for (i, value) in values.enumerated() { offsets[i + 1] = offsets[i] + Int32(value?.count ?? 0) }
        return array(values.count, nulls: nulls, [bits, UnsafeRawPointer(offsets)], [child(values.flatMap { $0 ?? [] })])
    }
}
