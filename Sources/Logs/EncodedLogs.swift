/// Logs that can be read as batches: decoded on the way (`Dataset`) or once before (`PreparedDataset`).
public protocol EncodedLogs: AnyObject {
    /// Samples of a split; 0 when there is no such split.
    func rowCount(_ split: Split) throws -> Int
    /// How many samples of each class the main label has in a split.
    func classes(_ split: Split) throws -> ClassCheck
    /// Batches of a split, shuffled by seed and epoch or in file order.
    func batches(
        _ split: Split, encoder: FittedEncoder, batchSize: Int, seed: UInt64, shuffle: Bool, deduplicate: Bool
    ) throws -> any BatchSource
}

extension Dataset: EncodedLogs {}
extension PreparedDataset: EncodedLogs {}

extension EncodedLogs {
    /// Throws `emptySplit` when a split that shall be used has no rows.
    public func requireRows(_ split: Split) throws {
        guard try rowCount(split) > 0 else {
            throw LogsError(.emptySplit, detail: "the \(split.rawValue) split is empty")
        }
    }
}
