/// TensorFlow's record framing: length, its checksum, the bytes, their checksum; all little-endian.
enum TFRecord {
    static func append(_ payload: [UInt8], to file: inout [UInt8]) {
        var length: [UInt8] = []
        length.appendLittleEndian(UInt64(payload.count))
        file += length
        file.appendLittleEndian(maskedChecksum(length))
        file += payload
        file.appendLittleEndian(maskedChecksum(payload))
    }

    /// CRC-32C, turned and shifted so that a record inside a record does not check itself.
    static func maskedChecksum(_ bytes: [UInt8]) -> UInt32 {
        let checksum = crc32c(bytes)
        return (checksum >> 15 | checksum << 17) &+ 0xa282_ead8
    }
}

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), a byte at a time: event files are small.
func crc32c(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { checksum, byte in
        checksum >> 8 ^ castagnoliTable[Int(UInt8(truncatingIfNeeded: checksum) ^ byte)]
    }
}

private let castagnoliTable: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { rest, _ in rest & 1 == 1 ? rest >> 1 ^ 0x82f6_3b78 : rest >> 1 }
}
