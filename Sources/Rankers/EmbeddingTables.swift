import Schema

/// Whose embeddings a table holds. Sharing (section 4) is a choice of owner, table by table.
public enum Owner: String, Sendable, Hashable, CaseIterable {
    /// Common input components that student and teacher train together.
    case shared
    case student
    case teacher
}

/// One physical embedding table: a table of the schema in the hands of one owner.
public struct EmbeddingTable: Sendable, Hashable {
    public let owner: Owner
    /// The schema's name of the table.
    public let table: String
    public let rows: Int
    public let dimension: Int
    /// Unique among the tables of a run, e.g. `shared/item_id`.
    public var name: String { "\(owner.rawValue)/\(table)" }
}

/// Where in a batch the row ids of an input come from.
public enum InputSource: Sendable, Hashable {
    case regular(Int)
    case privileged(Int)
    case sequenceField(Int)
}

/// One use of one table by one input. Student and teacher that share a table share its occurrences.
public struct Occurrence: Sendable, Hashable {
    public let table: Int
    public let source: InputSource
}

/// The tables of a run and the inputs that look into them, collected while networks are built.
public struct TableRegistry: Sendable {
    public private(set) var tables: [EmbeddingTable] = []
    public private(set) var occurrences: [Occurrence] = []
    private let rows: [String: Int]

    /// - Parameter rows: the fitted encoder's rows a table of the schema.
    public init(rows: [String: Int]) { self.rows = rows }

    /// The occurrence of `source` in `owner`'s copy of the feature's table, made if it is new.
    mutating func occurrence(_ encoding: FeatureEncoding, owner: Owner, source: InputSource) -> Int {
        guard let rows = rows[encoding.table] else {
            preconditionFailure("TableRegistry: the encoder knows no table named \(encoding.table)")
        }
        let table = EmbeddingTable(owner: owner, table: encoding.table, rows: rows, dimension: encoding.dimension)
        let index: Int
        if let known = tables.firstIndex(of: table) {
            index = known
        } else {
            index = tables.count
            tables.append(table)
        }
        let occurrence = Occurrence(table: index, source: source)
        if let known = occurrences.firstIndex(of: occurrence) { return known }
        occurrences.append(occurrence)
        return occurrences.count - 1
    }
}
