/// Ids to positions, in shards that snapshots share: a change copies one shard of a few hundred entries, whatever
/// the size of the index. O(1) a lookup.
///
/// Ids 0 ..< `identity` that no shard holds are at the position that they name: a map of items that count up costs
/// nothing until some of them move.
struct PositionMap: Sendable {
    private static let aim = 256
    /// Where an identity id that was removed is said to be.
    private static let gone: Int32 = .max
    private let identity: Int64
    private var shards: [Shard]
    private var bits: Int
    private(set) var count = 0
    /// Entries of all shards.
    private var held = 0

    /// Ids 0 ..< items at positions 0 ..< items. O(1).
    init(identity items: Int) {
        identity = Int64(items)
        count = items
        bits = 0
        shards = [Shard(capacity: 0, draft: 0)]
    }

    init(expecting items: Int = 0) {
        identity = 0
        bits = 0
        while items >> bits > Self.aim { bits += 1 }
        shards = (0..<1 << bits).map { _ in Shard(capacity: 0, draft: 0) }
    }

    subscript(id: Int64) -> Int32? {
        let isIdentity = id >= 0 && id < identity
        if held == 0 { return isIdentity ? Int32(id) : nil }
        let hash = Self.hash(id)
        guard let position = shards[shard(hash)].find(id, hash) else { return isIdentity ? Int32(id) : nil }
        return position == Self.gone ? nil : position
    }

    /// Sets a position; `draft` marks the shards that may be written to in place.
    mutating func set(_ id: Int64, to position: Int32, draft: UInt64) {
        if self[id] == nil { count += 1 }
        hold(id, at: position, draft: draft)
    }

    mutating func remove(_ id: Int64, draft: UInt64) {
        guard self[id] != nil else { return }
        count -= 1
        if id >= 0 && id < identity { return hold(id, at: Self.gone, draft: draft) }
        let hash = Self.hash(id)
        writable(shard(hash), draft).remove(id, hash)
        held -= 1
    }

    private mutating func hold(_ id: Int64, at position: Int32, draft: UInt64) {
        if held >> bits > 4 * Self.aim { split(draft: draft) }
        let hash = Self.hash(id)
        if writable(shard(hash), draft).insert(id, hash, position) { held += 1 }
    }

    private func shard(_ hash: UInt64) -> Int { bits == 0 ? 0 : Int(hash >> UInt64(64 - bits)) }

    private mutating func writable(_ index: Int, _ draft: UInt64) -> Shard {
        if shards[index].draft != draft { shards[index] = Shard(copying: shards[index], draft: draft) }
        return shards[index]
    }

    private mutating func split(draft: UInt64) {
        let old = shards
        bits += 2
        shards = (0..<1 << bits).map { _ in Shard(capacity: Self.aim, draft: draft) }
        for from in old {
            from.forEach { id, position in
                let hash = Self.hash(id)
                _ = shards[shard(hash)].insert(id, hash, position)
            }
        }
    }

    /// SplitMix64's finisher: the top bits choose the shard, the low ones the slot.
    private static func hash(_ id: Int64) -> UInt64 {
        var z = UInt64(bitPattern: id) &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Open addressing with linear probing, at most half full.
    ///
    /// SAFETY of `@unchecked Sendable`: as `Chunk`, written only by the draft whose mark it bears.
    private final class Shard: @unchecked Sendable {
        private struct Slot {
            var id: Int64 = 0
            var position: Int32 = -1  // -1: empty
        }

        let draft: UInt64
        private var slots: [Slot]
        private var count = 0

        init(capacity: Int, draft: UInt64) {
            self.draft = draft
            var size = 8
            while size < 2 * capacity { size *= 2 }
            slots = Array(repeating: Slot(), count: size)
        }

        init(copying other: Shard, draft: UInt64) {
            self.draft = draft
            slots = other.slots
            count = other.count
        }

        /// The slot of `id`, or the empty one where it would be.
        private func slot(_ id: Int64, _ hash: UInt64) -> Int {
            let mask = slots.count - 1
            var at = Int(truncatingIfNeeded: hash) & mask
            while slots[at].position >= 0 && slots[at].id != id { at = (at + 1) & mask }
            return at
        }

        func find(_ id: Int64, _ hash: UInt64) -> Int32? {
            let position = slots[slot(id, hash)].position
            return position >= 0 ? position : nil
        }

        /// Whether the id is new.
        func insert(_ id: Int64, _ hash: UInt64, _ position: Int32) -> Bool {
            if 2 * (count + 1) > slots.count { grow() }
            let at = slot(id, hash)
            let isNew = slots[at].position < 0
            slots[at] = Slot(id: id, position: position)
            if isNew { count += 1 }
            return isNew
        }

        /// Knuth's algorithm R: later entries of the run move up, so that no marker of the removed one is needed.
        func remove(_ id: Int64, _ hash: UInt64) {
            let mask = slots.count - 1
            var hole = slot(id, hash)
            var at = hole
            while true {
                at = (at + 1) & mask
                guard slots[at].position >= 0 else { break }
                let home = Int(truncatingIfNeeded: PositionMap.hash(slots[at].id)) & mask
                guard (at - home) & mask >= (at - hole) & mask else { continue }
                slots[hole] = slots[at]
                hole = at
            }
            slots[hole] = Slot()
            count -= 1
        }

        func forEach(_ body: (Int64, Int32) -> Void) {
            for slot in slots where slot.position >= 0 { body(slot.id, slot.position) }
        }

        private func grow() {
            let old = slots
            slots = Array(repeating: Slot(), count: 2 * old.count)
            for entry in old where entry.position >= 0 { slots[slot(entry.id, PositionMap.hash(entry.id))] = entry }
        }
    }
}
