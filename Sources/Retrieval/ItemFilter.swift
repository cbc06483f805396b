/// Which items a search may return; conditions that are nil let everything pass, and all of them must hold.
///
///     ItemFilter(deny: [17, 4], categories: [3, 8])
public struct ItemFilter: Sendable {
    /// Only these ids. Ids that the index does not have are no error.
    public var allow: [Int64]?
    /// None of these ids.
    public var deny: [Int64]
    /// Only items of these categories.
    public var categories: CategorySet?

    public init(allow: [Int64]? = nil, deny: [Int64] = [], categories: CategorySet? = nil) {
        self.allow = allow
        self.deny = deny
        self.categories = categories
    }

    var isEmpty: Bool { allow == nil && deny.isEmpty && categories == nil }
}

/// A set of categories, or any predicate on them: one bit for each of the 65,536 there can be.
public struct CategorySet: Sendable, ExpressibleByArrayLiteral {
    private var bits = [UInt64](repeating: 0, count: 1024)

    public init(_ categories: some Sequence<UInt16>) {
        for category in categories { bits[Int(category) >> 6] |= 1 << UInt64(category & 63) }
    }

    public init(arrayLiteral categories: UInt16...) { self.init(categories) }

    /// The categories for which the predicate holds; it is called once for each.
    public init(where holds: (UInt16) -> Bool) { self.init((UInt16.min...UInt16.max).lazy.filter(holds)) }

    public func contains(_ category: UInt16) -> Bool { bits[Int(category) >> 6] >> UInt64(category & 63) & 1 == 1 }

    /// A bit for each of `count` (at most 64) categories that is in the set.
    func word(_ categories: UnsafePointer<UInt16>, count: Int) -> UInt64 {
        bits.withUnsafeBufferPointer { bits in
            var word: UInt64 = 0
            for i in 0..<count {
                let category = categories[i]
                word |= (bits[Int(category >> 6)] >> UInt64(category & 63) & 1) << UInt64(i)
            }
            return word
        }
    }
}
