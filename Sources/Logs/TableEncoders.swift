// What turns one value into one row of a table: a visitor for each kind of encoding.

/// `vocabulary` and `categories`.
struct VocabularyEncoder: ScalarVisitor {
    static var isPure: Bool { true }
    let vocabulary: Vocabulary

    @inline(__always) func missing() -> Int32 { 0 }
    @inline(__always) func integer(_ value: Int64) -> Int32 { vocabulary.row(of: value) }
    func real(_ value: Double, single: Bool) -> Int32 {
        if let integer = ValueText.integer(value) { return vocabulary.row(of: integer) }
        return withText(of: value, single: single) { vocabulary.row(ofText: $0, $1) }
    }
    @inline(__always) func text(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        vocabulary.row(ofText: bytes, count)
    }
    func truth(_ value: Bool) -> Int32 { value ? vocabulary.trueRow : vocabulary.falseRow }
}

/// `1 + hash(value) mod buckets`.
struct HashEncoder: ScalarVisitor {
    static var isPure: Bool { true }
    let buckets: UInt64

    @inline(__always) func missing() -> Int32 { 0 }
    @inline(__always) func row(_ hash: UInt64) -> Int32 { 1 + Int32(truncatingIfNeeded: hash % buckets) }
    @inline(__always) func integer(_ value: Int64) -> Int32 { row(StableHash.integer(value)) }
    func real(_ value: Double, single: Bool) -> Int32 {
        row(ValueHasher().real(value, single: single))
    }
    @inline(__always) func text(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        row(ValueHasher().text(bytes, count))
    }
}

/// The hash of a value's canonical form, 0 when it is missing: request and group keys.
struct ValueHasher: ScalarVisitor {
    static var isPure: Bool { true }
    @inline(__always) func missing() -> UInt64 { 0 }
    @inline(__always) func integer(_ value: Int64) -> UInt64 { StableHash.integer(value) }
    func real(_ value: Double, single: Bool) -> UInt64 {
        if let integer = ValueText.integer(value) { return StableHash.integer(integer) }
        return withText(of: value, single: single) { StableHash.bytes($0, $1) }
    }
    @inline(__always) func text(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        if let integer = ValueText.integer(bytes, count) { return StableHash.integer(integer) }
        return StableHash.bytes(bytes, count)
    }
}

/// `boundaries` and learnt `quantiles`: `1 + #{b : b <= v}`.
struct CutEncoder: ScalarVisitor {
    static var isPure: Bool { true }
    let cuts: UnsafeBufferPointer<Double>

    @inline(__always) func missing() -> Int32 { 0 }
    @inline(__always) func bucket(_ value: Double) -> Int32 {
        var low = 0
        var size = cuts.count
        // Invariant: cuts[..<low] <= value; the answer lies in low ... low + size.
        while size > 0 {
            let half = (size + 1) / 2
            low += cuts[low + half - 1] <= value ? half : 0
            size -= half
        }
        return Int32(truncatingIfNeeded: low + 1)
    }
    @inline(__always) func integer(_ value: Int64) -> Int32 { bucket(Double(value)) }
    @inline(__always) func real(_ value: Double, single _: Bool) -> Int32 { bucket(value) }
    func text(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        // What is no number was refused before (`RowCheck`).
        guard let value = ValueText.number(bytes, count), !value.isNaN else { return 0 }
        return bucket(value)
    }
    func truth(_ value: Bool) -> Int32 { bucket(value ? 1 : 0) }
}

/// Reads numbers: NaN for a missing one, `Number.bad` for what is none.
struct NumberReader: ScalarVisitor {
    static var isPure: Bool { true }
    /// A text that counts as 1, everything else as 0 (labels such as "yes").
    var positive: [UInt8]?

    init(positive: String? = nil) { self.positive = positive.map { Array($0.utf8) } }

    /// A NaN that no arithmetic makes.
    static let bad = Double(bitPattern: 0x7FF8_DEAD_BEEF_0001)
    @inline(__always) static func isBad(_ value: Double) -> Bool { value.bitPattern == 0x7FF8_DEAD_BEEF_0001 }

    func missing() -> Double { .nan }
    func integer(_ value: Int64) -> Double { positive == nil ? Double(value) : match(String(value)) }
    func real(_ value: Double, single: Bool) -> Double {
        guard positive != nil else { return value }
        return match(ValueText.integer(value).map { String($0) } ?? ValueText.text(value, single: single))
    }
    func text(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Double {
        if let positive {
            return UnsafeBufferPointer(start: bytes, count: count).elementsEqual(positive) ? 1 : 0
        }
        return ValueText.number(bytes, count) ?? Self.bad
    }
    func truth(_ value: Bool) -> Double { positive == nil ? (value ? 1 : 0) : match(value ? "true" : "false") }
    private func match(_ text: String) -> Double { Array(text.utf8) == positive! ? 1 : 0 }
}

/// Whether a value is there: 0 when missing.
struct PresenceReader: ScalarVisitor {
    static var isPure: Bool { true }
    func missing() -> Int32 { 0 }
    func integer(_: Int64) -> Int32 { 1 }
    func real(_: Double, single _: Bool) -> Int32 { 1 }
    func text(_: UnsafePointer<UInt8>, _: Int) -> Int32 { 1 }
}

func withText<R>(of value: Double, single: Bool, _ body: (UnsafePointer<UInt8>, Int) -> R) -> R {
    var text = ValueText.text(value, single: single)
    return text.withUTF8 { body($0.baseAddress!, $0.count) }
}
