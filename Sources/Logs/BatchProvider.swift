import Schema

/// What training needs of logs: decoded as they stream (`Dataset`), or prepared (`PreparedDataset`).
/// Both give the same batches.
public protocol BatchProvider: Sendable {
    var schema: FeatureSchema { get }
    /// Good rows of a split; 0 when there is no such split.
    func rowCount(_ split: Split) throws -> Int
    /// Throws `emptySplit` when a split that shall be used has no rows.
    func requireRows(_ split: Split) throws
    /// Classes of the main label in a split.
    func classes(_ split: Split) throws -> ClassCheck
    func batches(
        _ split: Split, encoder: FittedEncoder, batchSize: Int, seed: UInt64, shuffle: Bool, deduplicate: Bool,
        permutePrivileged: UInt64?
    ) throws -> any BatchSource
}

extension Dataset: BatchProvider {}

extension BatchProvider {
    /// Batches in which every sample has its own privileged features.
    public func batches(
        _ split: Split, encoder: FittedEncoder, batchSize: Int, seed: UInt64, shuffle: Bool, deduplicate: Bool
    ) throws -> any BatchSource {
        try batches(
            split, encoder: encoder, batchSize: batchSize, seed: seed, shuffle: shuffle, deduplicate: deduplicate,
            permutePrivileged: nil)
    }

    /// Throws `emptySplit` when a split that shall be used has no rows.
    public func requireRows(_ split: Split) throws {
        guard try rowCount(split) > 0 else {
            throw LogsError(.emptySplit, detail: "the \(split.rawValue) split is empty")
        }
    }
}
