import Foundation
import Schema

/// One value as a request or a line of JSON carries it.
public enum FeatureValue: Sendable, Equatable {
    case missing
    case integer(Int64)
    case number(Double)
    case text(String)
    case truth(Bool)
    case list([FeatureValue])
}

/// Turns raw values into rows of embedding tables. It is fitted on the training split and then the only
/// encoder there is: training, evaluation and serving all ask it.
///
/// Row 0 of every table is "missing" (null, NaN, empty text); row 1 of vocabularies and categories is "unseen".
/// Integers and the texts that spell them are the same value.
public struct FittedEncoder: Sendable {
    public let tables: [FittedTable]
    private let index: [String: Int]

    public init(tables: [FittedTable]) {
        self.tables = tables
        index = Dictionary(tables.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Rows of each embedding table.
    public var tableRows: [String: Int] {
        Dictionary(tables.map { ($0.name, $0.rows) }, uniquingKeysWith: { first, _ in first })
    }

    public func table(_ name: String) throws -> FittedTable {
        guard let i = index[name] else {
            throw LogsError(.badEncoder, expected: "a table named '\(name)'", found: "none in the fitted encoder")
        }
        return tables[i]
    }

    /// The row of one value.
    /// - Throws: a value that is no number where a number is needed; a missing one where `missing: error`; a list.
    public func encode(_ value: FeatureValue, as feature: FeatureEncoding) throws -> Int32 {
        let row = try table(feature.table).row(of: value, feature: feature.name)
        if row == 0, feature.missing == .error {
            throw LogsError(.badRow, column: feature.name, expected: "a value", found: "none")
        }
        return row
    }

    /// The rows of a multi-valued feature, or of one field of a behaviour sequence: missing gives an empty list,
    /// a single value a list of one.
    public func encodeList(_ value: FeatureValue, as feature: FeatureEncoding) throws -> [Int32] {
        let table = try table(feature.table)
        let rows: [Int32] =
            switch value {
            case .missing: []
            case .list(let values): try values.map { try table.row(of: $0, feature: feature.name) }
            default: [try table.row(of: value, feature: feature.name)]
            }
        if rows.isEmpty, feature.missing == .error {
            throw LogsError(.badRow, column: feature.name, expected: "a value", found: "none")
        }
        return rows
    }

    /// Names the encoder's content: equal encoders have equal digests.
    public var digest: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let data = try? encoder.encode(self) else { return "unencodable" }
        return StableHash.digest([UInt8](data))
    }
}

/// One table of a `FittedEncoder`.
public struct FittedTable: Sendable {
    public let name: String
    public let encoding: Encoding
    let kind: Kind

    enum Kind: Sendable {
        case vocabulary(Vocabulary)
        case hash(buckets: Int)
        case cuts([Double])
    }

    /// Values in row order, from row 2 on; nil for tables that hold none.
    public var values: [String]? {
        if case .vocabulary(let vocabulary) = kind { vocabulary.values } else { nil }
    }
    /// Ascending cut points; nil for tables that hold none.
    public var cuts: [Double]? {
        if case .cuts(let cuts) = kind { cuts } else { nil }
    }
    public var rows: Int {
        switch kind {
        case .vocabulary(let vocabulary): vocabulary.values.count + 2
        case .hash(let buckets): buckets + 1
        case .cuts(let cuts): cuts.count + 2
        }
    }

    /// A table of known values or cut points. `vocabulary` needs `values`, `quantiles` needs `cuts`.
    public init(name: String, encoding: Encoding, values: [String] = [], cuts: [Double] = []) {
        self.name = name
        self.encoding = encoding
        switch encoding {
        case .vocabulary: kind = .vocabulary(Vocabulary(values))
        case .categories(let categories): kind = .vocabulary(Vocabulary(categories))
        case .hash(let buckets): kind = .hash(buckets: max(1, buckets))
        case .boundaries(let boundaries): kind = .cuts(boundaries)
        case .quantiles: kind = .cuts(cuts)
        }
    }

    func row(of value: FeatureValue, feature: String) throws -> Int32 {
        switch kind {
        case .vocabulary(let vocabulary):
            return try visit(value, VocabularyEncoder(vocabulary: vocabulary), feature)
        case .hash(let buckets): return try visit(value, HashEncoder(buckets: UInt64(buckets)), feature)
        case .cuts(let cuts):
            if case .text(let text) = value {
                var text = text
                guard text.isEmpty || text.withUTF8({ ValueText.number($0.baseAddress!, $0.count) }) != nil else {
                    throw LogsError(.badRow, column: feature, expected: "a number", found: "'\(text)'")
                }
            }
            return try cuts.withUnsafeBufferPointer { try visit(value, CutEncoder(cuts: $0), feature) }
        }
    }

    private func visit<V: ScalarVisitor>(_ value: FeatureValue, _ visitor: V, _ feature: String) throws -> Int32
    where V.Output == Int32 {
        var visitor = visitor
        switch value {
        case .missing: return visitor.missing()
        case .integer(let value): return visitor.integer(value)
        case .number(let value): return visitor.float(value, single: false)
        case .truth(let value): return visitor.truth(value)
        case .text(var text): return text.isEmpty ? visitor.missing() : text.withUTF8 { visitor.text($0.baseAddress!, $0.count) }
        case .list: throw LogsError(.badRow, column: feature, expected: "one value", found: "a list")
        }
    }

    /// Encodes elements `range` of a column.
    func encode(_ column: ColumnView, _ range: Range<Int>, into rows: UnsafeMutablePointer<Int32>) {
        switch kind {
        case .vocabulary(let vocabulary):
            var visitor = VocabularyEncoder(vocabulary: vocabulary)
            column.visit(&visitor, range, into: rows)
        case .hash(let buckets):
            var visitor = HashEncoder(buckets: UInt64(buckets))
            column.visit(&visitor, range, into: rows)
        case .cuts(let cuts):
            cuts.withUnsafeBufferPointer {
                var visitor = CutEncoder(cuts: $0)
                column.visit(&visitor, range, into: rows)
            }
        }
    }
}

extension FittedTable: Codable, Equatable {
    private enum Key: String, CodingKey { case name, encoding, values, cuts }

    public init(from decoder: Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            encoding: try container.decode(Encoding.self, forKey: .encoding),
            values: try container.decodeIfPresent([String].self, forKey: .values) ?? [],
            cuts: try container.decodeIfPresent([Double].self, forKey: .cuts) ?? [])
    }

    public func encode(to encoder: Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(encoding, forKey: .encoding)
        if case .vocabulary = encoding { try container.encode(values, forKey: .values) }
        if case .quantiles = encoding { try container.encode(cuts, forKey: .cuts) }
    }

    public static func == (a: FittedTable, b: FittedTable) -> Bool {
        a.name == b.name && a.encoding == b.encoding && a.values == b.values && a.cuts == b.cuts
    }
}

extension FittedEncoder: Codable, Equatable {
    private enum Key: String, CodingKey { case format, tables }
    private static let format = "hindsight-encoder-1"

    public init(from decoder: Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let format = try container.decode(String.self, forKey: .format)
        guard format == Self.format else {
            throw LogsError(.badEncoder, expected: "format \(Self.format)", found: format)
        }
        self.init(tables: try container.decode([FittedTable].self, forKey: .tables))
    }

    public func encode(to encoder: Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(Self.format, forKey: .format)
        try container.encode(tables, forKey: .tables)
    }

    public static func == (a: FittedEncoder, b: FittedEncoder) -> Bool { a.tables == b.tables }

    /// Writes JSON, atomically.
    public func write(to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(self).write(to: url, options: .atomic)
    }

    public init(contentsOf url: URL) throws {
        do {
            self = try JSONDecoder().decode(FittedEncoder.self, from: Data(contentsOf: url))
        } catch let error as LogsError {
            throw error
        } catch {
            throw LogsError(.badEncoder, file: url.path, detail: "not a fitted encoder: \(error)")
        }
    }
}
