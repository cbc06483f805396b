/// Sorts keys ascending: least significant byte first, O(n) a byte, bytes that all keys share skipped.
func radixSort(_ keys: inout [UInt64]) {
    var none: [UInt64] = []
    radixSort(&keys, carrying: &none)
}

/// Sorts keys ascending and stably, and moves `payload` along with them; an empty payload is left alone.
func radixSort(_ keys: inout [UInt64], carrying payload: inout [UInt64]) {
    let count = keys.count
    precondition(
        payload.isEmpty || payload.count == count, "radixSort: \(count) keys, \(payload.count) payloads"
    )
    guard count > 1 else { return }

    var histograms = [Int](repeating: 0, count: 8 * 256)
    for key in keys {
        for byte in 0..<8 {
            histograms[byte << 8 | Int(truncatingIfNeeded: key >> UInt64(8 * byte)) & 255] += 1
        }
    }

    var otherKeys = [UInt64](repeating: 0, count: count)
    var otherPayload = [UInt64](repeating: 0, count: payload.count)
    var offsets = [Int](repeating: 0, count: 256)
    for byte in 0..<8 {
        let histogram = histograms[byte << 8..<(byte + 1) << 8]
        if histogram.contains(count) { continue }
        var offset = 0
        for (digit, occurrences) in histogram.enumerated() {
            offsets[digit] = offset
            offset += occurrences
        }
        let shift = UInt64(8 * byte)
        if payload.isEmpty {
            for key in keys {
                let digit = Int(truncatingIfNeeded: key >> shift) & 255
                otherKeys[offsets[digit]] = key
                offsets[digit] += 1
            }
        } else {
            for i in 0..<count {
                let digit = Int(truncatingIfNeeded: keys[i] >> shift) & 255
                otherKeys[offsets[digit]] = keys[i]
                otherPayload[offsets[digit]] = payload[i]
                offsets[digit] += 1
            }
            swap(&payload, &otherPayload)
        }
        swap(&keys, &otherKeys)
    }
}

/// The bits of a float in an order that unsigned comparison agrees with; -0 and 0 are one.
func orderedBits(_ score: Float) -> UInt32 {
    let bits = score == 0 ? 0 : score.bitPattern
    return bits >> 31 == 1 ? ~bits : bits | 1 << 31
}
