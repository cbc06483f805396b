/// Where workers get parameters from and send gradients to (PFD, section 5.2): `pull` what a batch needs,
/// compute, `push` the gradients; the server applies the optimiser. Asynchronous by nature: another worker's
/// push may land between two pulls, but a row, and a chunk of the dense buffer, is never seen half-updated.
///
/// Dense parameters lie in one buffer (`DenseLayoutEntry`), embedding tables are moved by rows. All methods
/// may be called from any thread. Pointers are borrowed for the call.
public protocol ParameterServer: AnyObject, Sendable {
    /// Floats of the dense buffer.
    var denseCount: Int { get }
    var denseLayout: [DenseLayoutEntry] { get }
    var tables: [TableSpec] { get }

    /// All dense parameters where they lie, if that is in this process. Without a lock: for a reader who knows that
    /// nobody pushes meanwhile, and writes nothing.
    var denseInPlace: UnsafeMutablePointer<Float>? { get }
    /// A whole table likewise, [rows, dimension].
    func rowsInPlace(table: Int) -> UnsafeMutablePointer<Float>?

    /// Copies all dense parameters into `destination`, `denseCount` floats.
    func pullDense(into destination: UnsafeMutablePointer<Float>)

    /// Copies `ranges` of the dense parameters to the same places of `destination`, `denseCount` floats; the
    /// rest of it is left alone.
    func pullDense(into destination: UnsafeMutablePointer<Float>, ranges: [Range<Int>])

    /// Applies `gradients`, laid out as the dense buffer: weights go through the optimiser, statistics move
    /// towards what is pushed. Only `ranges` are applied and read; they must begin and end where entries do,
    /// and must not overlap.
    func pushDense(_ gradients: UnsafePointer<Float>, ranges: [Range<Int>], learningRate: Float)

    /// Copies `rows` of a table into `destination`, [rows, dimension] in the order of `rows`. Rows must be
    /// in the table (a trap otherwise).
    func pullRows(table: Int, rows: UnsafeBufferPointer<Int32>, into destination: UnsafeMutablePointer<Float>)

    /// Applies `gradients`, [rows, dimension], to `rows` of a table. Rows must be in the table and must not
    /// repeat within a call.
    func pushRows(
        table: Int, rows: UnsafeBufferPointer<Int32>, gradients: UnsafePointer<Float>, learningRate: Float)
}

extension ParameterServer {
    public var denseInPlace: UnsafeMutablePointer<Float>? { nil }
    public func rowsInPlace(table: Int) -> UnsafeMutablePointer<Float>? { nil }

    /// Applies the gradients of all dense parameters.
    public func pushDense(_ gradients: UnsafePointer<Float>, learningRate: Float) {
        pushDense(gradients, ranges: [0..<denseCount], learningRate: learningRate)
    }
}
