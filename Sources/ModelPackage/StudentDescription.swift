import Schema

/// The student's network and tables as numbers and names: with a `ServingSchema`, all there is to know of it but
/// the weights.
public struct StudentDescription: Sendable, Codable, Equatable {
    /// `ctr`: two mappings and an inner product. `cvr`: an MLP.
    public var task: RankingTask
    /// CTR: the layers of both mappings, the last the vector's. CVR: the hidden layers of the MLP.
    public var layers: [Int]
    /// CTR: the factor on the inner product, unless it is learnt.
    public var scale: Double
    public var learnedScale: Bool
    public var batchNorm: Bool
    public var leakySlope: Double
    /// The sequence block, when the schema has a sequence.
    public var attention: Attention?
    public var tables: [Table]
    /// The table of each regular feature, parallel to `ServingSchema.regular`: a place in `tables`.
    public var featureTables: [Int]
    /// The table of each field of the sequence.
    public var fieldTables: [Int]

    public struct Attention: Sendable, Codable, Equatable {
        public var heads: Int
        public var headDimension: Int
        public var feedForward: Int

        public init(heads: Int, headDimension: Int, feedForward: Int) {
            self.heads = heads
            self.headDimension = headDimension
            self.feedForward = feedForward
        }
    }

    /// One embedding table. Two may have one encoder: in the manner `share*` the student can own a copy for one
    /// input and read the shared one for another.
    public struct Table: Sendable, Equatable {
        public var name: String
        /// The table of `encoder.json` that gives its rows.
        public var encoder: String
        public var rows: Int
        public var dimension: Int
        public var storage: EmbeddingStorage

        public init(
            name: String, encoder: String, rows: Int, dimension: Int, storage: EmbeddingStorage = .float32
        ) {
            self.name = name
            self.encoder = encoder
            self.rows = rows
            self.dimension = dimension
            self.storage = storage
        }
    }

    public init(
        task: RankingTask, layers: [Int], scale: Double, learnedScale: Bool, batchNorm: Bool, leakySlope: Double,
        attention: Attention?, tables: [Table], featureTables: [Int], fieldTables: [Int]
    ) {
        self.task = task
        self.layers = layers
        self.scale = scale
        self.learnedScale = learnedScale
        self.batchNorm = batchNorm
        self.leakySlope = leakySlope
        self.attention = attention
        self.tables = tables
        self.featureTables = featureTables
        self.fieldTables = fieldTables
    }

    /// The width of user and item vectors; nil for a CVR student, which has none.
    public var vectorWidth: Int? { task == .ctr ? layers.last : nil }

    /// What makes network and schema impossible together, if anything.
    func problem(_ schema: ServingSchema) -> String? {
        guard !layers.isEmpty, layers.count <= RunLimits.layers, layers.allSatisfy((1...RunLimits.layerWidth).contains)
        else { return "layers \(layers.prefix(RunLimits.layers))" }
        guard scale.isFinite, leakySlope.isFinite else { return "scale \(scale), leaky slope \(leakySlope)" }
        guard (attention == nil) == (schema.sequence == nil) else { return "attention without a sequence, or the reverse" }
        if let attention {
            guard (1...RunLimits.heads).contains(attention.heads),
                (1...RunLimits.layerWidth).contains(attention.headDimension),
                (1...RunLimits.layerWidth * RunLimits.feedForwardMultiple).contains(attention.feedForward)
            else { return "attention of \(attention.heads) heads x \(attention.headDimension), \(attention.feedForward)" }
        }
        let fields = schema.sequence?.fields ?? []
        guard featureTables.count == schema.regular.count, fieldTables.count == fields.count else {
            return "\(featureTables.count) + \(fieldTables.count) uses of tables"
        }
        guard Set(tables.map(\.name)).count == tables.count else { return "two tables of one name" }
        for table in tables where !(1...RunLimits.tableRows).contains(table.rows) { return "\(table.rows) rows" }
        let uses = zip(schema.regular.map(\.encoding) + fields, featureTables + fieldTables)
        for (encoding, index) in uses {
            guard tables.indices.contains(index), tables[index].encoder == encoding.table,
                tables[index].dimension == encoding.dimension
            else { return "no table for '\(encoding.name)'" }
        }
        guard Set(featureTables + fieldTables).count == tables.count else { return "a table that nothing reads" }
        let hasUser = schema.sequence != nil || !schema.indices(.user).isEmpty
        switch task {
        case .ctr where !hasUser || schema.indices(.item).isEmpty: return "a mapping without inputs"
        case .ctr where !schema.indices(.interaction).isEmpty: return "an interaction feature in an inner product"
        case .cvr where schema.regular.isEmpty && schema.sequence == nil: return "a network without inputs"
        default: return nil
        }
    }
}

/// How the values of a table are kept.
public enum EmbeddingStorage: String, Sendable, Codable, CaseIterable {
    case float32
    /// Half the bytes; each value to 8 significant bits.
    case bfloat16
    /// A byte a value and a float a row: each value to 1/254 of the largest of its row.
    case int8
}

extension StudentDescription.Table: Codable {
    private enum Key: String, CodingKey { case name, encoder, rows, dimension, storage }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            encoder: try container.decode(String.self, forKey: .encoder),
            rows: try container.decode(Int.self, forKey: .rows),
            dimension: try container.decode(Int.self, forKey: .dimension),
            storage: try container.decodeIfPresent(EmbeddingStorage.self, forKey: .storage) ?? .float32)
    }

    /// float32 goes without saying, as in packages of before there was a choice.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(self.encoder, forKey: .encoder)
        try container.encode(rows, forKey: .rows)
        try container.encode(dimension, forKey: .dimension)
        if storage != .float32 { try container.encode(storage, forKey: .storage) }
    }
}
