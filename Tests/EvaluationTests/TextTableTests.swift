import Evaluation
import Testing

@Suite("Text table")
struct TextTableTests {
    static let table: TextTable = {
        var table = TextTable(["method", "AUC [95 %]", "note"])
        table.add(["baseline", "0.68 [0.67, 0.69]", ""])
        table.add(["pfd+md", "0.69", "best"])
        table.add(["lupi", "–", "a|b\nc"])
        return table
    }()

    @Test("Numbers stand to the right, words to the left, nothing trails")
    func rendered() {
        #expect(
            Self.table.rendered() == """
                method           AUC [95 %]  note
                ────────  ─────────────────  ─────
                baseline  0.68 [0.67, 0.69]
                pfd+md                 0.69  best
                lupi                      –  a|b c
                """)
    }

    @Test("Markdown keeps the alignment and escapes bars")
    func markdown() {
        #expect(
            Self.table.markdown() == """
                | method | AUC [95 %] | note |
                | --- | ---: | --- |
                | baseline | 0.68 [0.67, 0.69] |  |
                | pfd+md | 0.69 | best |
                | lupi | – | a\\|b c |
                """)
    }

    @Test("A table of headers only still shows them")
    func empty() {
        #expect(TextTable(["a", "bc"]).rendered() == "a  bc\n─  ──")
    }
}
