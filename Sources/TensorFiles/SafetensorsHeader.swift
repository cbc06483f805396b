/// The first part of a safetensors file: 8 bytes little-endian length, then that many bytes of JSON,
/// `{"__metadata__": {string: string}, name: {"dtype", "shape", "data_offsets"}, ...}`, space-padded.
struct SafetensorsHeader {
    struct Entry {
        let description: TensorDescription
        /// From the end of the header.
        let bytes: Range<Int>
    }
    static let metadataKey = "__metadata__"
    /// The limit of the reference implementation.
    static let longest = 100_000_000
    /// Where data starts, so that a mapped tensor can be loaded with aligned vectors.
    static let alignment = 64

    var tensors: [Entry]
    var metadata: [String: String]

    /// The length and the JSON, padded so that what follows is aligned.
    func encoded() -> [UInt8] {
        var json = "{"
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
            json += "\"\(Self.metadataKey)\":{\(pairs.joined(separator: ","))}"
        }
        for tensor in tensors {
            if json.utf8.count > 1 { json += "," }
            let shape = tensor.description.shape.map(String.init).joined(separator: ",")
            json += "\(Self.quoted(tensor.description.name)):{\"dtype\":\"\(tensor.description.elementType.rawValue)\","
            json += "\"shape\":[\(shape)],\"data_offsets\":[\(tensor.bytes.lowerBound),\(tensor.bytes.upperBound)]}"
        }
        json += "}"
        var body = Array(json.utf8)
        let unaligned = (8 + body.count) % Self.alignment
        if unaligned > 0 { body += repeatElement(UInt8(ascii: " "), count: Self.alignment - unaligned) }
        let length = UInt64(body.count)
        return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + body
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..."\u{1F}":
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
