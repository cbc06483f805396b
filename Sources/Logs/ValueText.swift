import Foundation

/// How a value's text is read: the same rules for every format, so that `42` in Parquet, `42` in CSV,
/// `42.0` (a column of integers with gaps, written by pandas) and `"42"` in JSON are one value.
enum ValueText {
    /// The integer that `bytes` spells canonically (no plus sign, no leading zero; a trailing `.0` is allowed).
    @inline(__always)
    static func integer(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
        var n = count
        if n > 2, bytes[n - 1] == UInt8(ascii: "0"), bytes[n - 2] == UInt8(ascii: ".") { n -= 2 }
        let negative = bytes[0] == UInt8(ascii: "-")
        let start = negative ? 1 : 0
        guard n > start, n - start <= 18 else { return n - start == 19 ? longInteger(bytes, n) : nil }
        if bytes[start] == UInt8(ascii: "0") { return n - start == 1 && !negative ? 0 : nil }
        var value: Int64 = 0
        for i in start..<n {
            let digit = bytes[i] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int64(digit)
        }
        return negative ? -value : value
    }

    private static func longInteger(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
        let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
        guard let value = Int64(text), String(value) == text else { return nil }
        return value
    }

    /// The text of a number that is not an integer.
    static func text(_ value: Double, single: Bool) -> String {
        single ? Float(value).description : value.description
    }

    /// A floating-point value that is an integer, as one.
    @inline(__always)
    static func integer(_ value: Double) -> Int64? {
        guard value.magnitude < 0x1p53, value == value.rounded(.towardZero) else { return nil }
        return Int64(value)
    }

    /// The number that `bytes` spells: NaN for a missing one (blank, `nan`, `null`), nil for what is no number.
    static func number(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Double? {
        var p = bytes, n = count
        while n > 0, p[0] == 32 || p[0] == 9 { p += 1; n -= 1 }
        while n > 0, p[n - 1] == 32 || p[n - 1] == 9 || p[n - 1] == 13 { n -= 1 }
        guard n > 0 else { return .nan }
        if let short = decimal(p, n) { return short }
        guard n < 400 else { return nil }
        let text = String(decoding: UnsafeBufferPointer(start: p, count: n), as: UTF8.self)
        switch text.lowercased() {
        case "nan", "null", "+nan", "-nan": return .nan
        case "true": return 1
        case "false": return 0
        default: return Double(text)
        }
    }

    /// Clinger's fast path: at most 15 digits and a small power of ten are exact in a Double.
    @inline(__always)
    private static func decimal(_ p: UnsafePointer<UInt8>, _ n: Int) -> Double? {
        var i = 0
        let negative = p[0] == UInt8(ascii: "-")
        if negative { i = 1 }
        guard n - i <= 16 else { return nil }
        var mantissa: Int64 = 0, digits = 0, fraction = 0, seenPoint = false
        while i < n {
            let c = p[i]
            if c == UInt8(ascii: "."), !seenPoint {
                seenPoint = true
            } else {
                let digit = c &- UInt8(ascii: "0")
                guard digit < 10 else { return nil }
                mantissa = mantissa &* 10 &+ Int64(digit)
                digits += 1
                if seenPoint { fraction += 1 }
            }
            i += 1
        }
        guard digits > 0, digits <= 15 else { return nil }
        let value = Double(mantissa) / powersOfTen[fraction]
        return negative ? -value : value
    }

    private static let powersOfTen: [Double] = (0...22).map { Double("1e\($0)")! }
}

/// Hashes that never change between versions: they decide rows of tables, and places in files.
public enum StableHash {
    /// The finaliser of SplitMix64: a bijection of 64-bit integers.
    @inline(__always)
    static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    @inline(__always)
    static func integer(_ value: Int64) -> UInt64 { mix(UInt64(bitPattern: value)) }

    /// Eight bytes at a time, multiply and fold (as wyhash does).
    @inline(__always)
    static func bytes(_ p: UnsafePointer<UInt8>, _ count: Int, seed: UInt64 = 0) -> UInt64 {
        var h = seed ^ 0xA076_1D64_78BD_642F ^ UInt64(count)
        var i = 0
        let raw = UnsafeRawPointer(p)
        while i + 8 <= count {
            h = fold(h ^ UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)))
            i += 8
        }
        if i < count {
            var tail: UInt64 = 0
            for j in i..<count { tail |= UInt64(p[j]) << UInt64(8 * (j - i)) }
            h = fold(h ^ tail)
        }
        return mix(h)
    }

    @inline(__always)
    private static func fold(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
        return (high ^ low) &+ (value << 1 | 1)
    }

    /// The hash of a text's UTF-8.
    public static func text(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { buffer in buffer.baseAddress.map { bytes($0, buffer.count) } ?? 0 }
    }

    /// A digest for file names and staleness checks (not for security).
    static func digest(_ bytes: [UInt8]) -> String {
        bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return "0" }
            let a = self.bytes(base, buffer.count, seed: 1), b = self.bytes(base, buffer.count, seed: 2)
            return [a, b].map { String(repeating: "0", count: 16 - String($0, radix: 16).count) + String($0, radix: 16) }
                .joined()
        }
    }
}

/// SplitMix64: small, seeded, the same on every machine.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64
    public init(seed: UInt64) { state = seed }
    public mutating func next() -> UInt64 {
        defer { state &+= 0x9E37_79B9_7F4A_7C15 }
        return StableHash.mix(state)
    }
}
