/// Which mapping an input may enter (PFD, Eq. 3: the user mapping or the item mapping).
public enum Side: String, Sendable, Codable, CaseIterable {
    /// The user and her context: the same for every sample of one request.
    case user
    /// The item alone: its mapping can be computed off-line.
    case item
    /// User x item: differs from sample to sample.
    case interaction
}

/// Why a feature cannot be served (PFD, section 3).
public enum Privilege: String, Sendable, Codable, CaseIterable {
    /// Too costly to compute for every candidate of the coarse-grained ranking.
    case interacted
    /// Known only after the click.
    case postEvent = "post_event"
}

/// How a raw value becomes a row of an embedding table.
///
/// Row 0 of every table means "missing" (null, absent, empty). For encodings that can meet a value
/// they have never seen (`vocabulary`, `categories`) row 1 means "unseen".
public enum Encoding: Sendable, Codable, Equatable {
    /// Ids met at least `minCount` times in the training split, most frequent first, at most `maxSize` of them.
    case vocabulary(minCount: Int, maxSize: Int?)
    /// `1 + hash(value) mod buckets`.
    case hash(buckets: Int)
    /// A closed list of values, in this order.
    case categories([String])
    /// Ascending boundaries b: value v falls in bucket `1 + #{b : b <= v}`.
    case boundaries([Double])
    /// As `boundaries`, with cut points learnt from the training split only.
    case quantiles(buckets: Int)
}

/// How the values of a multi-valued feature become one vector.
public enum BagPooling: String, Sendable, Codable, CaseIterable {
    case mean, sum
}

/// What an absent value means when serving and training.
public enum MissingPolicy: String, Sendable, Codable, CaseIterable {
    /// Row 0 of the table.
    case `default`
    /// The row (or the request) is bad.
    case error
}

/// What a regular and a privileged feature have in common: how a column is turned into table rows.
public struct FeatureEncoding: Sendable, Codable, Equatable {
    public var name: String
    /// The column in the logs; equals `name` unless said otherwise.
    public var column: String
    public var encoding: Encoding
    /// Name of the embedding table; features (and sequence fields) naming the same table share it.
    public var table: String
    public var dimension: Int
    /// nil: one value a row. Otherwise a list column (in CSV: values separated by `|`).
    public var bag: BagPooling?
    public var missing: MissingPolicy

    public init(
        name: String, column: String? = nil, encoding: Encoding, table: String? = nil, dimension: Int,
        bag: BagPooling? = nil, missing: MissingPolicy = .default
    ) {
        self.name = name
        self.column = column ?? name
        self.encoding = encoding
        self.table = table ?? name
        self.dimension = dimension
        self.bag = bag
        self.missing = missing
    }
}

/// A feature that is available when training **and** when serving.
public struct RegularFeature: Sendable, Codable, Equatable {
    public var encoding: FeatureEncoding
    public var side: Side
    public var name: String { encoding.name }

    public init(_ encoding: FeatureEncoding, side: Side) {
        self.encoding = encoding
        self.side = side
    }
}

/// A feature that is available only when training. It is a type of its own, so that no code written
/// for `RegularFeature` (the student, the package, the server) can be handed one.
/// It always belongs to the sample (side `interaction`).
public struct PrivilegedFeature: Sendable, Codable, Equatable {
    public var encoding: FeatureEncoding
    public var privilege: Privilege
    public var name: String { encoding.name }

    public init(_ encoding: FeatureEncoding, privilege: Privilege) {
        self.encoding = encoding
        self.privilege = privilege
    }
}

/// The user's last clicked or purchased items, newest first: parallel list columns of one length.
public struct BehaviourSequence: Sendable, Codable, Equatable {
    public var name: String
    /// k: only the first (newest) `length` events are used.
    public var length: Int
    /// Item fields (sharing an item feature's table) and event fields (time from now, dwell).
    public var fields: [FeatureEncoding]

    public init(name: String, length: Int, fields: [FeatureEncoding]) {
        self.name = name
        self.length = length
        self.fields = fields
    }

    /// n: the width of one event, the concatenation of its fields.
    public var width: Int { fields.reduce(0) { $0 + $1.dimension } }
}

/// An embedding table as the union of the features that name it.
public struct TableDescription: Sendable, Equatable {
    public var name: String
    public var dimension: Int
    /// The feature that decides the encoding; all others that share the table agree with it.
    public var encoding: Encoding
}

/// What a label is used for.
public enum LabelKind: String, Sendable, Codable, CaseIterable {
    case binary, continuous
}

/// What a sample is trained towards.
public struct Label: Sendable, Codable, Equatable {
    public var name: String
    public var column: String
    public var kind: LabelKind
    /// MTL: the weight of this task's loss. The first label of a schema is the main task, weight 1.
    public var weight: Double
    /// A column of text: this value is 1 and any other is 0. nil: a column of numbers or truth values.
    public var positive: String?

    public init(
        name: String, column: String? = nil, kind: LabelKind = .binary, weight: Double = 1, positive: String? = nil
    ) {
        self.name = name
        self.column = column ?? name
        self.kind = kind
        self.weight = weight
        self.positive = positive
    }
}

/// Everything about the columns of the logs that training and serving must agree on.
public struct FeatureSchema: Sendable, Codable, Equatable {
    public var regular: [RegularFeature]
    public var privileged: [PrivilegedFeature]
    public var sequence: BehaviourSequence?
    /// `labels[0]` is the task; the others are auxiliary tasks of MTL.
    public var labels: [Label]
    /// Column of the sample weight (loss weight), if any.
    public var weightColumn: String?
    /// Column that identifies the request (page view), if any.
    public var requestColumn: String?
    /// Column whose values group samples for GAUC (usually the user), if any.
    public var groupColumn: String?
    public var timestampColumn: String?
    /// Column of a teacher trained elsewhere: its probability in [0, 1], if any.
    public var softLabelColumn: String?

    public init(
        regular: [RegularFeature], privileged: [PrivilegedFeature] = [], sequence: BehaviourSequence? = nil,
        labels: [Label], weightColumn: String? = nil, requestColumn: String? = nil, groupColumn: String? = nil,
        timestampColumn: String? = nil, softLabelColumn: String? = nil
    ) {
        self.regular = regular
        self.privileged = privileged
        self.sequence = sequence
        self.labels = labels
        self.weightColumn = weightColumn
        self.requestColumn = requestColumn
        self.groupColumn = groupColumn
        self.timestampColumn = timestampColumn
        self.softLabelColumn = softLabelColumn
    }

    /// Tables in order of first mention: regular features, then the sequence's fields, then privileged features.
    public var tables: [TableDescription] {
        let encodings =
            regular.map(\.encoding) + (sequence?.fields ?? []) + privileged.map(\.encoding)
        var seen: [String: Int] = [:]
        var result: [TableDescription] = []
        for encoding in encodings where seen[encoding.table] == nil {
            seen[encoding.table] = result.count
            result.append(
                TableDescription(
                    name: encoding.table, dimension: encoding.dimension, encoding: encoding.encoding))
        }
        return result
    }

    /// Indices into `regular` of the features of one side, in schema order.
    public func regularIndices(_ side: Side) -> [Int] {
        regular.indices.filter { regular[$0].side == side }
    }
}
