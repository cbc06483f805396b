/// `tensorflow.Event` in protocol-buffer encoding: the fields a scalar chart needs.
///
/// Field numbers are those of tensorflow/core/util/event.proto and framework/summary.proto. A field at its
/// default (step 0) is left out, as proto3 does.
struct Event {
    enum Content {
        case fileVersion(String)
        case scalars([EventScalar])
    }

    var wallTime: Double
    var step: Int64 = 0
    var content: Content

    func encoded() -> [UInt8] {
        var message = ProtobufWriter()
        message.double(field: 1, wallTime)
        if step != 0 { message.varint(field: 2, UInt64(bitPattern: step)) }
        switch content {
        case .fileVersion(let version):
            message.bytes(field: 3, Array(version.utf8))
        case .scalars(let scalars):
            var summary = ProtobufWriter()
            for scalar in scalars {
                var value = ProtobufWriter()
                value.bytes(field: 1, Array(scalar.tag.utf8))
                // simple_value is in a oneof, so it is written even when it is 0.
                value.float(field: 2, scalar.value)
                summary.bytes(field: 1, value.encoded)
            }
            message.bytes(field: 5, summary.encoded)
        }
        return message.encoded
    }
}

/// The four wire types' worth of protocol buffers that an event needs.
struct ProtobufWriter {
    private(set) var encoded: [UInt8] = []

    mutating func varint(field: UInt64, _ value: UInt64) {
        base128(field << 3)
        base128(value)
    }

    mutating func double(field: UInt64, _ value: Double) {
        base128(field << 3 | 1)
        encoded.appendLittleEndian(value.bitPattern)
    }

    mutating func bytes(field: UInt64, _ value: [UInt8]) {
        base128(field << 3 | 2)
        base128(UInt64(value.count))
        encoded += value
    }

    mutating func float(field: UInt64, _ value: Float) {
        base128(field << 3 | 5)
        encoded.appendLittleEndian(value.bitPattern)
    }

    private mutating func base128(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            encoded.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        encoded.append(UInt8(rest))
    }
}

extension [UInt8] {
    mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
