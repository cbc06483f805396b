/// Walks over JSON in memory: the one reader of JSON for logs and for requests.
///
/// It decides nothing about what the JSON means: its owner asks for what should come next. Nothing recurses, and
/// nothing is read past `end`. The memory must outlive the scanner.
package struct JSONScanner {
    /// What should have come, and where something else did.
    package struct Malformed: Error, Equatable {
        package var expected: String
        package var at: Int

        package init(expected: String, at: Int) {
            self.expected = expected
            self.at = at
        }
    }

    /// How closely the text must keep to RFC 8259.
    package enum Rules: Sendable {
        /// As logs are written in practice: NaN, numbers such as `+1` or `.5`, control characters in strings.
        case lenient
        /// To the letter, and strings must be Unicode: UTF-8, and no half of a surrogate pair.
        case strict
    }

    package let bytes: UnsafePointer<UInt8>
    package let end: Int
    package var at = 0
    /// The last string, unescaped.
    package private(set) var scratch: [UInt8] = []
    private let rules: Rules
    /// Brackets of a value that is passed over nest at most so deep.
    private static let deepest = 64

    package init(_ bytes: UnsafePointer<UInt8>, count: Int, rules: Rules) {
        self.bytes = bytes
        end = count
        self.rules = rules
    }

    // MARK: Structure

    @inline(__always) package mutating func blanks() {
        while at < end, bytes[at] == 32 || bytes[at] == 9 || bytes[at] == 13 || bytes[at] == 10 { at += 1 }
    }

    /// The next byte, if there is one.
    @inline(__always) package var next: UInt8? { at < end ? bytes[at] : nil }

    @inline(__always) package mutating func take(_ byte: UInt8) -> Bool {
        guard at < end, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    package mutating func expect(_ byte: UInt8, _ what: String) throws(Malformed) {
        guard take(byte) else { throw Malformed(expected: what, at: at) }
    }

    /// After the last value: only blanks.
    package mutating func finish(_ what: String) throws(Malformed) {
        blanks()
        guard at == end else { throw Malformed(expected: what, at: at) }
    }

    /// After an element of `[` or `{`: true when another follows, false when `close` ended it.
    package mutating func another(_ close: UInt8) throws(Malformed) -> Bool {
        blanks()
        if take(UInt8(ascii: ",")) {
            blanks()
            return true
        }
        try expect(close, close == UInt8(ascii: "]") ? "',' or ']'" : "',' or '}'")
        return false
    }

    /// A key and its colon; the key is in `scratch`.
    package mutating func key() throws(Malformed) {
        blanks()
        try string()
        blanks()
        try expect(UInt8(ascii: ":"), "':'")
        blanks()
    }

    // MARK: Values

    /// Passes over one value of any kind.
    package mutating func skip() throws(Malformed) {
        guard at < end else { throw Malformed(expected: "a value", at: at) }
        switch bytes[at] {
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            if rules == .strict { return try skipNested() }
            var depth = 0
            repeat {
                guard at < end else { throw Malformed(expected: "a closing bracket", at: at) }
                switch bytes[at] {
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1; at += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1; at += 1
                case UInt8(ascii: "\""): try string()
                default: at += 1
                }
            } while depth > 0
        default: _ = try word()
        }
    }

    /// Objects and arrays to the letter, with the closing brackets that are owed as the only memory.
    private mutating func skipNested() throws(Malformed) {
        var owed: [UInt8] = []
        while true {
            blanks()
            var isOpen = false
            if take(UInt8(ascii: "{")) {
                isOpen = try open(UInt8(ascii: "}"), &owed)
                if isOpen { try key() }
            } else if take(UInt8(ascii: "[")) {
                isOpen = try open(UInt8(ascii: "]"), &owed)
            } else {
                try skip()
            }
            if isOpen { continue }
            while let close = owed.last, try !another(close) { owed.removeLast() }
            guard let close = owed.last else { return }
            if close == UInt8(ascii: "}") { try key() }
        }
    }

    /// Whether a container that has just begun holds anything.
    private mutating func open(_ close: UInt8, _ owed: inout [UInt8]) throws(Malformed) -> Bool {
        guard owed.count < Self.deepest else {
            throw Malformed(expected: "at most \(Self.deepest) levels of brackets", at: at)
        }
        blanks()
        if take(close) { return false }
        owed.append(close)
        return true
    }

    /// A number, `true`, `false` or `null`, as its bytes.
    package mutating func word() throws(Malformed) -> UnsafeBufferPointer<UInt8> {
        let start = at
        while at < end, !isEndOfWord(bytes[at]) { at += 1 }
        let word = UnsafeBufferPointer(start: bytes + start, count: at - start)
        if rules == .strict {
            guard word.elementsEqual("null".utf8) || word.elementsEqual("true".utf8) || word.elementsEqual("false".utf8)
                || Self.isNumber(word)
            else {
                at = start
                throw Malformed(expected: "a JSON value", at: start)
            }
            return word
        }
        let isWord = ["null", "true", "false", "NaN"].contains { word.elementsEqual($0.utf8) }
        guard isWord || (!word.isEmpty && ValueText.number(bytes + start, word.count).map { !$0.isNaN } ?? false) else {
            throw Malformed(expected: "a JSON value", at: start)
        }
        return word
    }

    @inline(__always) private func isEndOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), 32, 9, 13, 10: true
        default: false
        }
    }

    /// RFC 8259, section 6.
    private static func isNumber(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
        var i = 0
        func digits() -> Bool {
            let start = i
            while i < word.count, word[i] &- UInt8(ascii: "0") < 10 { i += 1 }
            return i > start
        }
        if i < word.count, word[i] == UInt8(ascii: "-") { i += 1 }
        if i < word.count, word[i] == UInt8(ascii: "0") { i += 1 } else if !digits() { return false }
        if i < word.count, word[i] == UInt8(ascii: ".") {
            i += 1
            guard digits() else { return false }
        }
        if i < word.count, word[i] | 32 == UInt8(ascii: "e") {
            i += 1
            if i < word.count, word[i] == UInt8(ascii: "+") || word[i] == UInt8(ascii: "-") { i += 1 }
            guard digits() else { return false }
        }
        return i == word.count
    }

    // MARK: Strings

    /// A string, unescaped into `scratch`.
    package mutating func string() throws(Malformed) {
        try expect(UInt8(ascii: "\""), "a string")
        scratch.removeAll(keepingCapacity: true)
        var isASCII: UInt8 = 0
        let start = at
        while at < end {
            // The plain bytes up to the next quote or escape, in one piece.
            let run = at
            while at < end, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") {
                if bytes[at] < 32, rules == .strict { throw Malformed(expected: "no control character in a string", at: at) }
                isASCII |= bytes[at]
                at += 1
            }
            scratch.append(contentsOf: UnsafeBufferPointer(start: bytes + run, count: at - run))
            guard at < end else { break }
            at += 1
            if bytes[at - 1] == UInt8(ascii: "\"") {
                if rules == .strict, isASCII >= 128, String(validating: scratch, as: UTF8.self) == nil {
                    throw Malformed(expected: "UTF-8", at: start)
                }
                return
            }
            try escape()
        }
        throw Malformed(expected: "the end of a string", at: end)
    }

    private mutating func escape() throws(Malformed) {
        guard at < end else { throw Malformed(expected: "the end of a string", at: end) }
        let escape = bytes[at]
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

    private mutating func unicode() throws(Malformed) {
        var code = try hex()
        if (0xD800..<0xDC00).contains(code), at + 1 < end, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") {
            at += 2
            let low = try hex()
            guard (0xDC00..<0xE000).contains(low) else { throw Malformed(expected: "a low surrogate", at: at - 6) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) ?? (rules == .lenient ? "\u{FFFD}" : nil) else {
            throw Malformed(expected: "a surrogate pair", at: at - 6)
        }
        scratch.append(contentsOf: String(Character(scalar)).utf8)
    }

    private mutating func hex() throws(Malformed) -> UInt32 {
        guard at + 4 <= end else { throw Malformed(expected: "four hexadecimal digits", at: at) }
        var code: UInt32 = 0
        for i in at..<at + 4 {
            guard let digit = Character(Unicode.Scalar(bytes[i])).hexDigitValue else {
                throw Malformed(expected: "four hexadecimal digits", at: at)
            }
            code = code << 4 | UInt32(digit)
        }
        at += 4
        return code
    }
}
