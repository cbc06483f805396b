import Foundation

/// What a random number decides. Every draw of the simulation has a key of its own (a purpose and the ids of what
/// it is about), so that no draw depends on how many came before it: not on threads, and in an A/B test not on what
/// the other arm showed.
enum Purpose: UInt64 {
    case category = 1, shop, brand, item, itemDay, user, favourites, drift, intent, request, candidates, policy
    case mood, click, purchase, engagement, dial
}

/// Steele, Lea and Flood's SplitMix64 from a key: a stream of random numbers that begins where the key says.
struct RandomStream: RandomNumberGenerator {
    private var state: UInt64

    @inline(__always)
    init(_ seed: UInt64, _ purpose: Purpose, _ a: UInt64, _ b: UInt64 = 0) {
        state = Self.mix(Self.mix(Self.mix(seed ^ purpose.rawValue &* 0xd1b5_4a32_d192_ed03) &+ a) &+ b)
    }

    @inline(__always)
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.mix(state)
    }

    /// The finaliser of SplitMix64: a bijection of 64-bit integers.
    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// In [0, 1), a multiple of 2^-24.
    @inline(__always)
    mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// In [0, 1), a multiple of 2^-53: for comparisons with probabilities.
    @inline(__always)
    mutating func fineUniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// In 0 ..< count.
    @inline(__always)
    mutating func below(_ count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }

    /// Standard normal, by Box and Muller.
    mutating func normal() -> Float {
        let radius = (-2 * log(Double(next() >> 11) * 0x1p-53 + 0x1p-54)).squareRoot()
        return Float(radius * cos(2 * .pi * fineUniform()))
    }

    /// Of mean 1.
    mutating func exponential() -> Float { Float(-log(fineUniform() + 0x1p-54)) }

    /// Eight independent standard normals.
    mutating func normals() -> SIMD8<Float> {
        var values = SIMD8<Float>()
        for i in 0..<8 { values[i] = normal() }
        return values
    }
}

/// Walker's alias method: one of n with given weights in constant time.
struct AliasTable: Sendable {
    /// Chance of keeping place i, else its alias.
    private var kept: [Float] = []
    private var alias: [Int32] = []

    var count: Int { kept.count }

    /// - Precondition: at least one weight, each positive and finite.
    init(_ weights: some Collection<Float>) {
        let total = weights.reduce(0) { $0 + Double($1) }
        precondition(total > 0 && total.isFinite, "AliasTable: weights that sum to \(total)")
        var scaled = weights.map { Double($0) / total * Double(weights.count) }
        kept = [Float](repeating: 1, count: scaled.count)
        alias = (0..<Int32(scaled.count)).map { $0 }
        var small: [Int] = []
        var large: [Int] = []
        for i in scaled.indices { if scaled[i] < 1 { small.append(i) } else { large.append(i) } }
        while let low = small.popLast(), let high = large.popLast() {
            kept[low] = Float(scaled[low])
            alias[low] = Int32(high)
            scaled[high] -= 1 - scaled[low]
            if scaled[high] < 1 { small.append(high) } else { large.append(high) }
        }
    }

    @inline(__always)
    func sample(_ stream: inout RandomStream) -> Int {
        let bits = stream.next()
        let place = Int(bits.multipliedFullWidth(by: UInt64(kept.count)).high)
        return stream.uniform() < kept[place] ? place : Int(alias[place])
    }
}

@inline(__always)
func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }
