import CKernels

@testable import Retrieval

/// SplitMix64, so that a failing case can be had again from its seed.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Roughly normal: a sum of uniforms.
    mutating func normal() -> Float { (0..<6).reduce(0) { sum, _ in sum + Float.random(in: -1...1, using: &self) } / 1.4 }
}

/// What makes exact search hard.
enum Hardness: CaseIterable {
    case gaussian, smallIntegers, fewDistinct, allEqual, zeros, oneHot, clustered, extremeNorms, extremeElements
    case denormal, overflowing, oneLongRow, nearlyParallel, nearlyEqual, farAway

    func vector(_ d: Int, _ random: inout Seeded, of shared: [Float]) -> [Float] {
        func each(_ element: (inout Seeded, Int) -> Float) -> [Float] { (0..<d).map { element(&random, $0) } }
        func power(_ range: ClosedRange<Double>) -> Float { Float.power(Double.random(in: range, using: &random)) }
        switch self {
        case .gaussian: return each { r, _ in r.normal() }
        case .smallIntegers: return each { r, _ in Float(Int.random(in: -1...1, using: &r)) }
        case .fewDistinct:
            let sign: Float = [-1, 1, 2].randomElement(using: &random)!
            return shared.map { $0 * sign }
        case .allEqual: return shared
        case .zeros: return Bool.random(using: &random) ? each { _, i in i % 2 == 0 ? 0 : -0.0 } : shared
        case .oneHot:
            let hot = Int.random(in: 0..<d, using: &random)
            return each { _, i in i == hot ? 1 : 0 }
        case .clustered: return zip(shared, each { r, _ in r.normal() * 1e-4 }).map(+)
        case .extremeNorms:
            let norm = power(-30...30)
            return each { r, _ in r.normal() * norm }
        case .extremeElements: return each { r, _ in r.normal() * Float.power(Double.random(in: -30...30, using: &r)) }
        case .denormal: return each { r, _ in Float.leastNonzeroMagnitude * Float(Int.random(in: -9...9, using: &r)) }
        case .overflowing: return each { r, _ in Float.greatestFiniteMagnitude * Float.random(in: -1...1, using: &r) }
        case .oneLongRow:
            let norm: Float = Int.random(in: 0..<50, using: &random) == 0 ? 1e6 : 1
            return each { r, _ in r.normal() * norm }
        case .nearlyParallel:
            return shared.map { Int.random(in: 0..<4, using: &random) == 0 ? $0.nextUp : $0 }
        case .nearlyEqual:
            // From what an undertrained model gives down to what a float can just tell apart.
            let apart = power(-7 ... -1)
            return zip(shared, each { r, _ in r.normal() * apart }).map(+)
        case .farAway: return zip(shared, each { r, _ in r.normal() }).map { $0 * 3e28 + $1 * 1e22 }
        }
    }
}

extension Float {
    static func power(_ exponent: Double) -> Float { Float(Double.exp10(exponent)) }
}

extension Double {
    static func exp10(_ x: Double) -> Double {
        var result = 1.0
        for _ in 0..<Int(x.magnitude) { result *= 10 }
        result *= 1 + 9 * (x.magnitude - x.magnitude.rounded(.down))
        return x < 0 ? 1 / result : result
    }
}

/// One random search: an index of one hardness and a query of another.
struct SearchCase {
    var seed: UInt64
    var dimension: Int
    var ids: [Int64] = []
    var vectors: [Float] = []
    var categories: [UInt16] = []
    var query: [Float]
    var topK: Int
    var candidates: [Int64]?
    var filter = ItemFilter()

    static let dimensions = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 200, 512]

    init(seed: UInt64, sizes: ClosedRange<Int>, filtered: Bool) {
        self.seed = seed
        var random = Seeded(seed)
        let d = Self.dimensions.randomElement(using: &random)!
        dimension = d
        let shared = (0..<d).map { _ in random.normal() }
        let items = Hardness.allCases.randomElement(using: &random)!
        let asked = Hardness.allCases.randomElement(using: &random)!
        query = asked.vector(d, &random, of: shared)
        let n = Int.random(in: sizes, using: &random)
        let spread: Int64 = Bool.random(using: &random) ? 1 : 0x1_0000_0001
        ids = (0..<Int64(n)).map { ($0 - 20) * spread }.shuffled(using: &random)
        for _ in 0..<n { vectors += items.vector(d, &random, of: shared) }
        categories = (0..<n).map { _ in UInt16.random(in: 0...3, using: &random) * 21_000 }
        topK = [0, 1, 2, n / 20, n / 4, n, n + 3, 10_000].randomElement(using: &random)!
        if filtered { filter(&random) }
    }

    private mutating func filter(_ random: inout Seeded) {
        let some = [0.02, 0.2, 0.6, 0.98].randomElement(using: &random)!
        func sample() -> [Int64] { ids.filter { _ in Double.random(in: 0..<1, using: &random) < some } }
        if Bool.random(using: &random) { candidates = sample() + sample() + [123_456, .min, 123_456] }
        if Bool.random(using: &random) { filter.allow = sample() + [.max] }
        if Bool.random(using: &random) { filter.deny = sample() + [99_999] }
        if Bool.random(using: &random) { filter.categories = [21_000, 63_000, 7] }
    }

    func index() throws -> ItemIndex {
        try ItemIndex(dimension: dimension, ids: ids, vectors: vectors, categories: categories)
    }
}

extension SearchResult {
    /// Everything but how it was found.
    var answer: SearchResult {
        var copy = self
        copy.rescored = 0
        return copy
    }
}

let instructionSets = Int32(HS_TOPK_SCALAR)...hs_topk_best_isa()
