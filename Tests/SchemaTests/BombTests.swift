import Testing

@testable import Schema

@Suite("A YAML bomb", .timeLimit(.minutes(1)))
struct BombTests {
    /// Nine levels of nine aliases: 9^9 values.
    static let billionLaughs: String = {
        var text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
        for level in 1...9 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        return text
    }()

    @Test("of aliases is counted before it is expanded")
    func laughs() {
        #expect(
            Example.complaint(Self.billionLaughs)
                .hasSuffix("more than 100000 values (aliases expanded); a run file is smaller"))
    }

    @Test("of aliases in a key is not hashed")
    func hashedKey() {
        for key in ["? *a9\n: 1", "*a9 : 1", "[*a9]: 1", "b: {[*a9]: 1}", "b: {? *a9 : 1}", "{a: *a9} : 1"] {
            let complaint = Example.complaint(Self.billionLaughs + key)
            #expect(complaint.hasSuffix("a key that is not a plain word, in a file with aliases; write the key out"))
        }
    }

    @Test("of many aliases is refused")
    func manyAliases() {
        let text = "a: &a 1\nb: [" + Array(repeating: "*a", count: 101).joined(separator: ", ") + "]"
        #expect(Example.complaint(text).hasPrefix("run.yaml: has 101 aliases (*name), and at most 100 are allowed"))
    }

    @Test("of nested aliases does not overflow the stack")
    func nestedAliases() {
        let deep = { (inner: String) in String(repeating: "[", count: 45) + inner + String(repeating: "]", count: 45) }
        var text = "a0: &a0 \(deep("x"))\n"
        for level in 1...80 { text += "a\(level): &a\(level) \(deep("*a\(level - 1)"))\n" }
        #expect(Example.complaint(text) == "run.yaml:1:40: nested more than 32 levels deep")
        let longer = text.replacing("[", with: "[[[").replacing("]", with: "]]]")
        #expect(
            Example.complaint(longer) == "run.yaml: has aliases (*name) and is too long for them; write the values out")
    }

    @Test("of depth is an error", arguments: ["[", "{a: ", "? ", "- ", "[{", "'["])
    func depth(_ opening: String) {
        let complaint = Example.complaint(String(repeating: opening, count: 100_000))
        #expect(complaint.hasPrefix("run.yaml:"))
        #expect(complaint.count < 300)
    }

    @Test("of indentation is an error")
    func indentation() {
        var text = ""
        for level in 0..<1_200 { text += String(repeating: " ", count: level) + "a:\n" }
        #expect(Example.complaint(text).contains("nested"))
    }

    @Test("of size is an error")
    func size() {
        let text = "name: " + String(repeating: "x", count: 1 << 20)
        #expect(Example.complaint(text) == "run.yaml: is 1048582 bytes long, and a run file may have 1048576")
        let long =
            Example.minimal + "\n  - {name: c, side: user, dimension: 1, encoding: {categories: ["
            + String(repeating: "1,", count: 200_000) + "]}}"
        #expect(Example.complaint(long).hasSuffix("more than 100000 values (aliases expanded); a run file is smaller"))
    }

    @Test("of mistakes is told in a hundred of them")
    func mistakes() {
        let keys = (0..<20_000).map { "k\($0): 1" }.joined(separator: ", ")
        let complaint = Example.complaint(
            Example.minimal.replacing("task: ctr", with: "task: ctr\ntraining: {\(keys)}"))
        #expect(complaint.split(separator: "\n").count == 100)
        let names = (0..<20_000).map { "user_\($0)" }.joined(separator: ", ")
        let except = Example.complaint(
            Example.minimal.replacing("task: ctr", with: "task: ctr\ndistillation: {except: [\(names)]}"))
        #expect(except.split(separator: "\n").count == 100)
    }

    @Test("it is not, when aliases are used as they are meant")
    func ordinaryAlias() throws {
        let text = Example.minimal
            .replacing("encoding: vocabulary", with: "encoding: &ids {vocabulary: {min_count: 3}}")
            .replacing("{hash: 10}", with: "*ids")
        let run = try Example.parsed(text).configuration
        #expect(
            run.schema.regular.map(\.encoding.encoding) == [
                .vocabulary(minCount: 3, maxSize: nil), .vocabulary(minCount: 3, maxSize: nil),
            ])
    }
}
