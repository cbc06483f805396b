import Testing

@Suite("Help")
struct HelpTests {
    static let texts: [(arguments: String, teaches: [String])] = [
        ("--help", [
            "hindsight check RUN.yaml", "hindsight train RUN.yaml", "hindsight compare RUN.yaml", "--set", "check", "prepare",
            "train", "evaluate", "predict", "compare", "demo", "0 done", "64", "65", "66", "70", "130",
        ]),
        ("help check", ["--no-logs", "privileged", "--set", "without training"]),
        ("help prepare", ["--into", "hindsight prepare RUN.yaml --into shards", "--prepared"]),
        ("help train", ["--resume", "Ctrl-C", "130", "--json", "--quiet", "tensorboard", "bit for bit", "--seed", "--output"]),
        ("help evaluate", ["--data", "--split", "train, validation, test", "AUC", "--json"]),
        ("help predict", ["--data", "--out", ".parquet", ".csv", "--teacher", "no label"]),
        ("help compare", ["--methods", "--seeds", "baseline,lupi,md,pfd,pfd+md", "paired"]),
        ("help demo", ["--seeds", "Examples/retail-ctr.yaml"]),
    ]

    @Test("is printed to standard output and mentions what matters", arguments: texts.indices)
    func mentions(index: Int) throws {
        let (arguments, teaches) = Self.texts[index]
        let output = try TinyFiles().hindsight(arguments)
        #expect(output.code == 0)
        #expect(output.err.isEmpty)
        // Help is wrapped to the terminal: line ends are spaces.
        let text = output.out.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for words in teaches { #expect(text.contains(words), "'\(words)' is not in: \(output.out)") }
    }

    @Test("is what a bare command prints")
    func bare() throws {
        let files = try TinyFiles()
        #expect(try files.hindsight("").out == files.hindsight("--help").out)
    }
}
