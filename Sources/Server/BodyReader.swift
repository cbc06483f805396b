import Logs
import NIOCore
import Serving

/// Reads the JSON of a request's body, key by key, as its caller expects it: no tree is built, nothing recurses by the
/// client's will, and every error says where it is.
///
/// Unknown keys and keys said twice are errors: a misspelt `coarse_k` must not silently mean its default.
struct BodyReader {
    private var scanner: JSONScanner

    /// Runs `body` over a whole buffer; what follows the value is an error.
    static func read<Result>(
        _ buffer: ByteBuffer, _ body: (inout BodyReader) throws(APIError) -> Result
    ) throws(APIError) -> Result {
        let result: Swift.Result<Result, APIError> = buffer.withUnsafeReadableBytes { raw in
            do throws(APIError) {
                return .success(try read(raw, body))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    static func read<Result>(
        _ raw: UnsafeRawBufferPointer, _ body: (inout BodyReader) throws(APIError) -> Result
    ) throws(APIError) -> Result {
        guard let base = raw.baseAddress, raw.count > 0 else {
            throw APIError(.badJSON, "expected a JSON object, found an empty body")
        }
        // SAFETY: the scanner reads `raw.count` bytes at most, and does not outlive this call.
        var reader = BodyReader(
            scanner: JSONScanner(base.assumingMemoryBound(to: UInt8.self), count: raw.count, rules: .strict))
        reader.scanner.blanks()
        let result = try body(&reader)
        try reader.scan { scanner throws(JSONScanner.Malformed) in try scanner.finish("the end of the body") }
        return result
    }

    private mutating func scan<Result>(
        _ body: (inout JSONScanner) throws(JSONScanner.Malformed) -> Result
    ) throws(APIError) -> Result {
        do throws(JSONScanner.Malformed) {
            return try body(&scanner)
        } catch {
            throw APIError(.badJSON, "expected \(error.expected), found \(found(at: error.at)) at byte \(error.at)")
        }
    }

    /// What stands at a place: a word whole, and of anything else the beginning.
    private func found(at place: Int) -> String {
        let start = min(place, scanner.end)
        var rest = UnsafeBufferPointer(start: scanner.bytes + start, count: min(24, scanner.end - start))[...]
        let isWord = { (byte: UInt8) in !",]}\"{[: \t\r\n".utf8.contains(byte) }
        if let first = rest.first, isWord(first) { rest = rest.prefix(while: isWord) }
        return rest.isEmpty ? "the end of the body" : "'\(String(decoding: rest, as: UTF8.self))'"
    }

    private func wrong(_ expected: String) -> APIError {
        APIError(.badValue, "expected \(expected), found \(found(at: scanner.at))")
    }

    // MARK: Containers

    /// An object; `onKey` must read the value of each key.
    mutating func object(
        _ what: String = "an object", _ onKey: (inout BodyReader, String) throws(APIError) -> Void
    ) throws(APIError) {
        guard scanner.take(UInt8(ascii: "{")) else { throw wrong(what) }
        scanner.blanks()
        if scanner.take(UInt8(ascii: "}")) { return }
        repeat {
            try scan { scanner throws(JSONScanner.Malformed) in try scanner.key() }
            let key = String(decoding: scanner.scratch, as: UTF8.self)
            do throws(APIError) {
                try onKey(&self, key)
            } catch {
                throw error.inside(key)
            }
        } while try scan { scanner throws(JSONScanner.Malformed) in try scanner.another(UInt8(ascii: "}")) }
    }

    /// An object of these keys only, each at most once.
    mutating func object(
        of keys: [String], _ onKey: (inout BodyReader, String) throws(APIError) -> Void
    ) throws(APIError) {
        var seen: UInt64 = 0
        try object("an object with the keys \(keys.joined(separator: ", "))") { reader, key throws(APIError) in
            guard let number = keys.firstIndex(of: key) else {
                throw APIError(.badRequest, "unknown key (known keys: \(keys.joined(separator: ", ")))")
            }
            guard seen & 1 << UInt64(number) == 0 else { throw APIError(.badRequest, "said twice") }
            seen |= 1 << UInt64(number)
            try onKey(&reader, key)
        }
    }

    /// An array of at most `limit` elements.
    mutating func array<Element>(
        _ what: String, limit: Int, _ element: (inout BodyReader) throws(APIError) -> Element
    ) throws(APIError) -> [Element] {
        guard scanner.take(UInt8(ascii: "[")) else { throw wrong(what) }
        var elements: [Element] = []
        scanner.blanks()
        if scanner.take(UInt8(ascii: "]")) { return elements }
        repeat {
            guard elements.count < limit else {
                throw APIError(.tooLarge, "expected at most \(limit) elements, found more")
            }
            do throws(APIError) {
                elements.append(try element(&self))
            } catch {
                throw error.inside("[\(elements.count)]")
            }
        } while try scan { scanner throws(JSONScanner.Malformed) in try scanner.another(UInt8(ascii: "]")) }
        return elements
    }

    /// Passes over a value, at most 64 levels deep.
    mutating func skip() throws(APIError) {
        try scan { scanner throws(JSONScanner.Malformed) in try scanner.skip() }
    }

    // MARK: Values

    var isText: Bool { scanner.next == UInt8(ascii: "\"") }
    var isArray: Bool { scanner.next == UInt8(ascii: "[") }

    mutating func text() throws(APIError) -> String {
        guard isText else { throw wrong("text") }
        try scan { scanner throws(JSONScanner.Malformed) in try scanner.string() }
        return String(decoding: scanner.scratch, as: UTF8.self)
    }

    /// An item's name: text, or a whole number as its digits.
    mutating func id() throws(APIError) -> String {
        if isText { return try text() }
        let start = scanner.at
        if case .integer(let number)? = try? word() { return String(number) }
        scanner.at = start
        throw wrong("an id: text or a whole number")
    }

    mutating func truth() throws(APIError) -> Bool {
        let start = scanner.at
        if case .truth(let value)? = try? word() { return value }
        scanner.at = start
        throw wrong("true or false")
    }

    mutating func integer(_ range: ClosedRange<Int>) throws(APIError) -> Int {
        let start = scanner.at
        if case .integer(let value)? = try? word(), range.contains(Int(value)) { return Int(value) }
        scanner.at = start
        throw wrong("a whole number, \(range.lowerBound) ... \(range.upperBound)")
    }

    mutating func number() throws(APIError) -> Double {
        let start = scanner.at
        switch try? word() {
        case .integer(let value)?: return Double(value)
        case .number(let value)?: return value
        default:
            scanner.at = start
            throw wrong("a finite number")
        }
    }

    /// `true`, `false`, `null` or a number.
    ///
    /// A whole number beyond 64 bits stays text, which is what it is in logs of JSON lines.
    private mutating func word() throws(APIError) -> FeatureValue {
        let start = scanner.at
        let word = try scan { scanner throws(JSONScanner.Malformed) in try scanner.word() }
        switch word[0] {
        case UInt8(ascii: "n"): return .missing
        case UInt8(ascii: "t"): return .truth(true)
        case UInt8(ascii: "f"): return .truth(false)
        default: break
        }
        if let integer = Self.shortInteger(word) { return .integer(integer) }
        let text = String(decoding: word, as: UTF8.self)
        if let integer = Int64(text) { return .integer(integer) }
        guard word.count <= 400, let number = Double(text), number.isFinite else {
            scanner.at = start
            throw wrong("a number that a double can hold")
        }
        let isWhole = !word.contains { $0 == UInt8(ascii: ".") || $0 | 32 == UInt8(ascii: "e") }
        return isWhole ? .text(text) : .number(number)
    }

    /// Digits with an optional minus; nil for whatever needs more thought.
    private static func shortInteger(_ word: UnsafeBufferPointer<UInt8>) -> Int64? {
        let negative = word[0] == UInt8(ascii: "-")
        guard word.count <= 18 else { return nil }
        var value: Int64 = 0
        for byte in word.dropFirst(negative ? 1 : 0) {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int64(digit)
        }
        return negative ? -value : value
    }

    // MARK: Features

    /// An object of feature values.
    mutating func features() throws(APIError) -> FeatureValues {
        var values: FeatureValues = [:]
        try object("an object of features") { reader, name throws(APIError) in
            let value = try reader.featureValue()
            guard values.updateValue(value, forKey: name) == nil else {
                throw APIError(.badRequest, "said twice")
            }
        }
        return values
    }

    private mutating func featureValue() throws(APIError) -> FeatureValue {
        guard isArray else { return try scalar("a value or a list of values") }
        return .list(
            try array("a list", limit: .max) { reader throws(APIError) in try reader.scalar("one value") })
    }

    mutating func scalar(_ what: String) throws(APIError) -> FeatureValue {
        switch scanner.next {
        case UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "{"), UInt8(ascii: "["): throw wrong(what)
        default: return try word()
        }
    }
}



extension APIError {
    /// The same error, seen from outside of `part`: `[3]` and then `candidates` make `candidates[3]`.
    func inside(_ part: String) -> APIError {
        var error = self
        let part = part.count > 60 ? "\(part.prefix(57))..." : part
        switch place {
        case nil: error.place = part
        case let place? where place.hasPrefix("["): error.place = part + place
        case let place?: error.place = "\(part).\(place)"
        }
        return error
    }
}
