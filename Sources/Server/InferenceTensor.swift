import Foundation
import Logs

/// The element types of the Open Inference Protocol that a feature can be read from.
enum InferenceType: String, Sendable, CaseIterable {
    case bool = "BOOL"
    case uint8 = "UINT8", uint16 = "UINT16", uint32 = "UINT32", uint64 = "UINT64"
    case int8 = "INT8", int16 = "INT16", int32 = "INT32", int64 = "INT64"
    case fp16 = "FP16", fp32 = "FP32", fp64 = "FP64"
    case bytes = "BYTES"

    /// Bytes of one element; nil for BYTES, whose elements bring their own length.
    var width: Int? {
        switch self {
        case .bool, .uint8, .int8: 1
        case .uint16, .int16, .fp16: 2
        case .uint32, .int32, .fp32: 4
        case .uint64, .int64, .fp64: 8
        case .bytes: nil
        }
    }
}

/// An input: its elements in row-major order, as a request's features carry values. NaN and empty BYTES are missing.
struct InferenceTensor: Sendable, Equatable {
    var name: String
    var type: InferenceType
    var shape: [Int]
    var values: [FeatureValue]

    /// Elements that a shape has, or nil for one that no request has.
    static func count(_ shape: [Int], limit: Int) -> Int? {
        var count = 1
        for dimension in shape {
            guard dimension >= 0 else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard !overflow, product <= limit else { return nil }
            count = product
        }
        return count
    }

    // MARK: The binary extension

    /// Elements from little-endian bytes; BYTES elements are led by their length as UINT32.
    static func decode(_ type: InferenceType, count: Int, _ bytes: UnsafeRawBufferPointer) throws(APIError) -> [FeatureValue] {
        guard let width = type.width else { return try decodeTexts(count, bytes) }
        guard bytes.count == count * width else {
            throw APIError(.badValue, "expected \(count * width) bytes for \(count) elements of \(type.rawValue), found \(bytes.count)")
        }
        func load<Value: FixedWidthInteger>(_ value: Value.Type, _ i: Int) -> Value {
            Value(littleEndian: bytes.loadUnaligned(fromByteOffset: i * MemoryLayout<Value>.size, as: Value.self))
        }
        return (0..<count).map { i in
            switch type {
            case .bool: .truth(bytes[i] != 0)
            case .uint8: .integer(Int64(bytes[i]))
            case .uint16: .integer(Int64(load(UInt16.self, i)))
            case .uint32: .integer(Int64(load(UInt32.self, i)))
            case .uint64: unsigned(load(UInt64.self, i))
            case .int8: .integer(Int64(load(Int8.self, i)))
            case .int16: .integer(Int64(load(Int16.self, i)))
            case .int32: .integer(Int64(load(Int32.self, i)))
            case .int64: .integer(load(Int64.self, i))
            case .fp16: real(Double(Float16(bitPattern: load(UInt16.self, i))))
            case .fp32: real(Double(Float(bitPattern: load(UInt32.self, i))))
            case .fp64: real(Double(bitPattern: load(UInt64.self, i)))
            case .bytes: .missing
            }
        }
    }

    private static func decodeTexts(_ count: Int, _ bytes: UnsafeRawBufferPointer) throws(APIError) -> [FeatureValue] {
        var values: [FeatureValue] = []
        // Each element has four bytes at least, so that a lying shape reserves nothing.
        values.reserveCapacity(min(count, bytes.count / 4))
        var at = 0
        for number in 0..<count {
            guard bytes.count - at >= 4 else {
                throw APIError(.badValue, "expected \(count) elements of BYTES, found the end after \(number)")
            }
            let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            at += 4
            guard length <= bytes.count - at else {
                throw APIError(.badValue, "element \(number): expected \(length) bytes, found \(bytes.count - at)")
            }
            guard let text = String(validating: bytes[at..<at + length], as: UTF8.self) else {
                throw APIError(.badValue, "element \(number): expected UTF-8")
            }
            values.append(text.isEmpty ? .missing : .text(text))
            at += length
        }
        guard at == bytes.count else {
            throw APIError(.badValue, "expected \(count) elements of BYTES, found \(bytes.count - at) bytes after them")
        }
        return values
    }

    private static func unsigned(_ value: UInt64) -> FeatureValue {
        Int64(exactly: value).map { .integer($0) } ?? .text(String(value))
    }

    private static func real(_ value: Double) -> FeatureValue { value.isNaN ? .missing : .number(value) }

    // MARK: JSON

    /// An element as it stood in JSON, checked against the tensor's type.
    static func convert(_ value: FeatureValue, to type: InferenceType) -> FeatureValue? {
        switch (type, value) {
        case (.bytes, .text(let text)): text.isEmpty ? .missing : value
        case (.bool, .truth): value
        case (.bool, .integer(let number)) where number == 0 || number == 1: .truth(number == 1)
        case (.fp16, .integer(let number)), (.fp32, .integer(let number)), (.fp64, .integer(let number)): .number(Double(number))
        case (.fp16, .number), (.fp32, .number), (.fp64, .number): value
        case (.fp16, .missing), (.fp32, .missing), (.fp64, .missing): .missing
        case (.uint8, .integer(let number)): UInt8(exactly: number).map { _ in value }
        case (.uint16, .integer(let number)): UInt16(exactly: number).map { _ in value }
        case (.uint32, .integer(let number)): UInt32(exactly: number).map { _ in value }
        case (.uint64, .integer(let number)): number >= 0 ? value : nil
        case (.uint64, .text(let text)): UInt64(text).map { _ in value }
        case (.int8, .integer(let number)): Int8(exactly: number).map { _ in value }
        case (.int16, .integer(let number)): Int16(exactly: number).map { _ in value }
        case (.int32, .integer(let number)): Int32(exactly: number).map { _ in value }
        case (.int64, .integer): value
        default: nil
        }
    }
}
