/// Table rows of one feature for a list of entities (requests, items or samples).
public struct EncodedColumn: Sendable, Equatable {
    /// Row ids in the feature's table.
    public var ids: [Int32]
    /// nil: `ids[i]` is entity i's row. Otherwise a bag: entity i owns `ids[offsets[i] ..< offsets[i + 1]]`.
    public var offsets: [Int32]?

    public init(ids: [Int32] = [], offsets: [Int32]? = nil) {
        self.ids = ids
        self.offsets = offsets
    }
}

/// Behaviour sequences without padding: request r owns events `offsets[r] ..< offsets[r + 1]`, newest first.
public struct EncodedSequence: Sendable, Equatable {
    /// `[requests + 1]`
    public var offsets: [Int32]
    /// One array of row ids a field, each `[events]`.
    public var fields: [[Int32]]

    public init(offsets: [Int32] = [0], fields: [[Int32]] = []) {
        self.offsets = offsets
        self.fields = fields
    }
}

/// Everything a student may see, deduplicated: user-side inputs once a distinct request,
/// item-side inputs once a distinct item.
public struct RegularInputs: Sendable, Equatable {
    /// Number of samples N.
    public var count: Int
    /// Number of distinct user sides U and item sides I among the samples.
    public var userCount: Int
    public var itemCount: Int
    /// `[N]`: sample -> distinct user side in 0 ..< U.
    public var userIndex: [Int32]
    /// `[N]`: sample -> distinct item side in 0 ..< I.
    public var itemIndex: [Int32]
    /// Parallel to `FeatureSchema.regular`; U, I or N entities long according to the feature's side.
    public var columns: [EncodedColumn]
    /// U sequences, when the schema has one.
    public var sequence: EncodedSequence?

    public init(
        count: Int, userCount: Int, itemCount: Int, userIndex: [Int32], itemIndex: [Int32],
        columns: [EncodedColumn], sequence: EncodedSequence?
    ) {
        self.count = count
        self.userCount = userCount
        self.itemCount = itemCount
        self.userIndex = userIndex
        self.itemIndex = itemIndex
        self.columns = columns
        self.sequence = sequence
    }
}

/// What only a teacher may see: N entities a column, parallel to `FeatureSchema.privileged`.
public struct PrivilegedInputs: Sendable, Equatable {
    public var columns: [EncodedColumn]
    public init(columns: [EncodedColumn] = []) { self.columns = columns }
}

/// What the loss and the metrics need of N samples.
public struct Targets: Sendable, Equatable {
    /// Parallel to `FeatureSchema.labels`, each `[N]`.
    public var labels: [[Float]]
    /// `[N]`, all 1 when the schema has no weight column.
    public var weights: [Float]
    /// `[N]` probabilities of a teacher trained elsewhere, when the schema has such a column.
    public var softLabels: [Float]?
    /// `[N]` hash of the request column (0 without one).
    public var requests: [UInt64]
    /// `[N]` hash of the group column, for GAUC (0 without one).
    public var groups: [UInt64]

    public init(
        labels: [[Float]], weights: [Float], softLabels: [Float]? = nil, requests: [UInt64], groups: [UInt64]
    ) {
        self.labels = labels
        self.weights = weights
        self.softLabels = softLabels
        self.requests = requests
        self.groups = groups
    }
}

/// A mini-batch, encoded.
public struct Batch: Sendable, Equatable {
    public var regular: RegularInputs
    public var privileged: PrivilegedInputs
    public var targets: Targets
    public var count: Int { regular.count }

    public init(regular: RegularInputs, privileged: PrivilegedInputs, targets: Targets) {
        self.regular = regular
        self.privileged = privileged
        self.targets = targets
    }
}

/// A source of batches in a fixed, seeded order.
public protocol BatchSource: AnyObject {
    /// The next batch, or nil at the end of the epoch. Every batch but the last has `batchSize` samples.
    func next() throws -> Batch?
    /// Restarts at `epoch` (which seeds the shuffle), skipping the first `batches` batches.
    /// After it, `next()` gives exactly what an uninterrupted reader would give.
    func seek(epoch: Int, batches: Int) throws
}
