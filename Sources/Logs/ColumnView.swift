import CArrow

/// The types of columns that can be read, after the bridge has cast the exotic ones.
indirect enum ColumnType: Equatable, Sendable {
    case null, bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, half, float, double
    case text, largeText
    case dictionary(index: ColumnType, values: ColumnType)
    case list(ColumnType), largeList(ColumnType)
    case unsupported(String)

    init(_ schema: UnsafePointer<ArrowSchema>) {
        let format = String(cString: schema.pointee.format)
        if let dictionary = schema.pointee.dictionary {
            self = .dictionary(index: ColumnType(format: format, schema), values: ColumnType(dictionary))
        } else {
            self = ColumnType(format: format, schema)
        }
    }

    private init(format: String, _ schema: UnsafePointer<ArrowSchema>) {
        switch format {
        case "n": self = .null
        case "b": self = .bool
        case "c": self = .int8
        case "s": self = .int16
        case "i", "tdD", "tts", "ttm": self = .int32
        case "l", "tdm", "ttu", "ttn": self = .int64
        case "C": self = .uint8
        case "S": self = .uint16
        case "I": self = .uint32
        case "L": self = .uint64
        case "e": self = .half
        case "f": self = .float
        case "g": self = .double
        case "u", "z": self = .text
        case "U", "Z": self = .largeText
        case "+l", "+L":
            guard let children = schema.pointee.children, let child = children[0] else {
                self = .unsupported(format)
                return
            }
            self = format == "+l" ? .list(ColumnType(child)) : .largeList(ColumnType(child))
        default:
            self = format.hasPrefix("ts") || format.hasPrefix("tD") ? .int64 : .unsupported(format)
        }
    }

    var isText: Bool {
        switch self {
        case .text, .largeText: true
        case .dictionary(_, let values): values.isText
        default: false
        }
    }
    var isList: Bool { element != nil }
    /// The type of a list's elements.
    var element: ColumnType? {
        switch self {
        case .list(let child), .largeList(let child): child
        default: nil
        }
    }
    var isSupported: Bool {
        switch self {
        case .unsupported: false
        case .dictionary(let index, let values): index.isSupported && values.isSupported && !values.isList
        case .list(let child), .largeList(let child): child.isSupported && !child.isList
        default: true
        }
    }
    /// For people.
    var name: String {
        switch self {
        case .null: "only nulls"
        case .bool: "true/false"
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: "integers"
        case .half, .float, .double: "floating-point numbers"
        case .text, .largeText: "text"
        case .dictionary(_, let values): values.name
        case .list(let child), .largeList(let child): "lists of \(child.name)"
        case .unsupported(let format): "an unreadable type (\(format))"
        }
    }
}

/// A column of a batch, in place: no byte of it is copied.
///
/// SAFETY: the pointers live as long as the `Chunk` that hands out the view.
struct ColumnView {
    indirect enum Layout {
        case null
        case bool(UnsafePointer<UInt8>)
        case int8(UnsafePointer<Int8>), int16(UnsafePointer<Int16>), int32(UnsafePointer<Int32>)
        case int64(UnsafePointer<Int64>)
        case uint8(UnsafePointer<UInt8>), uint16(UnsafePointer<UInt16>), uint32(UnsafePointer<UInt32>)
        case uint64(UnsafePointer<UInt64>)
        case half(UnsafePointer<UInt16>), float(UnsafePointer<Float>), double(UnsafePointer<Double>)
        case text(offsets: UnsafePointer<Int32>, bytes: UnsafePointer<UInt8>)
        case largeText(offsets: UnsafePointer<Int64>, bytes: UnsafePointer<UInt8>)
        case dictionary(codes: ColumnView, values: ColumnView)
        case list(offsets: UnsafePointer<Int32>, child: ColumnView)
        case largeList(offsets: UnsafePointer<Int64>, child: ColumnView)
    }

    var layout: Layout
    /// Element i lies at `offset + i` of the buffers.
    var offset: Int
    var count: Int
    var validity: UnsafePointer<UInt8>?

    @inline(__always) func isValid(_ i: Int) -> Bool {
        guard let validity else { return true }
        return validity[(offset + i) >> 3] & (1 << UInt8((offset + i) & 7)) != 0
    }

    func slice(_ range: Range<Int>) -> ColumnView {
        var copy = self
        copy.offset += range.lowerBound
        copy.count = range.count
        if case .dictionary(let codes, let values) = layout {
            copy.layout = .dictionary(codes: codes.slice(range), values: values)
        }
        return copy
    }

    /// The elements of list i, as a range of `elements`.
    @inline(__always) func bounds(_ i: Int) -> Range<Int> {
        guard isValid(i) else { return 0..<0 }
        switch layout {
        case .list(let offsets, _): return Int(offsets[offset + i])..<Int(offsets[offset + i + 1])
        case .largeList(let offsets, _): return Int(offsets[offset + i])..<Int(offsets[offset + i + 1])
        default: return 0..<0
        }
    }

    /// All the elements of a list column.
    var elements: ColumnView? {
        switch layout {
        case .list(_, let child), .largeList(_, let child): child
        default: nil
        }
    }
}

extension ColumnView {
    /// Views `array`, whose type is `type`. `extra` is added to its offset (a struct's own offset).
    init(_ array: UnsafePointer<ArrowArray>, type: ColumnType, extra: Int = 0) {
        let a = array.pointee
        offset = Int(a.offset) + extra
        count = Int(a.length) - extra
        validity = nil
        if a.null_count != 0, a.n_buffers > 0, let bits = a.buffers[0] {
            validity = bits.assumingMemoryBound(to: UInt8.self)
        }
        func buffer<T>(_ i: Int, _: T.Type = T.self) -> UnsafePointer<T> {
            (a.buffers[i] ?? UnsafeRawPointer(Self.nothing)).assumingMemoryBound(to: T.self)
        }
        switch type {
        case .null, .unsupported: layout = .null
        case .bool: layout = .bool(buffer(1))
        case .int8: layout = .int8(buffer(1))
        case .int16: layout = .int16(buffer(1))
        case .int32: layout = .int32(buffer(1))
        case .int64: layout = .int64(buffer(1))
        case .uint8: layout = .uint8(buffer(1))
        case .uint16: layout = .uint16(buffer(1))
        case .uint32: layout = .uint32(buffer(1))
        case .uint64: layout = .uint64(buffer(1))
        case .half: layout = .half(buffer(1))
        case .float: layout = .float(buffer(1))
        case .double: layout = .double(buffer(1))
        case .text: layout = .text(offsets: buffer(1), bytes: buffer(2))
        case .largeText: layout = .largeText(offsets: buffer(1), bytes: buffer(2))
        case .list(let child):
            layout = .list(offsets: buffer(1), child: ColumnView(a.children[0]!, type: child))
        case .largeList(let child):
            layout = .largeList(offsets: buffer(1), child: ColumnView(a.children[0]!, type: child))
        case .dictionary(let index, let values):
            var codes = ColumnView(array, type: index, extra: extra)
            codes.validity = validity
            layout = .dictionary(codes: codes, values: ColumnView(a.dictionary!, type: values))
        }
    }

    /// 16 zero bytes that stand for absent buffers of empty columns.
    nonisolated(unsafe) private static let nothing: UnsafeMutableRawPointer = {
        let p = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
        p.initializeMemory(as: UInt8.self, repeating: 0, count: 64)
        return p
    }()
}
