extension SafetensorsHeader {
    /// What a parser wanted and what stood there; the file's name is added by the caller.
    struct ParseError: Error {
        var tensor: String?
        let expected: String
        let found: String
    }

    /// Parses the JSON of a header. Strict: this grammar and nothing else, no name twice, no number that
    /// leaves `Int`. The nesting is fixed by the format, so that hostile input cannot exhaust the stack.
    init(parsing json: UnsafeRawBufferPointer) throws(ParseError) {
        var parser = HeaderParser(bytes: json)
        self.init(tensors: [], metadata: [:])
        var names: Set<String> = []
        try parser.object { (parser, name) throws(ParseError) in
            guard names.insert(name).inserted else {
                throw ParseError(tensor: name, expected: "each name once", found: "a second '\(name)'")
            }
            if name == Self.metadataKey {
                metadata = try parser.stringMap()
            } else {
                do throws(ParseError) {
                    tensors.append(try parser.tensor(name: name))
                } catch {
                    throw ParseError(tensor: name, expected: error.expected, found: error.found)
                }
            }
        }
        try parser.end()
    }
}

/// A cursor over JSON text.
private struct HeaderParser {
    typealias ParseError = SafetensorsHeader.ParseError
    let bytes: UnsafeRawBufferPointer
    var position = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func tensor(name: String) throws(ParseError) -> SafetensorsHeader.Entry {
        var type: ElementType?
        var shape: [Int]?
        var offsets: [Int]?
        try object { (parser, key) throws(ParseError) in
            switch key {
            case "dtype" where type == nil:
                let text = try parser.string()
                type = ElementType(rawValue: text)
                if type == nil { throw ParseError(expected: "a known dtype", found: "'\(text)'") }
            case "shape" where shape == nil: shape = try parser.integers()
            case "data_offsets" where offsets == nil: offsets = try parser.integers()
            default: throw ParseError(expected: "dtype, shape and data_offsets, each once", found: "'\(key)'")
            }
        }
        guard let type, let shape, let offsets else {
            throw ParseError(expected: "dtype, shape and data_offsets", found: "fewer")
        }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw ParseError(expected: "data_offsets [begin, end]", found: "\(offsets)")
        }
        let description = TensorDescription(name: name, elementType: type, shape: shape)
        guard description.byteCount == offsets[1] - offsets[0] else {
            let expected = description.byteCount.map { "\($0) bytes for \(type.rawValue) \(shape)" }
            throw ParseError(
                expected: expected ?? "a shape whose bytes fit Int",
                found: expected == nil ? "\(shape)" : "data_offsets \(offsets)")
        }
        return .init(description: description, bytes: offsets[0]..<offsets[1])
    }

    mutating func stringMap() throws(ParseError) -> [String: String] {
        var result: [String: String] = [:]
        try object { (parser, key) throws(ParseError) in
            let value = try parser.string()
            guard result.updateValue(value, forKey: key) == nil else {
                throw ParseError(expected: "each metadata key once", found: "a second '\(key)'")
            }
        }
        return result
    }

    mutating func object(
        _ member: (inout HeaderParser, String) throws(ParseError) -> Void
    ) throws(ParseError) {
        try expect("{")
        if accept("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try member(&self, key)
        } while accept(",")
        try expect("}")
    }

    mutating func integers() throws(ParseError) -> [Int] {
        var result: [Int] = []
        try expect("[")
        if accept("]") { return result }
        repeat { result.append(try integer()) } while accept(",")
        try expect("]")
        return result
    }

    /// A non-negative integer without sign, fraction or exponent.
    mutating func integer() throws(ParseError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while let digit = peek(), digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") {
            let (scaled, overflowScaling) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowAdding) = scaled.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            if overflowScaling || overflowAdding {
                throw ParseError(expected: "an integer that fits Int", found: "more digits")
            }
            value = sum
            position += 1
        }
        let leadingZero = position - start > 1 && bytes[start] == UInt8(ascii: "0")
        guard position > start, !leadingZero else { throw unexpected("a non-negative integer") }
        return value
    }

    mutating func string() throws(ParseError) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while true {
            guard let byte = peek() else { throw unexpected("the end of a string") }
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let result = String(validating: text, as: UTF8.self) else {
                    throw ParseError(expected: "UTF-8", found: "other bytes in a string")
                }
                return result
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw ParseError(expected: "no control characters in a string", found: "byte \(byte)")
            default: text.append(byte)
            }
        }
    }

    private mutating func escape() throws(ParseError) -> [UInt8] {
        guard let byte = peek() else { throw unexpected("an escape") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw ParseError(expected: "a JSON escape", found: "byte \(byte)")
        }
    }

    private mutating func unicodeEscape() throws(ParseError) -> [UInt8] {
        var units = [try codeUnit()]
        if UTF16.isLeadSurrogate(units[0]), peek() == UInt8(ascii: "\\") {
            position += 1
            guard peek() == UInt8(ascii: "u") else { throw unexpected("the second half of a surrogate pair") }
            position += 1
            units.append(try codeUnit())
        }
        guard let text = String(validating: units, as: UTF16.self) else {
            throw ParseError(expected: "a Unicode character", found: "a lone surrogate")
        }
        return Array(text.utf8)
    }

    private mutating func codeUnit() throws(ParseError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
                throw unexpected("four hexadecimal digits")
            }
            position += 1
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    /// Only space may follow the outermost object.
    mutating func end() throws(ParseError) {
        skipSpace()
        if position < bytes.count { throw unexpected("the end of the header") }
    }

    private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(ParseError) {
        if !accept(character) { throw unexpected("'\(character)'") }
    }

    private func unexpected(_ expected: String) -> ParseError {
        let found = peek().map { "byte \($0)" } ?? "the end"
        return ParseError(expected: "\(expected) at byte \(position) of the header", found: found)
    }
}
