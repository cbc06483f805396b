import Foundation
import Schema

/// Counts the values of a column: integers by value, texts by content. Bounded when `limit` is given.
struct ValueCounter: ScalarVisitor {
    static var isPure: Bool { false }
    var times = 1
    /// More distinct values than this, and the rarest are forgotten.
    let limit: Int

    private var integers: IntegerCounts
    private var texts: [String: Int] = [:]

    init(limit: Int = .max) {
        self.limit = limit
        integers = IntegerCounts()
    }

    mutating func missing() -> UInt8 { 0 }
    @inline(__always) mutating func integer(_ value: Int64) -> UInt8 {
        integers.add(value, times)
        if integers.count > limit { forget() }
        return 0
    }
    mutating func real(_ value: Double, single: Bool) -> UInt8 {
        if let integer = ValueText.integer(value) { return self.integer(integer) }
        count(ValueText.text(value, single: single))
        return 0
    }
    mutating func text(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt8 {
        if let integer = ValueText.integer(bytes, count) { return self.integer(integer) }
        self.count(String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self))
        return 0
    }

    private mutating func count(_ text: String) {
        texts[text, default: 0] += times
        if texts.count > limit { forget() }
    }

    /// Lossy counting: what was seen once goes first, then twice, until half the room is free.
    private mutating func forget() {
        var floor = 1
        while max(integers.count, texts.count) > limit / 2 {
            integers.keep { $0 > floor }
            texts = texts.filter { $0.value > floor }
            floor *= 2
        }
    }

    /// Values with their counts: most frequent first, equals in the order of integers, then of texts.
    func ranked(minCount: Int, maxSize: Int?) -> [String] {
        var found: [(text: String, integer: Int64?, count: Int)] = []
        integers.forEach { value, count in
            if count >= minCount { found.append((String(value), value, count)) }
        }
        for (text, count) in texts where count >= minCount { found.append((text, nil, count)) }
        found.sort { a, b in
            if a.count != b.count { return a.count > b.count }
            switch (a.integer, b.integer) {
            case (let x?, let y?): return x < y
            case (nil, nil): return a.text.utf8.lexicographicallyPrecedes(b.text.utf8)
            case (let x, _): return x != nil
            }
        }
        return found.prefix(maxSize ?? found.count).map(\.text)
    }
}

/// Open-addressing counts of 64-bit integers.
struct IntegerCounts {
    private var keys = [Int64](repeating: 0, count: 1024)
    private var counts = [Int](repeating: 0, count: 1024)
    private(set) var count = 0

    @inline(__always)
    mutating func add(_ value: Int64, _ times: Int) {
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: StableHash.integer(value)) & mask
        while counts[slot] != 0 {
            if keys[slot] == value {
                counts[slot] += times
                return
            }
            slot = (slot + 1) & mask
        }
        keys[slot] = value
        counts[slot] = times
        count += 1
        if 2 * count > keys.count { rebuild(slots: 2 * keys.count) { _ in true } }
    }

    func forEach(_ body: (Int64, Int) -> Void) {
        for slot in keys.indices where counts[slot] != 0 { body(keys[slot], counts[slot]) }
    }

    mutating func keep(_ wanted: (Int) -> Bool) { rebuild(slots: keys.count, wanted) }

    private mutating func rebuild(slots: Int, _ wanted: (Int) -> Bool) {
        let oldKeys = keys, oldCounts = counts
        keys = [Int64](repeating: 0, count: slots)
        counts = [Int](repeating: 0, count: slots)
        count = 0
        for i in oldKeys.indices where oldCounts[i] != 0 && wanted(oldCounts[i]) {
            var slot = Int(truncatingIfNeeded: StableHash.integer(oldKeys[i])) & (slots - 1)
            while counts[slot] != 0 { slot = (slot + 1) & (slots - 1) }
            keys[slot] = oldKeys[i]
            counts[slot] = oldCounts[i]
            count += 1
        }
    }
}

/// A uniform sample of a column's numbers (all of them while they fit), and the cut points it gives.
struct NumberSample: ScalarVisitor {
    static var isPure: Bool { false }
    var times = 1
    let capacity: Int
    private var values: [Double] = []
    private var seen = 0
    private var generator: SeededGenerator

    init(seed: UInt64, capacity: Int = 262_144) {
        self.capacity = capacity
        generator = SeededGenerator(seed: seed)
    }

    mutating func missing() -> UInt8 { 0 }
    @inline(__always) mutating func integer(_ value: Int64) -> UInt8 { add(Double(value)) }
    @inline(__always) mutating func real(_ value: Double, single _: Bool) -> UInt8 { add(value) }
    mutating func text(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt8 {
        if let value = ValueText.number(bytes, count), !value.isNaN { _ = add(value) }
        return 0
    }
    mutating func truth(_ value: Bool) -> UInt8 { add(value ? 1 : 0) }

    /// Reservoir sampling (Vitter's algorithm R).
    @inline(__always)
    private mutating func add(_ value: Double) -> UInt8 {
        guard value.isFinite else { return 0 }
        for _ in 0..<times {
            seen += 1
            if values.count < capacity {
                values.append(value)
            } else {
                // Multiply-shift: uniform to within seen / 2^64.
                let place = Int(generator.next().multipliedFullWidth(by: UInt64(seen)).high)
                if place < capacity { values[place] = value }
            }
        }
        return 0
    }

    /// At most `buckets - 1` distinct ascending cut points that make buckets of about equal weight.
    /// A value that is as heavy as a bucket (say -1 for "never") gets one of its own.
    func cuts(buckets: Int) -> [Double] {
        let sorted = values.sorted()
        var distinct: [(value: Double, count: Int)] = []
        for value in sorted {
            if distinct.last?.value == value { distinct[distinct.count - 1].count += 1 } else { distinct.append((value, 1)) }
        }
        guard distinct.count > 1, buckets > 1 else { return [] }
        if distinct.count <= buckets { return distinct.dropFirst().map(\.value) }

        // Heavy values are set apart first; the others share the buckets that are left (as LightGBM bins do).
        var heavy = Set<Int>()
        var restCount = sorted.count, restBuckets = buckets
        while restBuckets > 1 {
            let mean = Double(restCount) / Double(restBuckets)
            let found = distinct.indices.filter { !heavy.contains($0) && Double(distinct[$0].count) >= mean }
            if found.isEmpty { break }
            for i in found.sorted(by: { distinct[$0].count > distinct[$1].count }) where restBuckets > 1 {
                heavy.insert(i)
                restCount -= distinct[i].count
                restBuckets -= 1
            }
        }
        var cuts: [Double] = []
        var inBucket = 0
        for i in distinct.indices {
            let isHeavy = heavy.contains(i)
            let mean = Double(restCount) / Double(restBuckets)
            let isFull = restBuckets > 1 && inBucket > 0 && Double(inBucket) + Double(distinct[i].count) / 2 > mean
            if i > 0, isHeavy || heavy.contains(i - 1) || isFull, cuts.count < buckets - 1 {
                cuts.append(distinct[i].value)
                if inBucket > 0 {
                    restCount -= inBucket
                    restBuckets = max(1, restBuckets - 1)
                    inBucket = 0
                }
            }
            if !isHeavy { inBucket += distinct[i].count }
        }
        return cuts
    }
}
