/// A sum of `Double`s without any rounding until it is read, so that order and merging cannot change it.
///
/// Radford Neal's small superaccumulator ("Fast exact summation using small and large superaccumulators",
/// 2015): chunk `i` holds a signed multiple of 2^(32 i - 1075). A 53-bit mantissa, shifted to its place, falls
/// on two neighbouring chunks; the 32 spare bits of each take 2047 additions before carries must move up.
/// An addition is O(1) and a few nanoseconds. `value` is rounded once.
struct ExactSum: Sendable, Equatable {
    private static let chunkCount = 68
    private static let additionsBetweenCarries = 2047

    private var chunks = [Int64](repeating: 0, count: ExactSum.chunkCount)
    private var additionsLeft = ExactSum.additionsBetweenCarries

    init() {}

    /// Adds one finite number.
    mutating func add(_ number: Double) {
        precondition(number.isFinite, "ExactSum.add: \(number)")
        if additionsLeft == 0 { carry() }
        additionsLeft -= 1

        // A subnormal has exponent field 0, the scale of field 1, and no implicit bit.
        let field = Int(number.exponentBitPattern)
        let exponent = max(field, 1)
        let mantissa = number.significandBitPattern | (field == 0 ? 0 : 1 << 52)
        let shift = UInt64(exponent & 31)
        let chunk = exponent >> 5
        let low = Int64((mantissa << shift) & 0xffff_ffff)
        let high = Int64(mantissa >> (32 - shift))
        let sign: Int64 = number.sign == .minus ? -1 : 1
        chunks[chunk] &+= sign &* low
        chunks[chunk + 1] &+= sign &* high
    }

    mutating func merge(_ other: ExactSum) {
        var other = other
        carry()
        other.carry()
        for i in chunks.indices { chunks[i] += other.chunks[i] }
        carry()
    }

    /// The sum, rounded to nearest once (an exact tie of more than 96 bits aside); infinite beyond `Double`.
    var value: Double {
        var sum = self
        sum.carry()
        var sign = 1.0
        if sum.chunks[Self.chunkCount - 1] < 0 {
            sign = -1
            for i in sum.chunks.indices { sum.chunks[i] = -sum.chunks[i] }
            sum.carry()
        }
        guard let top = sum.chunks.lastIndex(where: { $0 != 0 }) else { return 0 }
        // Three chunks carry at least 65 significant bits; what lies below them only makes the last bit sticky.
        let bottom = max(top - 2, 0)
        var bits: UInt128 = 0
        for i in (bottom...top).reversed() { bits = bits << 32 | UInt128(sum.chunks[i]) }
        if sum.chunks[..<bottom].contains(where: { $0 != 0 }) { bits |= 1 }
        return sign * Double(sign: .plus, exponent: 32 * bottom - 1075, significand: Double(bits))
    }

    /// Moves all but the low 32 bits of each chunk into the next: the one canonical form of a sum.
    private mutating func carry() {
        for i in 0..<Self.chunkCount - 1 {
            chunks[i + 1] += chunks[i] >> 32
            chunks[i] &= 0xffff_ffff
        }
        additionsLeft = Self.additionsBetweenCarries
    }

    static func == (lhs: ExactSum, rhs: ExactSum) -> Bool {
        var (lhs, rhs) = (lhs, rhs)
        lhs.carry()
        rhs.carry()
        return lhs.chunks == rhs.chunks
    }
}
