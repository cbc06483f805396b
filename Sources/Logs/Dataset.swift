import Foundation
import Schema

/// Logs, seen through a schema: splits, the fitting of the encoder, and batches.
///
/// ```swift
/// let dataset = try Dataset(logs: run.logs, schema: run.schema, baseFolder: folder)
/// let encoder = try dataset.fitEncoder()
/// let batches = try dataset.batches(.train, encoder: encoder, batchSize: 1024, seed: 1, shuffle: true)
/// while let batch = try batches.next() { ... }
/// ```
///
/// Memory is bounded by two shuffle windows and the batches ahead, plus `memoryBudget` for encoded blocks that are
/// kept from one epoch to the next.
///
/// SAFETY: everything that changes is behind `lock`; readers have state of their own.
public final class Dataset: @unchecked Sendable {
    public let logs: LogsConfiguration
    public let schema: FeatureSchema
    /// Bad rows met so far.
    public let badRows: BadRowLog
    /// The longest line of CSV and JSON that is read.
    public let lineLimit: Int
    /// Bytes of encoded blocks that may stay in memory.
    public let memoryBudget: Int

    let columns: SchemaColumns
    let trainFiles: [LogFile]
    let validationFiles: [LogFile]
    let testFiles: [LogFile]
    private let lock = NSRecursiveLock()
    private var descriptions: [String: FileDescription] = [:]
    private var plans: [Split: SplitPlan] = [:]
    private var counts: [Split: Int] = [:]
    private var classes: [Split: ClassCheck] = [:]
    private var kept: [String: [EncodedBlock]] = [:]

    /// Opens the logs: expands files, globs and folders, and checks every first file's columns and types.
    ///
    /// - Parameters:
    ///   - baseFolder: what relative paths are relative to (the run file's folder).
    ///   - badRowFile: where `on_bad_row: skip` keeps rows; `bad-rows.jsonl` in the base folder unless given.
    public init(
        logs: LogsConfiguration, schema: FeatureSchema, baseFolder: URL, badRowFile: URL? = nil,
        lineLimit: Int = 16 << 20, memoryBudget: Int = 2 << 30
    ) throws {
        self.logs = logs
        self.schema = schema
        self.lineLimit = max(64, lineLimit)
        self.memoryBudget = memoryBudget
        badRows = BadRowLog(
            policy: logs.onBadRow, url: badRowFile ?? baseFolder.appendingPathComponent("bad-rows.jsonl"))
        var readsTime = false
        for point in [logs.validationSplit, logs.testSplit, logs.trainWindow] {
            switch point {
            case .from?: readsTime = true
            case .fraction(let share)? where !(share > 0 && share < 1):
                throw LogsError(.badConfiguration, expected: "a split fraction between 0 and 1", found: "\(share)")
            default: break
            }
        }
        columns = try SchemaColumns(schema, readsTime: readsTime)
        trainFiles = try LogFile.expand(logs.train, logs: logs, baseFolder: baseFolder)
        validationFiles = try LogFile.expand(logs.validation, logs: logs, baseFolder: baseFolder)
        testFiles = try LogFile.expand(logs.test, logs: logs, baseFolder: baseFolder)
        for first in [trainFiles.first, validationFiles.first, testFiles.first] {
            if let first { try columns.check(first, description(of: first)) }
        }
    }

    /// Samples of a split: rows that `on_bad_row: skip` leaves out are not counted. Remembered; 0 when there is no
    /// such split.
    public func rowCount(_ split: Split) throws -> Int {
        if let known = lock.withLock({ counts[split] }) { return known }
        guard let plan = try plan(split) else { return 0 }
        let count: Int
        if badRows.skips {
            count = try pass(split) { _ in }
        } else {
            count = try countRows(plan)
        }
        lock.withLock { counts[split] = count }
        return count
    }

    /// Throws `emptySplit` when a split that shall be used has no rows.
    public func requireRows(_ split: Split) throws {
        guard try rowCount(split) > 0 else {
            let files = try plan(split)?.files.first?.path
            throw LogsError(.emptySplit, file: files, detail: "the \(split.rawValue) split is empty")
        }
    }

    /// How many samples of each class the main label has in a split.
    public func classes(_ split: Split) throws -> ClassCheck {
        if let known = lock.withLock({ classes[split] }) { return known }
        _ = try pass(split) { _ in }
        return lock.withLock { classes[split] } ?? ClassCheck()
    }

    /// Learns vocabularies and cut points from the training split, in one pass.
    public func fitEncoder(seed: UInt64 = 0) throws -> FittedEncoder {
        var fitter = EncoderFitter(columns: columns, seed: seed)
        let rows = try pass(.train) { fitter.observe($0) }
        guard rows > 0 else {
            throw LogsError(.emptySplit, file: trainFiles.first?.path, detail: "the train split is empty")
        }
        return fitter.finish()
    }

    /// Batches of a split, decoded ahead on background threads.
    ///
    /// - Parameters:
    ///   - shuffle: within windows of `shuffleWindow` rows, by seed and epoch; samples of one request
    ///     stay together in groups of `requestGroup`.
    ///     Without it, file order.
    ///   - deduplicate: false gives every sample a user side and an item side of its own.
    ///   - permutePrivileged: a seed by which the rows of privileged features are shuffled against the samples, within
    ///     each window of `shuffleWindow` rows; the same in every epoch. nil: every sample has its own.
    /// - Throws: `emptySplit` when there is nothing to read.
    public func batches(
        _ split: Split, encoder: FittedEncoder, batchSize: Int, seed: UInt64 = 0, shuffle: Bool,
        deduplicate: Bool = true, permutePrivileged: UInt64? = nil
    ) throws -> any BatchSource {
        let blocks = try blocks(split, encoder: encoder)
        return Prefetcher(
            BatchReader(
                blocks: blocks, schema: schema, batchSize: batchSize, seed: seed, shuffles: shuffle,
                deduplicates: deduplicate, requestGroup: logs.requestGroup, permutePrivileged: permutePrivileged))
    }

    func blocks(_ split: Split, encoder: FittedEncoder) throws -> any BlockSource {
        guard let plan = try plan(split), !plan.files.isEmpty else {
            throw LogsError(.emptySplit, detail: "there is no \(split.rawValue) split")
        }
        return KeptBlocks(dataset: self, split: split, key: "\(split.rawValue)-\(encoder.digest)") {
            StreamedBlocks(
                self, plan, try ChunkEncoder(columns: self.columns, encoder: encoder), window: max(1, self.logs.shuffleWindow))
        }
    }

    // MARK: Passes over the logs

    /// Reads all good rows of a split once; counts them and their classes on the way.
    @discardableResult
    func pass(_ split: Split, _ body: (CheckedChunk) throws -> Void) throws -> Int {
        guard let plan = try plan(split) else { return 0 }
        let reader = SplitReader(self, plan, columns: columns)
        let check = RowCheck(columns: columns, badRows: badRows)
        var count = 0
        var found = ClassCheck()
        while let (chunk, rows) = try reader.next() {
            let checked = try check.check(chunk, rows: rows)
            count += checked.rows.count
            if let labels = checked.labels.first { found.add(checked.rows, labels) }
            try body(checked)
        }
        lock.withLock {
            counts[split] = count
            classes[split] = found
        }
        return count
    }

    private func countRows(_ plan: SplitPlan) throws -> Int {
        if plan.filters.isEmpty { return try plan.files.reduce(0) { try $0 + countRows(of: $1) } }
        if case .numbers(let range)? = plan.filters.first, plan.filters.count == 1 { return range.count }
        let reader = SplitReader(self, plan, columns: try timeColumns())
        var count = 0
        while let (_, rows) = try reader.next() { count += rows.count }
        return count
    }

    private func countRows(of file: LogFile) throws -> Int {
        if let rows = try description(of: file).rows { return rows }
        let reader = try open(file, columns: [], firstRow: 0)
        var count = 0
        while let chunk = try reader.next() { count += chunk.count }
        lock.withLock { descriptions[file.path]?.rows = count }
        return count
    }

    /// The timestamp column alone.
    private func timeColumns() throws -> SchemaColumns {
        try SchemaColumns(
            FeatureSchema(regular: [], labels: [], timestampColumn: schema.timestampColumn), readsTime: true)
    }

    // MARK: Splits

    /// nil: the configuration has no such split.
    func plan(_ split: Split) throws -> SplitPlan? {
        try lock.withLock {
            if plans.isEmpty { try makePlans() }
            return plans[split]
        }
    }

    private func makePlans() throws {
        var train = SplitPlan(files: trainFiles, filters: [])
        if !testFiles.isEmpty {
            plans[.test] = SplitPlan(files: testFiles, filters: [])
        } else if let point = logs.testSplit {
            plans[.test] = try cut(&train, point)
        }
        if !validationFiles.isEmpty {
            plans[.validation] = SplitPlan(files: validationFiles, filters: [])
        } else if let point = logs.validationSplit {
            plans[.validation] = try cut(&train, point)
        }
        if let window = logs.trainWindow { train = try cut(&train, window) }
        plans[.train] = train
    }

    /// Takes the end of `plan` away.
    private func cut(_ plan: inout SplitPlan, _ point: SplitPoint) throws -> SplitPlan {
        var end = plan
        switch point {
        case .from(let time):
            end.filters.append(.from(time))
            plan.filters.append(.before(time))
        case .fraction(let share):
            let rows = try countRows(plan)
            let kept = rows - Int((share * Double(rows)).rounded())
            if case .numbers(let range)? = plan.filters.last {
                plan.filters[plan.filters.count - 1] = .numbers(range.lowerBound..<range.lowerBound + kept)
                end.filters[end.filters.count - 1] = .numbers(range.lowerBound + kept..<range.upperBound)
            } else {
                plan.filters.append(.numbers(0..<kept))
                end.filters.append(.numbers(kept..<rows))
            }
        }
        return end
    }

    // MARK: Files

    func description(of file: LogFile) throws -> FileDescription {
        try lock.withLock {
            if let known = descriptions[file.path] { return known }
            let description =
                file.format == .jsonl
                ? try JSONLinesReader.describe(file, lineLimit: lineLimit) : try FileDescription(file, lineLimit: lineLimit)
            descriptions[file.path] = description
            return description
        }
    }

    func open(_ file: LogFile, columns wanted: [WantedColumn], firstRow: Int) throws -> any ChunkReader {
        let description = try description(of: file)
        if !wanted.isEmpty {
            for column in wanted where description.columns[column.name] == nil && file.partitions[column.name] == nil {
                try columns.check(file, description)
            }
            if wanted.count == columns.wanted.count { try columns.check(file, description) }
        }
        if file.format == .jsonl {
            return try JSONLinesReader(file, columns: wanted, lineLimit: lineLimit, badRows: badRows)
        }
        let log = badRows
        let reader = try ArrowChunkReader(
            file: file, columns: wanted, description: description, firstRow: firstRow, lineLimit: lineLimit
        ) { row, expected, found, text in
            let error = LogsError(
                .badRow, file: file.path, row: row, expected: "\(expected) fields", found: "\(found)")
            return (try? log.record(error) { ["line": text] }) != nil
        }
        return file.isTextual ? SplitLists(reader, columns: wanted) : reader
    }

    // MARK: Blocks in memory

    func keptBlocks(_ key: String) -> [EncodedBlock]? { lock.withLock { kept[key] } }

    /// Keeps a whole split's blocks when they fit beside those that are there.
    func keep(_ blocks: [EncodedBlock], as key: String) {
        lock.withLock {
            let others = kept.filter { $0.key != key }.values.joined().reduce(0) { $0 + $1.byteCount }
            if others + blocks.reduce(0, { $0 + $1.byteCount }) <= memoryBudget { kept[key] = blocks }
        }
    }

    /// Frees the blocks kept in memory.
    public func forgetBlocks() { lock.withLock { kept.removeAll() } }
}

/// Decodes and encodes a split, one block a shuffle window.
final class StreamedBlocks: BlockSource {
    private let dataset: Dataset
    private let plan: SplitPlan
    private let encoder: ChunkEncoder
    private let window: Int
    private let check: RowCheck
    private var reader: SplitReader
    private var open: (checked: CheckedChunk, next: Int)?

    init(_ dataset: Dataset, _ plan: SplitPlan, _ encoder: ChunkEncoder, window: Int) {
        self.dataset = dataset
        self.plan = plan
        self.encoder = encoder
        self.window = window
        check = RowCheck(columns: dataset.columns, badRows: dataset.badRows)
        reader = SplitReader(dataset, plan, columns: dataset.columns)
    }

    func rewind() {
        reader = SplitReader(dataset, plan, columns: dataset.columns)
        open = nil
    }

    /// A block ends with the first request that fills the window (at twice the window it ends anyway).
    func next() throws -> EncodedBlock? {
        let builder = BlockBuilder(columns: dataset.columns)
        while true {
            if open == nil {
                guard let (chunk, rows) = try reader.next() else { break }
                let checked = try check.check(chunk, rows: rows)
                encoder.encode(checked)
                open = (checked, 0)
            }
            let (checked, start) = open!
            let end = self.end(builder, checked.rows, from: start)
            if end > start { builder.append(encoder, checked, rows: checked.rows[start..<end]) }
            open = end < checked.rows.count ? (checked, end) : nil
            if open != nil { break }
        }
        return builder.count > 0 ? builder.finish() : nil
    }

    /// How far into `rows` the block reaches.
    private func end(_ builder: BlockBuilder, _ rows: [Int32], from start: Int) -> Int {
        var i = min(rows.count, start + max(0, window - builder.count))
        guard dataset.columns.request != nil else { return i }
        let limit = min(rows.count, start + max(0, 2 * window - builder.count))
        var last = i > start ? encoder.requests.base[Int(rows[i - 1])] : builder.lastRequest
        while i < limit, encoder.requests.base[Int(rows[i])] == last {
            last = encoder.requests.base[Int(rows[i])]
            i += 1
        }
        return i
    }
}

/// A split's blocks: from memory when they are there, else decoded ahead, and kept when they fit the budget.
final class KeptBlocks: BlockSource {
    private let dataset: Dataset
    private let split: Split
    private let key: String
    private let make: () throws -> any BlockSource
    private var streamed: (any BlockSource)?
    private var memory: [EncodedBlock]?
    private var position = 0
    /// nil: too large to keep, or read from the middle.
    private var collected: [EncodedBlock]? = []
    private var collectedBytes = 0

    init(dataset: Dataset, split: Split, key: String, make: @escaping () throws -> any BlockSource) {
        self.dataset = dataset
        self.split = split
        self.key = key
        self.make = make
    }

    func rewind() throws {
        position = 0
        memory = nil
        collected = []
        collectedBytes = 0
        try streamed?.rewind()
    }

    func next() throws -> EncodedBlock? {
        if position == 0, memory == nil { memory = dataset.keptBlocks(key) }
        if let memory {
            streamed = nil
            defer { position += 1 }
            return position < memory.count ? memory[position] : nil
        }
        if streamed == nil { streamed = PrefetchedBlocks(try make()) }
        guard let block = try streamed!.next() else {
            if position == 0 {
                throw LogsError(.emptySplit, file: try dataset.plan(split)?.files.first?.path, detail: "the \(split.rawValue) split is empty")
            }
            if let collected { dataset.keep(collected, as: key) }
            collected = nil
            return nil
        }
        position += 1
        collectedBytes += block.byteCount
        if collectedBytes > dataset.memoryBudget { collected = nil }
        collected?.append(block)
        return block
    }
}
