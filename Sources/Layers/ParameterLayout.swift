/// Where one dense parameter lies in the flat buffer that holds all of them.
public struct ParameterSlot: Sendable, Hashable {
    public let offset: Int
    public let rows: Int
    public let columns: Int
    public var count: Int { rows * columns }
    public var range: Range<Int> { offset..<(offset + count) }
}

/// How a dense parameter starts.
public enum Initialiser: Sendable, Hashable {
    case constant(Double)
    /// Uniform in +-1/sqrt(fanIn), as PyTorch's `Linear`.
    case uniform(fanIn: Int)
}

/// What a worker hands back for a parameter.
public enum ParameterKind: Sendable, Hashable {
    /// A gradient, for the optimiser.
    case weight
    /// A statistic of the batch (batch norm's mean and variance), for a moving average.
    case statistic
}

/// The table of contents of the flat buffer of dense parameters: layers reserve slots when they are
/// built; workers pull and push the whole buffer at once.
public struct ParameterLayout: Sendable {
    public struct Entry: Sendable {
        public let name: String
        public let slot: ParameterSlot
        public let kind: ParameterKind
        public let initialiser: Initialiser
    }
    public private(set) var entries: [Entry] = []
    /// Elements of the flat buffer.
    public private(set) var count = 0

    public init() {}

    /// Reserves `[rows, columns]`, aligned to 16 elements.
    public mutating func add(
        _ name: String, rows: Int = 1, columns: Int, kind: ParameterKind = .weight, _ initialiser: Initialiser
    ) -> ParameterSlot {
        precondition(!entries.contains { $0.name == name }, "ParameterLayout: two parameters named \(name)")
        let slot = ParameterSlot(offset: count, rows: rows, columns: columns)
        entries.append(Entry(name: name, slot: slot, kind: kind, initialiser: initialiser))
        count += (slot.count + 15) / 16 * 16
        return slot
    }

    /// The buffer's initial values. Each parameter's depend only on `seed` and `key` of its name.
    public func initialValues(seed: UInt64, key: (String) -> String = { $0 }) -> [Float] {
        var values = [Float](repeating: 0, count: count)
        for entry in entries {
            switch entry.initialiser {
            case .constant(let value):
                for i in entry.slot.range { values[i] = Float(value) }
            case .uniform(let fanIn):
                var generator = SplitMix64(seed: seed ^ stableHash(key(entry.name)))
                let bound = 1 / Double(max(1, fanIn)).squareRoot()
                for i in entry.slot.range {
                    values[i] = Float((Double(generator.next() >> 11) * 0x1p-53 * 2 - 1) * bound)
                }
            }
        }
        return values
    }
}

/// Steele, Lea and Flood's SplitMix64: small, seedable, the same on every platform.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64
    public init(seed: UInt64) { state = seed }
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// FNV-1a: stable across runs, unlike `Hasher`.
public func stableHash(_ text: String) -> UInt64 {
    text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
}
