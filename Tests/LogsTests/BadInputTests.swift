import Foundation
import Schema
import Testing

@testable import Logs

@Suite("Bad input")
struct BadInputTests {
    let folder = TemporaryFolder()
    static let small = FeatureSchema(
        regular: [
            RegularFeature(.init(name: "age", encoding: .boundaries([10]), dimension: 1), side: .user),
            RegularFeature(.init(name: "item", encoding: .hash(buckets: 9), dimension: 1), side: .item),
        ],
        labels: [Label(name: "click")])

    func fit(_ text: String, as name: String = "a.csv", schema: FeatureSchema = small) -> LogsError? {
        problem {
            try folder.write(text, to: name)
            _ = try dataset(folder, train: [name], schema: schema).fitEncoder()
        }
    }

    @Test("a truncated Parquet file is an error that names the file")
    func truncated() throws {
        try SampleLogs.write(SampleLogs.rows(300), to: folder.path("a.parquet"))
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path("a.parquet")))
        for size in [0, 3, 4, 12, whole.count / 2, whole.count - 1] {
            try whole.prefix(size).write(to: URL(fileURLWithPath: folder.path("b.parquet")))
            let error = problem { _ = try dataset(folder, train: ["b.parquet"]).fitEncoder() }
            #expect(error?.kind == .unreadable)
            #expect(error?.file?.hasSuffix("b.parquet") == true)
        }
    }

    @Test("damaged Parquet pages are an error or other rows, never a crash")
    func damaged() throws {
        try SampleLogs.write(SampleLogs.rows(300), to: folder.path("a.parquet"))
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path("a.parquet")))
        for seed in 0..<20 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var bytes = whole
            for _ in 0..<10 { bytes[Int.random(in: 4..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator) }
            try bytes.write(to: URL(fileURLWithPath: folder.path("b.parquet")))
            _ = try? dataset(folder, train: ["b.parquet"]).fitEncoder()
        }
    }

    @Test("text that calls itself Parquet or Arrow is an error", arguments: ["a.parquet", "a.arrow"])
    func renamed(name: String) {
        #expect(fit("age,item,click\n1,2,0\n", as: name)?.kind == .unreadable)
    }

    @Test("a missing column is named, with its nearest neighbour", arguments: ["a.csv", "a.jsonl", "a.parquet"])
    func missingColumn(name: String) throws {
        let rows = SampleLogs.rows(20)
        if name.hasSuffix("csv") { try folder.write(SampleLogs.csv(rows), to: name) }
        if name.hasSuffix("jsonl") { try folder.write(SampleLogs.jsonLines(rows), to: name) }
        if name.hasSuffix("parquet") { try SampleLogs.write(rows, to: folder.path(name)) }
        var schema = SampleLogs.schema
        schema.regular[2].encoding.column = "itme"
        let error = problem { _ = try dataset(folder, train: [name], schema: schema) }
        #expect(error?.kind == .missingColumn)
        #expect(error?.column == "itme")
        #expect(error?.detail == "did you mean 'item'?" || error?.detail == "did you mean 'time'?")
    }

    @Test("a later file with other columns is refused when it is reached")
    func laterFile() throws {
        try folder.write("age,item,click\n1,2,0\n", to: "a.csv")
        try folder.write("age,item\n1,2\n", to: "b.csv")
        let error = problem { _ = try dataset(folder, train: ["a.csv", "b.csv"], schema: Self.small).fitEncoder() }
        #expect(error?.kind == .missingColumn && error?.file?.hasSuffix("b.csv") == true)
    }

    @Test("a wrong type says what was expected and what was found")
    func wrongType() throws {
        try SampleLogs.write(SampleLogs.rows(20), to: folder.path("a.parquet"))
        func check(_ change: (inout FeatureSchema) -> Void) -> LogsError? {
            var schema = SampleLogs.schema
            change(&schema)
            return problem { _ = try dataset(folder, train: ["a.parquet"], schema: schema) }
        }
        let number = check { $0.regular[3].encoding.column = "item" }
        #expect(number?.kind == .wrongType && number?.column == "item" && number?.found == "text")
        let list = check { $0.regular[4].encoding.column = "item" }
        #expect(list?.expected?.hasPrefix("lists") == true)
        let scalar = check { $0.regular[2].encoding.column = "history" }
        #expect(scalar?.found == "lists of text")
        #expect(check { $0.labels[0].column = "item" }?.kind == .wrongType)
    }

    @Test("a label must be 0 or 1", arguments: ["2", "", "nan", "-1", "yes", "0.5"])
    func labels(value: String) {
        let error = fit("age,item,click\n1,a,0\n2,b,1\n3,c,\(value)\n")
        #expect(error?.kind == .badRow && error?.row == 3 && error?.column == "click")
        #expect(error?.expected == "label 0 or 1")
    }

    @Test("a NaN label in Parquet is refused by file, row and column")
    func nanLabel() throws {
        let writer = try TableWriter(path: folder.path("a.parquet"))
        try writer.write([("age", .double([1, 2])), ("item", .text(["a", "b"])), ("click", .double([0, .nan]))])
        try writer.close()
        let error = problem { _ = try dataset(folder, train: ["a.parquet"], schema: Self.small).fitEncoder() }
        #expect(error?.row == 2 && error?.column == "click" && error?.file?.hasSuffix("a.parquet") == true)
    }

    @Test("a label may be a word")
    func positiveWord() throws {
        var schema = Self.small
        schema.labels = [Label(name: "click", positive: "yes")]
        try folder.write("age,item,click\n1,a,yes\n2,b,no\n", to: "a.csv")
        let data = try dataset(folder, train: ["a.csv"], schema: schema)
        let batch = try data.batches(.train, encoder: data.fitEncoder(), batchSize: 9, shuffle: false).next()
        #expect(batch?.targets.labels == [[1, 0]])
    }

    @Test("an empty split is an error, and so is an empty file")
    func empty() throws {
        #expect(fit("age,item,click\n")?.kind == .emptySplit)
        #expect(fit("")?.kind == .unreadable)
        #expect(fit("", as: "a.jsonl") != nil)
        try folder.write("age,item,click\n1,a,0\n2,b,1\n", to: "a.csv")
        var schema = Self.small
        schema.timestampColumn = "age"
        let data = try dataset(folder, train: ["a.csv"], test: .from(100), schema: schema)
        let encoder = try data.fitEncoder()
        #expect(problem { try data.requireRows(.test) }?.kind == .emptySplit)
        #expect(problem { _ = try data.batches(.test, encoder: encoder, batchSize: 1, shuffle: false).next() }?.kind == .emptySplit)
        #expect(problem { _ = try data.batches(.validation, encoder: encoder, batchSize: 1, shuffle: false) }?.kind == .emptySplit)
    }

    @Test("a split with one class is found")
    func oneClass() throws {
        try folder.write("age,item,click\n1,a,0\n2,b,0\n", to: "a.csv")
        let found = try dataset(folder, train: ["a.csv"], schema: Self.small).classes(.train)
        #expect(found == ClassCheck(positives: 0, negatives: 2))
        #expect(found.problem(split: .train, label: "click")?.kind == .oneClass)
        #expect(ClassCheck(positives: 1, negatives: 2).problem(split: .train, label: "click") == nil)
    }

    @Test("a line beyond the limit is an error before it is in memory", arguments: ["a.jsonl", "a.csv"])
    func longLine(name: String) throws {
        let isCSV = name.hasSuffix("csv")
        let path = folder.path(name)
        try folder.write(isCSV ? "age,item,click\n1,a,0\n" : "{\"age\":1,\"item\":\"a\",\"click\":0}\n", to: name)
        // A sparse gigabyte without a line end.
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data((isCSV ? "2,\"" : "{\"age\":2,\"item\":\"").utf8))
        try handle.truncate(atOffset: 1 << 30)
        try handle.close()
        let error = problem { _ = try dataset(folder, train: [name], schema: Self.small, lineLimit: 1 << 16).fitEncoder() }
        #expect(error?.kind == .lineTooLong)
    }

    @Test("a ragged row fails by number, or is kept aside")
    func ragged() throws {
        let text = "age,item,click\n1,a,0\n2,b\n3,c,1,9\n4,d,1\nfive,e,0\n6,f,7\n7,g,1\n"
        let error = fit(text)
        #expect(error?.kind == .badRow && error?.row == 2 && error?.expected == "3 fields" && error?.found == "2")
        let data = try dataset(folder, train: ["a.csv"], onBadRow: .skip, schema: Self.small)
        #expect(try data.rowCount(.train) == 3)
        let encoder = try data.fitEncoder()
        let batch = try #require(try data.batches(.train, encoder: encoder, batchSize: 10, shuffle: false).next())
        #expect(batch.targets.labels == [[0, 1, 1]])
        #expect(data.badRows.total == 4)
        #expect(data.badRows.countsByReason["click: expected label 0 or 1"] == 1)
        #expect(data.badRows.countsByReason["age: expected a number"] == 1)
        #expect(data.badRows.countsByReason["expected 3 fields"] == 2)
        let lines = try String(contentsOf: data.badRows.sideFile, encoding: .utf8).split(separator: "\n")
        let kept = try lines.map { try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
        #expect(kept.compactMap { $0["row"] as? Int }.sorted() == [2, 3, 5, 6])
        let number = kept.first { $0["row"] as? Int == 5 }
        #expect(number?["column"] as? String == "age" && number?["found"] as? String == "'five'")
        #expect((number?["values"] as? [String: String])?["item"] == "'e'")
    }

    @Test("bad lines of JSON fail by number, or are kept aside")
    func badJSON() throws {
        let text = """
            {"age": 1, "item": "a", "click": 0}
            {"age": 2, "item": "b", "click": 1

            {"age": [2], "item": "b", "click": 1}
            nonsense
            {"age": 1e1, "item": "\\u00e9\\ud83d\\ude00\\n", "click": true}
            """
        #expect(fit(text, as: "a.jsonl")?.row == 2)
        let data = try dataset(folder, train: ["a.jsonl"], onBadRow: .skip, schema: Self.small)
        let encoder = try data.fitEncoder()
        let batch = try #require(try data.batches(.train, encoder: encoder, batchSize: 10, shuffle: false).next())
        #expect(batch.targets.labels == [[0, 1]])
        #expect(batch.samples(Self.small)[1].columns[0] == [2])
        let item = try encoder.encode(.text("é😀\n"), as: Self.small.regular[1].encoding)
        #expect(batch.samples(Self.small)[1].columns[1] == [item])
        #expect(data.badRows.total == 3)
    }

    @Test("a missing value where the feature forbids it is a bad row")
    func forbiddenMissing() throws {
        var schema = Self.small
        schema.regular[0].encoding.missing = .error
        let error = fit("age,item,click\n1,a,0\n,b,1\n", schema: schema)
        #expect(error?.row == 2 && error?.column == "age" && error?.expected == "a value")
    }

    @Test("parallel lists of different lengths are a bad row")
    func listLengths() throws {
        var rows = SampleLogs.rows(20)
        rows[4].history = ["item 1", "item 2"]
        rows[4].historyAge = [1]
        try SampleLogs.write(rows, to: folder.path("a.parquet"))
        let error = problem { _ = try dataset(folder, train: ["a.parquet"]).fitEncoder() }
        #expect(error?.row == 5 && error?.column == "history_age" && error?.found == "1")
    }

    @Test("files that are not there are named", arguments: ["none.parquet", "none/*.parquet"])
    func notThere(name: String) {
        let error = problem { _ = try dataset(folder, train: [name]) }
        #expect(error?.kind == .noSuchFile && error?.file?.hasSuffix(name) == true)
    }
}
