import Foundation
import Logs
import ModelPackage
import Schema

/// A table of items, one row an item, as everything that an item file says of them: vectors, and the rows that fine
/// parts will read. In the table's order.
public struct ItemTable: Sendable {
    public private(set) var contents = ItemFileContents(ids: [], vectors: [])
    /// By feature of the coarse model: items whose value no table knows.
    public private(set) var unknown: [String: Int] = [:]
    public var ids: [String] { contents.ids }
    /// `[ids.count, width]`
    public var vectors: [Float] { contents.vectors }

    /// The columns that are not features.
    public struct Columns: Sendable {
        /// What names an item; nil: the column of the first item-side feature.
        public var id: String?
        public var price: String?
        public var category: String?

        public init(id: String? = nil, price: String? = nil, category: String? = nil) {
            self.id = id
            self.price = price
            self.category = category
        }
    }

    /// - Parameters:
    ///   - files: files, globs or folders of Parquet, Arrow, CSV, TSV or JSON lines.
    /// - Throws: on a row without an id, on an id that comes twice, on a price that is none.
    public init(
        _ files: [String], columns: Columns = Columns(), model: ModelPackage, parts: [FinePart: ModelPackage] = [:],
        batchSize: Int = 4096
    ) throws {
        guard let width = model.student.vectorWidth, let first = model.itemFeatures.first?.feature else {
            throw PackageError(
                .mismatch, path: model.path, expected: "a ctr model, which has an item mapping", found: model.student.task.rawValue)
        }
        let place = files.joined(separator: ", ")
        let texts = try TextColumns(
            files, [("id", columns.id ?? first.encoding.column, .error)]
                + [("price", columns.price, .error), ("category", columns.category, .default)].compactMap { name, column, missing in
                    column.map { (name, $0, missing) }
                })
        let networks = [Network(model, prefix: "")] + parts.sorted { $0.key < $1.key }.map { Network($1, prefix: "\($0.rawValue)/") }
        let features = networks.flatMap(\.features)
        let source = try Dataset(
            logs: texts.logs, schema: FeatureSchema(regular: features + texts.features, labels: []), baseFolder: texts.here
        ).batches(
            .train, encoder: FittedEncoder(tables: networks.flatMap(\.tables) + texts.encoder.tables), batchSize: batchSize,
            seed: 0, shuffle: false, deduplicate: true)
        let scorer = try StudentScorer(model)
        for network in networks.dropFirst() { contents.rows[network.part] = network.emptyColumns }
        if columns.price != nil { contents.prices = [] }
        if columns.category != nil { contents.categories = [] }
        var seen = Set<Int32>()
        try source.seek(epoch: 0, batches: 0)
        while let batch = try source.next() {
            let inputs = batch.regular
            func bad(_ row: Int, _ column: String, _ expected: String, _ found: String) -> LogsError {
                LogsError(.badRow, file: place, row: contents.ids.count + row + 1, column: column, expected: expected, found: found)
            }
            var ids: [String] = []
            for (row, id) in texts.values("id", inputs).enumerated() {
                let known = inputs.columns[features.count].ids[row]
                guard !id.isEmpty, seen.insert(known).inserted else {
                    throw bad(row, texts.column("id"), "each item once", id.isEmpty ? "no id" : "'\(id)' again")
                }
                ids.append(id)
            }
            if columns.price != nil {
                for (row, text) in texts.values("price", inputs).enumerated() {
                    guard let price = Double(text), price.isFinite, price >= 0 else {
                        throw bad(row, texts.column("price"), "a price that is finite and not negative", "'\(text)'")
                    }
                    contents.prices?.append(price)
                }
            }
            if columns.category != nil { contents.categories? += texts.values("category", inputs) }
            contents.ids += ids
            let distinct = try scorer.itemVectors(networks[0].items(inputs, from: 0))
            for item in inputs.itemIndex.map(Int.init) { contents.vectors += distinct[item * width..<(item + 1) * width] }
            var start = networks[0].features.count
            for network in networks.dropFirst() {
                network.append(inputs, from: start, to: &contents.rows[network.part]!)
                start += network.features.count
            }
            countUnknown(inputs, networks[0].features)
        }
    }

    private mutating func countUnknown(_ inputs: RegularInputs, _ features: [RegularFeature]) {
        for (number, feature) in features.enumerated() where feature.encoding.bag == nil && feature.encoding.hasUnseenRow {
            let column = inputs.columns[number].ids
            let count = inputs.itemIndex.reduce(0) { $0 + (column[Int($1)] == 1 ? 1 : 0) }
            if count > 0 { unknown[feature.name, default: 0] += count }
        }
    }
}

/// The item-side features of one network, under names that no other network has.
private struct Network {
    let part: FinePart
    let features: [RegularFeature]
    let tables: [FittedTable]
    private let schema: ServingSchema
    private let places: [Int]

    init(_ package: ModelPackage, prefix: String) {
        part = FinePart(rawValue: String(prefix.dropLast())) ?? .ctr
        schema = package.schema
        places = package.itemFeatures.map(\.place)
        features = package.itemFeatures.map { _, feature in
            var feature = feature
            feature.encoding.name = prefix + feature.encoding.name
            feature.encoding.table = prefix + feature.encoding.table
            return feature
        }
        tables = package.encoder.tables.map {
            FittedTable(name: prefix + $0.name, encoding: $0.encoding, values: $0.values ?? [], cuts: $0.cuts ?? [])
        }
    }

    var emptyColumns: [EncodedColumn] { features.map { EncodedColumn(offsets: $0.encoding.bag == nil ? nil : [0]) } }

    /// The item columns in the places that the schema has for them, without users or samples.
    func items(_ inputs: RegularInputs, from start: Int) -> RegularInputs {
        var columns = schema.regular.map { EncodedColumn(offsets: $0.encoding.bag == nil ? nil : [0]) }
        for (number, place) in places.enumerated() { columns[place] = inputs.columns[start + number] }
        return RegularInputs(
            count: 0, userCount: 0, itemCount: inputs.itemCount, userIndex: [], itemIndex: [], columns: columns,
            sequence: schema.sequence.map { EncodedSequence(offsets: [0], fields: $0.fields.map { _ in [] }) })
    }

    /// Each sample's rows behind those that are there.
    func append(_ inputs: RegularInputs, from start: Int, to columns: inout [EncodedColumn]) {
        for number in features.indices {
            let from = inputs.columns[start + number]
            for item in inputs.itemIndex.map(Int.init) {
                guard let offsets = from.offsets else {
                    columns[number].ids.append(from.ids[item])
                    continue
                }
                columns[number].ids += from.ids[Int(offsets[item])..<Int(offsets[item + 1])]
                let end = Int32(columns[number].ids.count)
                columns[number].offsets?.append(end)
            }
        }
    }
}

/// Columns read as texts. Logs are read by the encoder alone, so texts are asked of it: a vocabulary of everything in
/// a column gives each value's text.
private struct TextColumns {
    let logs: LogsConfiguration
    let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    /// Of the sample: one value a row.
    let features: [RegularFeature]
    let encoder: FittedEncoder
    private let texts: [String: [String]]

    init(_ files: [String], _ columns: [(name: String, column: String, missing: MissingPolicy)]) throws {
        logs = LogsConfiguration(train: files)
        features = columns.map { name, column, missing in
            RegularFeature(
                FeatureEncoding(
                    name: "item \(name)", column: column, encoding: .vocabulary(minCount: 1, maxSize: nil), dimension: 1,
                    missing: missing), side: .interaction)
        }
        encoder = try Dataset(logs: logs, schema: FeatureSchema(regular: features, labels: []), baseFolder: here).fitEncoder()
        var texts: [String: [String]] = [:]
        for feature in features { texts[feature.name] = try encoder.table(feature.name).values ?? [] }
        self.texts = texts
    }

    func column(_ name: String) -> String { features.first { $0.name == "item \(name)" }?.encoding.column ?? name }

    /// The text of each sample, empty where there is none; the columns are the last of the batch.
    func values(_ name: String, _ inputs: RegularInputs) -> [String] {
        guard let number = features.firstIndex(where: { $0.name == "item \(name)" }), let known = texts["item \(name)"] else {
            return []
        }
        let rows = inputs.columns[inputs.columns.count - features.count + number].ids
        return rows.map { $0 >= 2 ? known[Int($0) - 2] : "" }
    }
}
