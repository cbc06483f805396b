import Schema

/// Some hundred thousand encoded samples: distinct user sides, distinct item sides, and the samples that point at
/// them. Batches are gathered from it; it can be kept in memory or in a file.
final class EncodedBlock: Sendable {
    /// Row ids of one feature. `offsets` for bags.
    struct Column: Sendable {
        var ids: Slab<Int32>
        var offsets: Slab<Int32>?
    }

    let count: Int
    let userCount: Int
    let itemCount: Int
    /// `[count]`
    let userOf: Slab<Int32>
    let itemOf: Slab<Int32>
    /// `[userCount, 2]`, `[itemCount, 2]`: 128-bit keys of content. Equal keys mean equal sides.
    let userKeys: Slab<UInt64>
    let itemKeys: Slab<UInt64>
    let regular: [Column]
    let privileged: [Column]
    /// `[userCount + 1]`, when there is a sequence.
    let sequenceOffsets: Slab<Int32>?
    let sequenceFields: [Slab<Int32>]
    let labels: [Slab<Float>]
    let weights: Slab<Float>
    let softLabels: Slab<Float>?
    let requests: Slab<UInt64>
    let groups: Slab<UInt64>

    init(
        userOf: Slab<Int32>, itemOf: Slab<Int32>, userKeys: Slab<UInt64>, itemKeys: Slab<UInt64>, regular: [Column],
        privileged: [Column], sequenceOffsets: Slab<Int32>?, sequenceFields: [Slab<Int32>], labels: [Slab<Float>],
        weights: Slab<Float>, softLabels: Slab<Float>?, requests: Slab<UInt64>, groups: Slab<UInt64>
    ) {
        count = userOf.count
        userCount = userKeys.count / 2
        itemCount = itemKeys.count / 2
        self.userOf = userOf
        self.itemOf = itemOf
        self.userKeys = userKeys
        self.itemKeys = itemKeys
        self.regular = regular
        self.privileged = privileged
        self.sequenceOffsets = sequenceOffsets
        self.sequenceFields = sequenceFields
        self.labels = labels
        self.weights = weights
        self.softLabels = softLabels
        self.requests = requests
        self.groups = groups
    }

    var byteCount: Int {
        let columns = (regular + privileged).reduce(0) { $0 + $1.ids.byteCount + ($1.offsets?.byteCount ?? 0) }
        let sequence = sequenceFields.reduce(sequenceOffsets?.byteCount ?? 0) { $0 + $1.byteCount }
        let targets = labels.reduce(weights.byteCount + (softLabels?.byteCount ?? 0)) { $0 + $1.byteCount }
        return columns + sequence + targets + userOf.byteCount + itemOf.byteCount + userKeys.byteCount
            + itemKeys.byteCount + requests.byteCount + groups.byteCount
    }

    /// The order of an epoch: whole requests (runs of rows with one request key) permuted, or single rows.
    ///
    /// - Parameter requestGroup: samples of one request stay side by side in groups of at most so many (picked
    ///   at random from the request), and groups are what is shuffled; nil shuffles single samples.
    func shuffledRows(seed: UInt64, requestGroup: Int?) -> [Int32] {
        var generator = SeededGenerator(seed: seed)
        var rows = (0..<Int32(count)).map { $0 }
        guard let requestGroup, requestGroup > 1 else {
            rows.shuffle(using: &generator)
            return rows
        }
        var groups: [Range<Int>] = []
        var start = 0
        while start < count {
            var end = start + 1
            while end < count, requests[end] == requests[start] { end += 1 }
            if end - start > requestGroup { rows[start..<end].shuffle(using: &generator) }
            for first in stride(from: start, to: end, by: requestGroup) {
                groups.append(first..<min(first + requestGroup, end))
            }
            start = end
        }
        groups.shuffle(using: &generator)
        return groups.flatMap { rows[$0] }
    }
}

/// Content keys -> dense numbers, in order of first appearance.
///
/// Keys are 128 bits: two different sides among a billion collide with probability below 10^-20.
struct ContentIndex {
    let keys = Growable<UInt64>(capacity: 1024)
    private var slots: [Int32]
    private(set) var count = 0

    init() { slots = [Int32](repeating: -1, count: 1024) }

    /// The number of the key, and whether it is new.
    @inline(__always)
    mutating func number(of a: UInt64, _ b: UInt64) -> (Int32, isNew: Bool) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: a ^ (a >> 32)) & mask
        while slots[slot] >= 0 {
            let n = Int(slots[slot])
            if keys.base[2 * n] == a, keys.base[2 * n + 1] == b { return (Int32(n), false) }
            slot = (slot + 1) & mask
        }
        let n = Int32(count)
        slots[slot] = n
        keys.append(a)
        keys.append(b)
        count += 1
        if 2 * count > slots.count { rebuild() }
        return (n, true)
    }

    private mutating func rebuild() {
        slots = [Int32](repeating: -1, count: 2 * slots.count)
        let mask = slots.count - 1
        for n in 0..<count {
            let a = keys.base[2 * n]
            var slot = Int(truncatingIfNeeded: a ^ (a >> 32)) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(n)
        }
    }
}
