/// A rule that moves parameters against their gradients. Conformers are values; the state lives with the
/// parameters, in the server, which also does the locking.
///
/// All state is `Float` and starts at a constant, so that a buffer of zeros costs no memory until touched.
public protocol Optimiser: Sendable {
    /// What is kept for each dense parameter: buffers as large as the parameters.
    var denseState: [OptimiserState] { get }
    /// What is kept for each table.
    var tableState: [OptimiserState] { get }
    /// Applies one gradient to a span of dense parameters.
    func update(_ span: DenseUpdate, learningRate: Float)
    /// Applies one gradient to each of some rows of a table.
    func update(_ rows: RowUpdate, learningRate: Float)
}

/// One buffer of optimiser state.
public struct OptimiserState: Sendable, Hashable {
    public enum Extent: Sendable, Hashable {
        /// One number a parameter.
        case element
        /// One number a row of a table.
        case row
    }
    /// As it appears in checkpoints.
    public let name: String
    public let extent: Extent
    public let initialValue: Float

    public init(name: String, extent: Extent, initialValue: Float) {
        self.name = name
        self.extent = extent
        self.initialValue = initialValue
    }
}

/// A span of dense parameters, its state and its gradient. The server holds the lock.
public struct DenseUpdate {
    public let values: UnsafeMutablePointer<Float>
    let states: UnsafePointer<UnsafeMutablePointer<Float>>
    let stateOffset: Int
    public let gradients: UnsafePointer<Float>
    public let count: Int
    /// Updates that this span has had, this one included.
    public let step: Int

    /// Buffer `index` of `denseState`, at the start of the span.
    public func state(_ index: Int) -> UnsafeMutablePointer<Float> { states[index] + stateOffset }
}
