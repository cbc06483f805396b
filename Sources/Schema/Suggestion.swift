/// The nearest known word to a misspelt one ("did you mean ...?").
enum Suggestion {
    /// The candidate with the smallest edit distance, if it is near enough to be meant:
    /// at most two edits, or a third of the longer word.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let folded = fold(word)
        var best: (candidate: String, distance: Int)?
        for candidate in candidates.prefix(1_000) {
            let other = fold(candidate)
            let allowed = max(min(2, other.count - 1), max(folded.count, other.count) / 3)
            guard abs(folded.count - other.count) <= allowed else { continue }
            let distance = editDistance(folded, other)
            if distance <= allowed, distance < best?.distance ?? Int.max { best = (candidate, distance) }
        }
        return best?.candidate
    }

    /// `did you mean 'x'? ` or nothing.
    static func hint(for word: String, among candidates: [String]) -> String {
        nearest(to: word, among: candidates).map { "; did you mean '\($0)'?" } ?? ""
    }

    private static func fold(_ word: String) -> [UInt8] {
        word.utf8.prefix(64).map { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte + 32
            case UInt8(ascii: "-"), UInt8(ascii: " "): UInt8(ascii: "_")
            default: byte
            }
        }
    }

    /// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. O(|a| |b|).
    static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var row = [i + 1]
            for (j, y) in b.enumerated() {
                var distance = min(row[j] + 1, last[j + 1] + 1, last[j] + (x == y ? 0 : 1))
                if i > 0, j > 0, x == b[j - 1], a[i - 1] == y {
                    distance = min(distance, beforeLast[j - 1] + 1)
                }
                row.append(distance)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}
