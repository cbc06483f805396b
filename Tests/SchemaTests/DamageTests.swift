import Testing

@testable import Schema

/// SplitMix64: the tests' only source of chance.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

@Suite("A damaged run file")
struct DamageTests {
    static let words = [
        "[", "]", "{", "}", ":", "- ", "&a ", "*a", "!!int ", "\"", "'", "#", "\n", "\t", "|", ">", "? ", "%", "\0",
        "\u{feff}",
        "é", "\u{85}", "null", "~", "-1", "0", "1e308", "1e309", "-0.0", ".nan", "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999", "true", "share*_sync", "user_id", "click", "item_id", "{}", "[]", "0.5", "pfd", "cvr",
        "mtl",
        "{fraction: 2}", "{steps: -1}",
    ]

    /// Cuts, doubles, swaps and replaces pieces of the text.
    static func damaged(_ text: String, _ random: inout SeededGenerator) -> String {
        var pieces = [""]
        for character in text {
            pieces[pieces.count - 1].append(character)
            if " ,:\n{}[]".contains(character) { pieces.append("") }
        }
        for _ in 0..<Int.random(in: 1...4, using: &random) where !pieces.isEmpty {
            let i = Int.random(in: 0..<pieces.count, using: &random)
            let j = Int.random(in: 0..<pieces.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: pieces.remove(at: i)
            case 1: pieces.swapAt(i, j)
            case 2: pieces[i] = words.randomElement(using: &random)! + " "
            case 3: pieces.insert(words.randomElement(using: &random)!, at: i)
            default: pieces.insert(pieces[j], at: i)
            }
        }
        return pieces.joined()
    }

    @Test("is accepted or refused in words, and never traps", arguments: 1...4 as ClosedRange<UInt64>)
    func damage(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        var accepted = 0
        for _ in 0..<250 {
            let text = Self.damaged(Bool.random(using: &random) ? Example.full : Example.minimal, &random)
            do throws(SchemaError) {
                let run = try RunFile.parse(text: text, file: "run.yaml").validated()
                let plan = run.plan(trainingRows: 1_000, samplesPerRequest: 10)
                #expect(!plan.description.isEmpty)
                accepted += 1
            } catch {
                #expect(error.issues.allSatisfy { !$0.message.isEmpty }, "seed \(seed)")
            }
        }
        #expect(accepted < 250)
    }
}
