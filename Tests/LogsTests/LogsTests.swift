import Foundation
import Schema
import Testing

@testable import Logs

@Suite("Formats")
struct FormatTests {
    let folder = TemporaryFolder()
    let rows = SampleLogs.rows(500)

    @Test("every format gives the same encoder and the same batches")
    func formats() throws {
        try SampleLogs.write(rows, to: folder.path("a.parquet"))
        try SampleLogs.write(rows, to: folder.path("a.arrow"))
        try folder.write(SampleLogs.csv(rows), to: "a.csv")
        try folder.write(SampleLogs.csv(rows, delimiter: "\t"), to: "a.tsv")
        try folder.write(SampleLogs.csv(rows, delimiter: ";"), to: "b.csv")
        try folder.write(SampleLogs.jsonLines(rows), to: "a.jsonl")
        let reference = try dataset(folder, train: ["a.parquet"])
        let encoder = try reference.fitEncoder()
        let batches = try reference.batches(.train, encoder: encoder, batchSize: 32, seed: 3, shuffle: true).all()
        #expect(batches.reduce(0) { $0 + $1.count } == 500)
        for (name, delimiter) in [("a.arrow", nil), ("a.csv", nil), ("a.tsv", nil), ("b.csv", ";"), ("a.jsonl", nil)] {
            let other = try dataset(folder, train: [name], delimiter: delimiter)
            #expect(try other.rowCount(.train) == 500, "\(name)")
            #expect(try other.fitEncoder() == encoder, "\(name)")
            let found = try other.batches(.train, encoder: encoder, batchSize: 32, seed: 3, shuffle: true).all()
            #expect(found == batches, "\(name)")
        }
    }

    @Test("a batch holds what the rows say, by an encoding written out longhand")
    func longhand() throws {
        try SampleLogs.write(rows, to: folder.path("a.parquet"))
        let data = try dataset(folder, train: ["a.parquet"])
        let encoder = try data.fitEncoder()
        let samples = try data.batches(.train, encoder: encoder, batchSize: 64, shuffle: false).all()
            .flatMap { $0.samples(data.schema) }
        let user = try #require(try encoder.table("user").values), item = try #require(try encoder.table("item").values)
        let cuts = try #require(try encoder.table("age").cuts)
        func place(_ value: String?, _ list: [String]) -> Int32 {
            guard let value else { return 0 }
            return list.firstIndex(of: value).map { Int32($0 + 2) } ?? 1
        }
        func bucket(_ value: Double?, _ cuts: [Double]) -> Int32 {
            value.map { v in Int32(1 + cuts.filter { $0 <= v }.count) } ?? 0
        }
        #expect(samples.count == rows.count)
        for (sample, row) in zip(samples, rows) {
            #expect(sample.columns[0] == [place(row.user.map { "\($0)" }, user)])
            #expect(sample.columns[1] == [bucket(row.age, cuts)])
            #expect(sample.columns[2] == [place(row.item, item)])
            #expect(sample.columns[3] == [bucket(row.price.map(Double.init), [1, 2.5, 10])])
            #expect(sample.columns[4].count == row.tags?.count ?? 0)
            #expect(sample.sequence[0] == row.history.prefix(3).map { place($0, item) })
            #expect(sample.sequence[1] == row.historyAge.prefix(3).map { bucket($0.map(Double.init), [10, 100]) })
            #expect(sample.labels == [Float(row.click)])
        }
    }

    @Test("folders are read in sorted order, and their names give columns")
    func hive() throws {
        for (k, name) in ["day=2/b", "day=1/z", "day=1/a"].enumerated() {
            try FileManager.default.createDirectory(
                at: folder.url.appendingPathComponent("logs/\(name)").deletingLastPathComponent(),
                withIntermediateDirectories: true)
            try SampleLogs.write(Array(rows[k * 10..<k * 10 + 10]), to: folder.path("logs/\(name).parquet"))
        }
        try folder.write("not a log", to: "logs/_SUCCESS")
        var schema = SampleLogs.schema
        schema.regular.append(
            RegularFeature(.init(name: "day", encoding: .categories(["1", "2"]), dimension: 2), side: .user))
        let data = try dataset(folder, train: ["logs"], schema: schema)
        #expect(data.trainFiles.map { URL(fileURLWithPath: $0.path).lastPathComponent } == ["a.parquet", "z.parquet", "b.parquet"])
        let samples = try data.batches(.train, encoder: data.fitEncoder(), batchSize: 100, shuffle: false).all()
            .flatMap { $0.samples(schema) }
        let days = samples.map { $0.columns[5][0] }
        #expect(days[..<20].allSatisfy { $0 == 2 } && days[20...].allSatisfy { $0 == 3 } && days.count == 30)
        #expect(try dataset(folder, train: ["logs/day=*/*.parquet"], schema: schema).trainFiles == data.trainFiles)
    }
}

@Suite("Encoder")
struct EncoderTests {
    @Test("nulls, empty texts and NaN are row 0; unseen values are row 1")
    func missingAndUnseen() throws {
        let encoder = FittedEncoder(tables: [
            FittedTable(name: "v", encoding: .vocabulary(minCount: 1, maxSize: nil), values: ["7", "cat", "2.5"]),
            FittedTable(name: "c", encoding: .categories(["yes", "no"])),
            FittedTable(name: "h", encoding: .hash(buckets: 10)),
            FittedTable(name: "b", encoding: .boundaries([0, 1])),
        ])
        #expect(encoder.tableRows == ["v": 5, "c": 4, "h": 11, "b": 4])
        func row(_ value: FeatureValue, _ name: String) throws -> Int32 {
            let table = try encoder.table(name)
            return try encoder.encode(value, as: FeatureEncoding(name: name, encoding: table.encoding, dimension: 1))
        }
        for table in ["v", "c", "h", "b"] {
            for value in [FeatureValue.missing, .text(""), .number(.nan)] { #expect(try row(value, table) == 0) }
        }
        #expect(try row(.integer(7), "v") == 2)
        #expect(try row(.text("7"), "v") == 2)
        #expect(try row(.text("7.0"), "v") == 2)
        #expect(try row(.number(7), "v") == 2)
        #expect(try row(.text("07"), "v") == 1)
        #expect(try row(.text("cat"), "v") == 3)
        #expect(try row(.number(2.5), "v") == 4)
        #expect(try row(.text("no"), "c") == 3)
        #expect(try row(.text("maybe"), "c") == 1)
        #expect(try row(.integer(12), "h") == row(.text("12"), "h"))
        let numbers: [Double] = [-1, 0, 0.5, 1, .infinity]
        #expect(try numbers.map { try row(.number($0), "b") } == [1, 2, 2, 3, 3])
        #expect(try row(.text(" 0.5 "), "b") == 2)
        #expect(problem { _ = try row(.text("half"), "b") }?.expected == "a number")
        #expect(problem { _ = try row(.list([]), "v") }?.expected == "one value")
        let strict = FeatureEncoding(name: "v", encoding: .vocabulary(minCount: 1, maxSize: nil), dimension: 1, missing: .error)
        #expect(problem { _ = try encoder.encode(.missing, as: strict) }?.kind == .badRow)
    }

    @Test("a fitted encoder comes back from disk as it was")
    func persistence() throws {
        let folder = TemporaryFolder()
        try SampleLogs.write(SampleLogs.rows(200), to: folder.path("a.parquet"))
        let encoder = try dataset(folder, train: ["a.parquet"]).fitEncoder()
        let url = folder.url.appendingPathComponent("encoder.json")
        try encoder.write(to: url)
        let back = try FittedEncoder(contentsOf: url)
        #expect(back == encoder)
        #expect(back.digest == encoder.digest)
        try Data("{}".utf8).write(to: url)
        #expect(problem { _ = try FittedEncoder(contentsOf: url) }?.kind == .badEncoder)
    }

    @Test("single values are encoded as columns are")
    func singleValues() throws {
        let folder = TemporaryFolder()
        let rows = SampleLogs.rows(200)
        try SampleLogs.write(rows, to: folder.path("a.parquet"))
        let data = try dataset(folder, train: ["a.parquet"])
        let encoder = try data.fitEncoder()
        let samples = try data.batches(.train, encoder: encoder, batchSize: 50, shuffle: false).all()
            .flatMap { $0.samples(data.schema) }
        let schema = data.schema
        for (sample, row) in zip(samples, rows) {
            let values: [FeatureValue] = [
                row.user.map { .integer($0) } ?? .missing, row.age.map { .number($0) } ?? .missing,
                row.item.map { .text($0) } ?? .missing, row.price.map { .number(Double($0)) } ?? .missing,
            ]
            for (i, value) in values.enumerated() {
                #expect(try [encoder.encode(value, as: schema.regular[i].encoding)] == sample.columns[i])
            }
            let tags = FeatureValue.list((row.tags ?? []).map { .text($0) })
            #expect(try encoder.encodeList(tags, as: schema.regular[4].encoding) == sample.columns[4])
        }
    }

    @Test("cut points come from the training split only")
    func trainingSplitOnly() throws {
        let folder = TemporaryFolder()
        var rows = SampleLogs.rows(400)
        for i in 300..<400 {
            rows[i].age = 10_000 + Double(i)
            rows[i].item = "late \(i % 3)"
        }
        try SampleLogs.write(rows, to: folder.path("a.parquet"))
        let encoder = try dataset(folder, train: ["a.parquet"], validation: .fraction(0.25)).fitEncoder()
        #expect(try encoder.table("age").cuts!.allSatisfy { $0 < 100 })
        #expect(try encoder.table("item").values!.allSatisfy { !$0.hasPrefix("late") })
        try SampleLogs.write(Array(rows[..<300]), to: folder.path("b.parquet"))
        #expect(try dataset(folder, train: ["b.parquet"]).fitEncoder() == encoder)
    }

    @Test("privileged values do not decide what a regular table holds")
    func privilegedDoNotCount() throws {
        let folder = TemporaryFolder()
        try folder.write("a,p,y\n1,5,0\n2,6,1\n", to: "a.csv")
        let vocabulary = Encoding.vocabulary(minCount: 1, maxSize: nil)
        let schema = FeatureSchema(
            regular: [RegularFeature(.init(name: "a", encoding: vocabulary, table: "t", dimension: 1), side: .user)],
            privileged: [PrivilegedFeature(.init(name: "p", encoding: vocabulary, table: "t", dimension: 1), privilege: .postEvent)],
            labels: [Label(name: "y")])
        let encoder = try dataset(folder, train: ["a.csv"], schema: schema).fitEncoder()
        #expect(try encoder.table("t").values == ["1", "2"])
    }

    @Test("a heavy value gets a bucket of its own, and the others share the rest evenly", arguments: [1, 2, 3])
    func heavyValues(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var sample = NumberSample(seed: 1)
        var values: [Double] = []
        for _ in 0..<10_000 {
            let value = Double.random(in: 0..<1, using: &generator) < 0.6 ? -1 : Double.random(in: 0..<100, using: &generator)
            values.append(value)
            _ = sample.real(value, single: false)
        }
        let cuts = sample.cuts(buckets: 9)
        #expect(cuts == cuts.sorted() && Set(cuts).count == cuts.count && cuts.count == 8)
        var counts = [Int](repeating: 0, count: 9)
        for value in values { counts[cuts.filter { $0 <= value }.count] += 1 }
        #expect(counts[0] == values.filter { $0 == -1 }.count)
        for count in counts.dropFirst() { #expect(abs(count - 500) < 60, "\(counts)") }
    }

    @Test("few distinct values are cut apart, one value is not cut")
    func fewValues() {
        var sample = NumberSample(seed: 1)
        #expect(sample.cuts(buckets: 4) == [])
        for _ in 0..<10 { _ = sample.integer(3) }
        #expect(sample.cuts(buckets: 4) == [])
        _ = sample.integer(1)
        _ = sample.integer(2)
        #expect(sample.cuts(buckets: 4) == [2, 3])
    }

    @Test("vocabularies are ranked by count, then by value, and honour minCount and maxSize")
    func ranking() {
        var counter = ValueCounter()
        func add(_ text: String, _ times: Int) {
            var text = text
            for _ in 0..<times { _ = text.withUTF8 { counter.text($0.baseAddress!, $0.count) } }
        }
        add("b", 3); add("10", 3); add("9", 3); add("a", 5); add("rare", 1)
        _ = counter.integer(9)
        _ = counter.real(2.5, single: false)
        #expect(counter.ranked(minCount: 1, maxSize: nil) == ["a", "9", "10", "b", "2.5", "rare"])
        #expect(counter.ranked(minCount: 3, maxSize: 2) == ["a", "9"])
    }

    @Test("numbers in text are read as Double reads them")
    func numbers() {
        for text in ["0", "-0.5", "12.25", "123456789012345678", "1e-7", "0.1", "-3.14159", "1.7976931348623157e308", "5e-324", "007"] {
            let value = Array(text.utf8).withUnsafeBufferPointer { ValueText.number($0.baseAddress!, $0.count) }
            #expect(value == Double(text))
        }
        for text in ["", " ", "nan", "null"] {
            #expect(Array((text + "x").utf8).withUnsafeBufferPointer { ValueText.number($0.baseAddress!, text.utf8.count) }!.isNaN)
        }
        for text in ["abc", "1.2.3", "--1", "1,5", "-", "."] {
            #expect(Array(text.utf8).withUnsafeBufferPointer { ValueText.number($0.baseAddress!, $0.count) } == nil, "\(text)")
        }
    }
}

@Suite("Splits and order")
struct OrderTests {
    let folder = TemporaryFolder()
    let rows = SampleLogs.rows(1000)

    init() throws { try SampleLogs.write(rows, to: folder.path("a.parquet")) }

    func labels(_ data: Dataset, _ split: Split, _ encoder: FittedEncoder) throws -> [Float] {
        try data.batches(split, encoder: encoder, batchSize: 33, shuffle: false).all().flatMap { $0.targets.labels[0] }
    }

    @Test("fractions cut the end off in file order, test first")
    func fractions() throws {
        let data = try dataset(folder, train: ["a.parquet"], validation: .fraction(0.1), test: .fraction(0.2))
        #expect(try Split.allCases.map { try data.rowCount($0) } == [720, 80, 200])
        let encoder = try data.fitEncoder()
        let all = rows.map { Float($0.click) }
        #expect(try labels(data, .train, encoder) == Array(all[..<720]))
        #expect(try labels(data, .validation, encoder) == Array(all[720..<800]))
        #expect(try labels(data, .test, encoder) == Array(all[800...]))
    }

    @Test("a time cuts where the time is, and mixes with fractions")
    func times() throws {
        let cut = Double(rows[700].time)
        let data = try dataset(folder, train: ["a.parquet"], validation: .fraction(0.1), test: .from(cut))
        let before = rows.filter { Double($0.time) < cut }
        #expect(try data.rowCount(.test) == rows.count - before.count)
        let kept = before.count - Int((0.1 * Double(before.count)).rounded())
        #expect(try data.rowCount(.train) == kept)
        let encoder = try data.fitEncoder()
        #expect(try labels(data, .train, encoder) == before.prefix(kept).map { Float($0.click) })
        #expect(try labels(data, .validation, encoder) == before.dropFirst(kept).map { Float($0.click) })
        #expect(try labels(data, .test, encoder) == rows.dropFirst(before.count).map { Float($0.click) })
    }

    @Test("seek gives what an uninterrupted reader gives", arguments: [true, false], [1 << 30, 0])
    func seek(shuffle: Bool, memoryBudget: Int) throws {
        let data = try dataset(folder, train: ["a.parquet"], window: 100, memoryBudget: memoryBudget)
        let encoder = try data.fitEncoder()
        let source = try data.batches(.train, encoder: encoder, batchSize: 48, seed: 5, shuffle: shuffle)
        var epochs: [[Batch]] = []
        for epoch in 0..<3 {
            try source.seek(epoch: epoch, batches: 0)
            epochs.append(try source.all())
            #expect(try source.next() == nil)
        }
        #expect(epochs[0].count == 21 && epochs[0].dropLast().allSatisfy { $0.count == 48 })
        #expect((epochs[0] == epochs[1]) == !shuffle)
        for (epoch, batches) in [(2, 20), (0, 7), (1, 1), (1, 0), (2, 13), (0, 21), (0, 22)] {
            let fresh = try data.batches(.train, encoder: encoder, batchSize: 48, seed: 5, shuffle: shuffle)
            for reader in [source, fresh] {
                try reader.seek(epoch: epoch, batches: batches)
                #expect(try reader.all() == Array(epochs[epoch].dropFirst(batches)), "epoch \(epoch) batch \(batches)")
            }
        }
        let other = try data.batches(.train, encoder: encoder, batchSize: 48, seed: 6, shuffle: shuffle)
        #expect((try other.all() == epochs[0]) == !shuffle)
    }

    @Test("a seek in the middle of an epoch is as good as one at its end")
    func seekInTheMiddle() throws {
        let data = try dataset(folder, train: ["a.parquet"], window: 100, memoryBudget: 0)
        let source = try data.batches(.train, encoder: data.fitEncoder(), batchSize: 48, seed: 5, shuffle: true)
        let all = try source.all()
        for k in [3, 9, 1] {
            try source.seek(epoch: 0, batches: k)
            #expect(try source.next() == all[k])
        }
    }

    @Test("shuffling keeps requests together and every row once")
    func requests() throws {
        let data = try dataset(folder, train: ["a.parquet"], window: 100)
        let encoder = try data.fitEncoder()
        let requests = try data.batches(.train, encoder: encoder, batchSize: 64, seed: 1, shuffle: true).all()
            .flatMap { $0.targets.requests }
        let inOrder = try data.batches(.train, encoder: encoder, batchSize: 64, shuffle: false).all()
            .flatMap { $0.targets.requests }
        #expect(requests != inOrder)
        #expect(requests.sorted() == inOrder.sorted())
        let runs = zip(requests, requests.dropFirst()).filter { $0 != $1 }.count + 1
        #expect(runs == Set(requests).count)
    }

    @Test("deduplication changes no sample, and leaves no side twice", arguments: [true, false])
    func deduplication(shuffle: Bool) throws {
        let data = try dataset(folder, train: ["a.parquet"], window: 100)
        let encoder = try data.fitEncoder()
        let once = try data.batches(.train, encoder: encoder, batchSize: 77, seed: 2, shuffle: shuffle).all()
        let plain = try data.batches(
            .train, encoder: encoder, batchSize: 77, seed: 2, shuffle: shuffle, deduplicate: false).all()
        #expect(once.count == plain.count)
        for (a, b) in zip(once, plain) {
            #expect(a.samples(data.schema) == b.samples(data.schema))
            #expect(b.regular.userCount == b.count && b.regular.itemCount == b.count)
            #expect(b.regular.userIndex == (0..<Int32(b.count)).map { $0 })
            let samples = a.samples(data.schema)
            let users = Set(samples.map { sample -> [[Int32]] in sample.columns[0...1] + sample.sequence })
            let items = Set(samples.map { sample -> [[Int32]] in Array(sample.columns[2...4]) })
            #expect(a.regular.userCount == users.count)
            #expect(a.regular.itemCount == items.count)
            // Numbered in order of first appearance.
            var seen: Int32 = -1
            for user in a.regular.userIndex {
                #expect(user <= seen + 1)
                seen = max(seen, user)
            }
        }
    }

    @Test("permuted privileged features are another sample's, the same ones in every epoch, and nothing else changes")
    func permuted() throws {
        let data = try dataset(folder, train: ["a.parquet"], window: 100)
        let encoder = try data.fitEncoder()
        let url = folder.url.appendingPathComponent("prepared")
        try data.prepare(encoder: encoder, into: url)
        let prepared = try PreparedDataset.open(url)
        func samples(_ provider: any BatchProvider, seed: UInt64?, epoch: Int = 0, shuffle: Bool = false) throws -> [PlainSample] {
            let source = try provider.batches(
                .train, encoder: encoder, batchSize: 30, seed: 1, shuffle: shuffle, deduplicate: true, permutePrivileged: seed)
            try source.seek(epoch: epoch, batches: 0)
            return try source.all().flatMap { $0.samples(data.schema) }
        }
        let (own, permuted) = (try samples(data, seed: nil), try samples(data, seed: 5))
        func without(_ samples: [PlainSample]) -> [PlainSample] {
            samples.map { sample in
                var sample = sample
                sample.privileged = []
                return sample
            }
        }
        #expect(without(own) == without(permuted))
        #expect(own.map(\.privileged) != permuted.map(\.privileged))
        // The same values, in another order.
        func sorted(_ samples: [PlainSample]) -> [String] { samples.map { "\($0.privileged)" }.sorted() }
        #expect(sorted(own) == sorted(permuted))
        #expect(try samples(prepared, seed: 5) == permuted)
        #expect(try samples(data, seed: 6).map(\.privileged) != permuted.map(\.privileged))
        // Shuffled, every sample keeps the features it was given in file order, in each epoch.
        let given = Set(permuted.map { "\($0)" })
        for epoch in [0, 1] {
            let shuffled = try samples(data, seed: 5, epoch: epoch, shuffle: true)
            #expect(Set(shuffled.map { "\($0)" }) == given)
            #expect(shuffled != permuted)
        }
    }

    @Test("a training window is the newest part of what validation leaves, and encoders are learnt from it alone")
    func window() throws {
        func data(_ window: SplitPoint?) throws -> Dataset {
            try Dataset(
                logs: LogsConfiguration(
                    train: ["a.parquet"], validationSplit: .fraction(0.2), trainWindow: window, shuffleWindow: 64),
                schema: SampleLogs.schema, baseFolder: folder.url)
        }
        let all = try data(nil)
        let encoder = try all.fitEncoder()
        func samples(_ data: Dataset, _ split: Split) throws -> [PlainSample] {
            try data.batches(split, encoder: encoder, batchSize: 64, shuffle: false).all().flatMap { $0.samples(data.schema) }
        }
        let (train, validation) = (try samples(all, .train), try samples(all, .validation))
        let newest = try data(.fraction(0.25))
        #expect(try newest.rowCount(.train) == train.count / 4)
        #expect(try samples(newest, .train) == Array(train.suffix(train.count / 4)))
        #expect(try samples(newest, .validation) == validation)
        #expect(try newest.fitEncoder() != encoder)
        let time = Double(rows[train.count / 2].time)
        #expect(try samples(data(.from(time)), .train) == zip(train, rows).filter { Double($0.1.time) >= time }.map(\.0))
    }

    @Test("prepared shards give the batches that decoding gives, and a stale folder is refused")
    func prepared() throws {
        let data = try dataset(folder, train: ["a.parquet"], validation: .fraction(0.1), window: 100)
        let encoder = try data.fitEncoder()
        let url = folder.url.appendingPathComponent("prepared")
        try data.prepare(encoder: encoder, into: url)
        let prepared = try PreparedDataset.open(url)
        try prepared.check(against: data)
        #expect(prepared.encoder == encoder)
        for split in [Split.train, .validation] {
            #expect(try prepared.rowCount(split) == data.rowCount(split))
            #expect(try prepared.classes(split) == data.classes(split))
            for shuffle in [true, false] {
                let a = try data.batches(split, encoder: encoder, batchSize: 50, seed: 4, shuffle: shuffle)
                let b = try prepared.batches(split, encoder: encoder, batchSize: 50, seed: 4, shuffle: shuffle)
                #expect(try a.all() == b.all())
                try a.seek(epoch: 3, batches: 2)
                try b.seek(epoch: 3, batches: 2)
                #expect(try a.all() == b.all())
            }
        }
        #expect(problem { _ = try prepared.batches(.test, encoder: encoder, batchSize: 8, shuffle: false) }?.kind == .emptySplit)
        var schema = SampleLogs.schema
        schema.labels[0].weight = 2
        let other = try dataset(folder, train: ["a.parquet"], validation: .fraction(0.1), window: 100, schema: schema)
        #expect(problem { try prepared.check(against: other) }?.kind == .staleCache)
        try SampleLogs.write(rows.dropLast(), to: folder.path("a.parquet"))
        #expect(problem { try prepared.check(against: data) }?.kind == .staleCache)
    }

    @Test("a damaged prepared block is an error, never a crash")
    func damagedBlock() throws {
        let data = try dataset(folder, train: ["a.parquet"], window: 400)
        let encoder = try data.fitEncoder()
        let url = folder.url.appendingPathComponent("prepared")
        try data.prepare(encoder: encoder, into: url)
        let block = url.appendingPathComponent("train-000001.block.safetensors")
        let whole = try Data(contentsOf: block)
        for seed in 0..<40 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var bytes = whole
            for _ in 0..<20 { bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator) }
            if seed % 4 == 0 { bytes = bytes.prefix(Int.random(in: 0..<bytes.count, using: &generator)) }
            try bytes.write(to: block)
            let source = try PreparedDataset.open(url).batches(.train, encoder: encoder, batchSize: 64, shuffle: false)
            _ = try? source.all()
        }
    }
}
