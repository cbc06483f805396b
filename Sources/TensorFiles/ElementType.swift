/// The number types a safetensors file may hold, by the format's own names.
public enum ElementType: String, Sendable, CaseIterable {
    case float64 = "F64"
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int64 = "I64"
    case int32 = "I32"
    case int16 = "I16"
    case int8 = "I8"
    case uint64 = "U64"
    case uint32 = "U32"
    case uint16 = "U16"
    case uint8 = "U8"
    case bool = "BOOL"

    /// Bytes of one element.
    public var byteCount: Int {
        switch self {
        case .float64, .int64, .uint64: 8
        case .float32, .int32, .uint32: 4
        case .float16, .bfloat16, .int16, .uint16: 2
        case .int8, .uint8, .bool: 1
        }
    }
}

/// A Swift type whose memory is exactly one element of a tensor file.
public protocol TensorElement: BitwiseCopyable, Sendable {
    static var elementType: ElementType { get }
}

extension Float: TensorElement { public static var elementType: ElementType { .float32 } }
extension Double: TensorElement { public static var elementType: ElementType { .float64 } }
extension Int64: TensorElement { public static var elementType: ElementType { .int64 } }
extension Int32: TensorElement { public static var elementType: ElementType { .int32 } }
extension Int16: TensorElement { public static var elementType: ElementType { .int16 } }
extension Int8: TensorElement { public static var elementType: ElementType { .int8 } }
extension UInt64: TensorElement { public static var elementType: ElementType { .uint64 } }
extension UInt32: TensorElement { public static var elementType: ElementType { .uint32 } }
extension UInt16: TensorElement { public static var elementType: ElementType { .uint16 } }
extension UInt8: TensorElement { public static var elementType: ElementType { .uint8 } }

/// The bits of a bfloat16: the upper half of a Float's.
public struct BFloat16Bits: TensorElement {
    public var bits: UInt16
    public init(bits: UInt16) { self.bits = bits }
    public static var elementType: ElementType { .bfloat16 }
}

/// What a tensor is called and how it is shaped, before there are any bytes.
public struct TensorDescription: Sendable, Hashable {
    public let name: String
    public let elementType: ElementType
    /// Row-major; `[]` is a scalar.
    public let shape: [Int]

    public init(name: String, elementType: ElementType, shape: [Int]) {
        self.name = name
        self.elementType = elementType
        self.shape = shape
    }

    /// Bytes of the whole tensor; nil when an extent is negative or the product leaves `Int`.
    public var byteCount: Int? {
        if shape.contains(where: { $0 < 0 }) { return nil }
        if shape.contains(0) { return 0 }
        var total = elementType.byteCount
        for extent in shape {
            let (product, overflow) = total.multipliedReportingOverflow(by: extent)
            if overflow { return nil }
            total = product
        }
        return total
    }
}
