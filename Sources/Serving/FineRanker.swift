import Logs
import ModelPackage
import Schema

/// One network over the survivors of coarse ranking: the user side once, item sides from rows that were encoded when
/// the items were indexed.
struct FineRanker: Sendable {
    let part: FinePart
    let scorer: StudentScorer
    private let itemPlaces: [Int]
    private let isList: [Bool]
    /// What an interaction feature is when nothing is known of it: a ranking has only ids.
    private let interactions: [(place: Int, row: Int32?)]

    init(
        _ part: FinePart, _ package: ModelPackage, limits: ServingLimits, siblings: [ServingSchema]
    ) throws(PackageError) {
        self.part = part
        scorer = try StudentScorer(package, limits: limits, siblings: siblings)
        let features = package.itemFeatures
        itemPlaces = features.map(\.place)
        isList = features.map { $0.feature.encoding.bag != nil }
        var interactions: [(place: Int, row: Int32?)] = []
        for place in package.schema.indices(.interaction) {
            let encoding = package.schema.regular[place].encoding
            do {
                let row = encoding.bag == nil ? try package.encoder.encode(.missing, as: encoding) : nil
                if encoding.bag != nil { _ = try package.encoder.encodeList(.missing, as: encoding) }
                interactions.append((place, row))
            } catch {
                throw PackageError(
                    .mismatch, path: package.path,
                    expected: "interaction features that may be missing, since a ranking is asked by ids",
                    found: "'\(encoding.name)', which says `missing: error`")
            }
        }
        self.interactions = interactions
    }

    /// The probability of each item for one encoded user.
    func probabilities(
        user: RegularInputs, items numbers: [Int64], _ view: ItemCatalogue.View
    ) throws(ServingError) -> [Float] {
        guard !numbers.isEmpty else { return [] }
        return try scorer.score(
            inputs(user: user, count: numbers.count, items: view.columns(part, lists: isList, of: numbers)))
    }

    /// One user and `count` items, each of them a sample.
    func inputs(user: RegularInputs, count: Int, items: [EncodedColumn]) -> RegularInputs {
        var inputs = user
        inputs.count = count
        inputs.itemCount = count
        inputs.userIndex = [Int32](repeating: 0, count: count)
        inputs.itemIndex = (0..<Int32(count)).map { $0 }
        for (place, column) in zip(itemPlaces, items) { inputs.columns[place] = column }
        for (place, row) in interactions {
            inputs.columns[place] =
                row.map { EncodedColumn(ids: [Int32](repeating: $0, count: count)) }
                ?? EncodedColumn(offsets: [Int32](repeating: 0, count: count + 1))
        }
        return inputs
    }

    /// An item's rows as `ItemChanges` keeps them.
    func rows(of encoded: RegularInputs, item: Int) -> [[Int32]] {
        itemPlaces.map { place in
            let column = encoded.columns[place]
            guard let offsets = column.offsets else { return [column.ids[item]] }
            return Array(column.ids[Int(offsets[item])..<Int(offsets[item + 1])])
        }
    }

    /// Items of the row for unseen values, to warm up with.
    func warmingInputs(items count: Int) -> RegularInputs {
        let package = scorer.package
        let items = itemPlaces.map { place in
            EncodedColumn.warming(package, place, count: count)
        }
        return inputs(user: .warmingUser(package), count: count, items: items)
    }
}

extension RegularInputs {
    /// A user of rows that every table has, with a sequence of full length.
    static func warmingUser(_ package: ModelPackage) -> RegularInputs {
        let schema = package.schema
        let columns = schema.regular.indices.map { place in
            schema.regular[place].side == .user
                ? EncodedColumn.warming(package, place, count: 1)
                : EncodedColumn(offsets: schema.regular[place].encoding.bag == nil ? nil : [0])
        }
        let sequence = schema.sequence.map { sequence in
            EncodedSequence(
                offsets: [0, Int32(sequence.length)],
                fields: sequence.fields.indices.map { field in
                    let rows = package.student.tables[package.student.fieldTables[field]].rows
                    return [Int32](repeating: Int32(min(1, rows - 1)), count: sequence.length)
                })
        }
        return RegularInputs(
            count: 0, userCount: 1, itemCount: 0, userIndex: [], itemIndex: [], columns: columns, sequence: sequence)
    }
}

extension EncodedColumn {
    fileprivate static func warming(_ package: ModelPackage, _ place: Int, count: Int) -> EncodedColumn {
        let rows = package.student.tables[package.student.featureTables[place]].rows
        let isList = package.schema.regular[place].encoding.bag != nil
        return EncodedColumn(
            ids: [Int32](repeating: Int32(min(1, rows - 1)), count: count), offsets: isList ? (0...Int32(count)).map { $0 } : nil)
    }
}
