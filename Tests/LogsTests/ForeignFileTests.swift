import Foundation
import Schema
import Testing

@testable import Logs

private let python: String? = {
    let path = FileManager.default.currentDirectoryPath + "/.deps/venv/bin/python"
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
}()

/// Files written by another implementation: pyarrow, in the environment that Scripts/bootstrap makes.
@Suite("Foreign files", .enabled(if: python != nil, "no .deps/venv: run Scripts/bootstrap"))
struct ForeignFileTests {
    let folder = TemporaryFolder()

    func run(_ script: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python!)
        process.arguments = ["-c", script]
        process.currentDirectoryURL = folder.url
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    static let types = [
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
        "string", "large_string", "string_view", "dictionary", "decimal", "bool", "date32", "timestamp",
    ]

    @Test("columns of every type give the rows of their values", arguments: ["a.parquet", "a.arrow", "s.arrow"])
    func types(name: String) throws {
        try run(
            """
            import pyarrow as pa, pyarrow.parquet as pq, decimal
            v = [1, 0, None, 1, 7, 3, None, 0] * 5
            s = [None if x is None else str(x) for x in v]
            kinds = {k: pa.array(v, getattr(pa, k)()) for k in
                     "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()}
            kinds["float16"] = pa.array([None if x is None else float(x) for x in v], pa.float64()).cast(pa.float16())
            kinds |= {k: pa.array(s, getattr(pa, k)()) for k in "string large_string string_view".split()}
            kinds["dictionary"] = pa.array(s).dictionary_encode()
            kinds["decimal"] = pa.array([None if x is None else decimal.Decimal(x) for x in v], pa.decimal128(9, 2))
            kinds["bool"] = pa.array([None if x is None else x == 1 for x in v])
            kinds["date32"] = pa.array(v, pa.int32()).cast(pa.date32())
            kinds["timestamp"] = pa.array(v, pa.int64()).cast(pa.timestamp("us"))
            kinds |= {"list_" + k: pa.array([[] if x is None else [x, None, x + 1] for x in v], t) for k, t in
                      {"list": pa.list_(pa.int16()), "large": pa.large_list(pa.int64()), "view": pa.list_view(pa.int32())}.items()
                      if not (k == "view" and "\(name)" == "a.parquet")}
            kinds["list_fixed"] = pa.array([[1, 2, 3]] * len(v), pa.list_(pa.int32(), 3))
            kinds["click"] = pa.array([0, 1] * 20, pa.int8())
            t = pa.table(kinds)
            t = t.slice(3)  # offsets that are not zero
            if "\(name)" == "a.parquet": pq.write_table(t, "a.parquet", row_group_size=7)
            else:
                with (pa.ipc.new_file if "\(name)" == "a.arrow" else pa.ipc.new_stream)("\(name)", t.schema) as w: w.write_table(t, 11)
            """)
        let values: [Int?] = Array(Array(repeating: [1, 0, nil, 1, 7, 3, nil, 0], count: 5).flatMap { $0 }.dropFirst(3))
        var lists = ["list_list", "list_large", "list_fixed"]
        if name != "a.parquet" { lists.append("list_view") }
        let schema = FeatureSchema(
            regular: Self.types.map {
                let categories = $0 == "bool" ? ["true", "false"] : ["0", "1", "3"]
                return RegularFeature(.init(name: $0, encoding: .categories(categories), dimension: 1), side: .interaction)
            }
                + lists.map {
                    RegularFeature(.init(name: $0, encoding: .boundaries([1, 2, 3, 4]), dimension: 1, bag: .sum), side: .interaction)
                },
            labels: [Label(name: "click")])
        let data = try dataset(folder, train: [name], schema: schema)
        let samples = try data.batches(.train, encoder: data.fitEncoder(), batchSize: 100, shuffle: false).all()
            .flatMap { $0.samples(schema) }
        #expect(samples.count == values.count)
        for (sample, value) in zip(samples, values) {
            let row: Int32 = value == nil ? 0 : value == 0 ? 2 : value == 1 ? 3 : value == 3 ? 4 : 1
            for (i, type) in Self.types.enumerated() where type != "bool" { #expect(sample.columns[i] == [row], "\(type) \(value as Int?)") }
            #expect(sample.columns[16] == [value == nil ? 0 : value == 1 ? 2 : 3])
            let bucket = { (v: Int) in Int32(1 + [1, 2, 3, 4].filter { $0 <= v }.count) }
            let list: [Int32] = value.map { [bucket($0), 0, bucket($0 + 1)] } ?? []
            for (i, name) in lists.enumerated() {
                #expect(sample.columns[Self.types.count + i] == (name == "list_fixed" ? [2, 3, 4] : list), "\(name)")
            }
        }
    }

    @Test("texts whose dictionary overflows its page are read all the same")
    func dictionaryOverflow() throws {
        try run(
            """
            import pyarrow as pa, pyarrow.parquet as pq
            n = 20000
            t = pa.table({"item": [f"item {i * 7 % 9001}" for i in range(n)], "click": [i % 2 for i in range(n)],
                          "tags": [[f"t{i}", f"t{i + 1}"] for i in range(n)]})
            pq.write_table(t, "a.parquet", row_group_size=6000, dictionary_pagesize_limit=4096, data_page_size=2048)
            pq.write_table(t, "b.parquet", use_dictionary=False)
            """)
        let schema = FeatureSchema(
            regular: [
                RegularFeature(.init(name: "item", encoding: .vocabulary(minCount: 1, maxSize: nil), dimension: 1), side: .item),
                RegularFeature(.init(name: "tags", encoding: .hash(buckets: 1000), dimension: 1, bag: .sum), side: .item),
            ], labels: [Label(name: "click")])
        let a = try dataset(folder, train: ["a.parquet"], schema: schema), b = try dataset(folder, train: ["b.parquet"], schema: schema)
        let encoder = try a.fitEncoder()
        #expect(try b.fitEncoder() == encoder)
        #expect(try encoder.table("item").rows == 9003)
        let first = try a.batches(.train, encoder: encoder, batchSize: 999, shuffle: false).all().flatMap { $0.samples(schema) }
        let second = try b.batches(.train, encoder: encoder, batchSize: 999, shuffle: false).all().flatMap { $0.samples(schema) }
        #expect(first.count == 20000 && first == second)
    }

    @Test("a compressed CSV is read as it is")
    func compressed() throws {
        let rows = SampleLogs.rows(200)
        try folder.write(SampleLogs.csv(rows), to: "a.csv")
        try run("import gzip; gzip.open('b.csv.gz', 'wb').write(open('a.csv', 'rb').read())")
        let plain = try dataset(folder, train: ["a.csv"]), packed = try dataset(folder, train: ["b.csv.gz"])
        let encoder = try plain.fitEncoder()
        #expect(try packed.fitEncoder() == encoder)
        #expect(
            try packed.batches(.train, encoder: encoder, batchSize: 32, shuffle: false).all()
                == plain.batches(.train, encoder: encoder, batchSize: 32, shuffle: false).all())
    }
}
