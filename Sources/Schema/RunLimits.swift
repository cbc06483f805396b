/// The largest values a run file may say. They are far beyond any use, and keep products of them inside `Int`.
public enum RunLimits {
    /// Features and sequence fields.
    public static let features = 10_000
    public static let dimension = 65_536
    /// The sum of all features' dimensions.
    public static let inputWidth = 1_000_000
    /// Row numbers fit in 32 bits.
    public static let tableRows = Int(Int32.max)
    public static let layerWidth = 1_000_000
    public static let layers = 100
    public static let sequenceLength = 65_536
    public static let heads = 1_024
    public static let feedForwardMultiple = 1_024
    public static let batchSize = 1 << 24
    public static let workers = 4_096
    public static let epochs = 1_000_000
    public static let steps = 1 << 50
}
