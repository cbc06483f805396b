import Kernels
import Logs
import ModelPackage
import Schema
import Synchronization

/// Scores requests with the student of a package. Embeddings are read from the package's mapped tables; nothing of
/// them is copied.
///
///     let scorer = try StudentScorer(ModelPackage(path: "packages/retail-ctr"))
///     let scores = try scorer.score([
///         ScoreRequest(
///             user: ["user_id": .integer(17841), "history_item_id": .list([.text("85123A")])],
///             candidates: [["item_id": .text("71053")], ["item_id": .text("84406B")]])
///     ])
///
/// Any number of threads may call at once: each call borrows a network and its scratch memory, and there are as many
/// of these as there ever were calls at the same time.
public final class StudentScorer: Sendable {
    public let package: ModelPackage
    public let limits: ServingLimits
    private let requests: RequestEncoder
    private let memory: StudentMemory
    private let idle = Mutex<[Runner]>([])
    private let unknown = Mutex<[String: Int]>([:])

    /// - Parameter siblings: networks that are given the same requests, as the click and the conversion model of one
    ///   page: a name that only they know is let pass, and still any other is refused.
    public init(
        _ package: ModelPackage, limits: ServingLimits = ServingLimits(), siblings: [ServingSchema] = []
    ) throws(PackageError) {
        self.package = package
        self.limits = limits
        requests = RequestEncoder(package, limits: limits, siblings: siblings)
        memory = try StudentMemory(package)
        scaleAndBias = StudentNetwork(package.student, package.schema).scaleAndBias(weights: memory.weights)
    }

    /// The logit of a CTR student is scale x <user vector, item vector> + bias.
    let scaleAndBias: (scale: Float, bias: Float)

    /// Values so far, by feature, that the model has never seen and that took the row for such values.
    public var unknownValues: [String: Int] { unknown.withLock { $0 } }

    // MARK: Requests

    /// The probability of each candidate of each request, in their order.
    public func score(_ requests: [ScoreRequest]) throws(ServingError) -> [[Float]] {
        try scoreCountingUnknown(requests).scores
    }

    /// The same, and by feature how many values no table knew.
    func scoreCountingUnknown(
        _ requests: [ScoreRequest]
    ) throws(ServingError) -> (scores: [[Float]], unknown: [String: Int]) {
        let encoded = try self.requests.encode(requests)
        let flat = try score(encoded.inputs)
        count(encoded)
        var start = 0
        let scores = requests.map { request in
            defer { start += request.candidates.count }
            return Array(flat[start..<start + request.candidates.count])
        }
        return (scores, encoded.unknown)
    }

    /// The user's vector, of length 1. Only of a CTR model; candidates do not matter.
    public func userVector(_ user: FeatureValues) throws(ServingError) -> [Float] {
        let encoded = try requests.encode(users: [user])
        let vector = try userVectors(encoded.inputs)
        count(encoded)
        return vector
    }

    /// `[items, vectorWidth]`, row after row, each of length 1. Only of a CTR model.
    public func itemVectors(_ items: [FeatureValues]) throws(ServingError) -> [Float] {
        let encoded = try requests.encode(items: items)
        let vectors = try itemVectors(encoded.inputs)
        count(encoded)
        return vectors
    }

    /// The probability of a user vector and an item vector of this model.
    public func score(userVector: [Float], itemVector: [Float]) throws(ServingError) -> Float {
        let width = try vectorWidth()
        guard userVector.count == width, itemVector.count == width else {
            throw .badInputs("vectors of \(userVector.count) and \(itemVector.count), expected \(width)")
        }
        return with { runner in runner.score(userVector, itemVector) }
    }

    /// The probabilities of inner products that a search found.
    func probabilities(ofProducts products: [Float]) -> [Float] {
        let (scale, bias) = scaleAndBias
        let logits = products.map { scale * $0 + bias }
        return [Float](unsafeUninitializedCapacity: logits.count) { buffer, initialized in
            if let base = buffer.baseAddress {
                Float.sigmoid(logits, inverseTemperature: 1, into: base, count: logits.count)
            }
            initialized = logits.count
        }
    }

    /// The rows that requests turn into, as `score` would read them.
    public func encode(_ requests: [ScoreRequest]) throws(ServingError) -> RegularInputs {
        try self.requests.encode(requests).inputs
    }

    func encode(user: FeatureValues) throws(ServingError) -> EncodedRequests { try requests.encode(users: [user]) }

    func encode(items: [FeatureValues]) throws(ServingError) -> EncodedRequests { try requests.encode(items: items) }

    /// Networks with their memory for so many calls at once, each having run over `inputs`: the first requests then
    /// find neither memory to ask for nor code to generate.
    func prepare(calls: Int, _ inputs: RegularInputs) throws(ServingError) {
        try check(inputs)
        let runners = (0..<calls).map { _ in Runner(memory) }
        for runner in runners {
            for _ in 0..<2 {
                if package.student.task == .ctr { _ = runner.userVectors(inputs) }
                if inputs.count > 0 { _ = runner.score(inputs) }
            }
        }
        idle.withLock { $0 += runners }
    }

    // MARK: Encoded inputs

    /// The probability of each sample of inputs that this model's encoder made.
    public func score(_ inputs: RegularInputs) throws(ServingError) -> [Float] {
        try check(inputs)
        return with { runner in runner.score(inputs) }
    }

    /// `[users, vectorWidth]` of inputs that this model's encoder made.
    public func userVectors(_ inputs: RegularInputs) throws(ServingError) -> [Float] {
        _ = try vectorWidth()
        try check(inputs)
        return with { runner in runner.userVectors(inputs) }
    }

    /// `[items, vectorWidth]` of inputs that this model's encoder made.
    public func itemVectors(_ inputs: RegularInputs) throws(ServingError) -> [Float] {
        _ = try vectorWidth()
        try check(inputs)
        return with { runner in runner.itemVectors(inputs) }
    }

    private func vectorWidth() throws(ServingError) -> Int {
        guard let width = package.student.vectorWidth else { throw .noVectors(task: package.student.task.rawValue) }
        return width
    }

    private func with<Result: Sendable>(_ body: (Runner) -> Result) -> Result {
        let runner = idle.withLock { $0.popLast() } ?? Runner(memory)
        defer { idle.withLock { $0.append(runner) } }
        return body(runner)
    }

    func count(_ encoded: EncodedRequests) {
        guard !encoded.unknown.isEmpty else { return }
        unknown.withLock { $0.merge(encoded.unknown, uniquingKeysWith: +) }
    }

    /// Kernels trust their indices: every id is checked here.
    private func check(_ inputs: RegularInputs) throws(ServingError) {
        let (schema, student) = (package.schema, package.student)
        guard inputs.columns.count == schema.regular.count, (inputs.sequence == nil) == (schema.sequence == nil),
            inputs.userIndex.count == inputs.count, inputs.itemIndex.count == inputs.count
        else { throw .badInputs("columns of another schema") }
        guard inputs.userIndex.allSatisfy({ $0 >= 0 && $0 < inputs.userCount }),
            inputs.itemIndex.allSatisfy({ $0 >= 0 && $0 < inputs.itemCount })
        else { throw .badInputs("an index outside users or items") }
        for (i, feature) in schema.regular.enumerated() {
            let entities =
                switch feature.side {
                case .user: inputs.userCount
                case .item: inputs.itemCount
                case .interaction: inputs.count
                }
            let column = inputs.columns[i]
            // A call about users alone carries no item columns, and the reverse.
            guard (column.offsets == nil) == (feature.encoding.bag == nil),
                isRagged(column.offsets, entities: entities, ids: column.ids.count)
            else { throw .badInputs("'\(feature.name)' has another number of values") }
            try check(column.ids, student.tables[student.featureTables[i]], feature.name)
        }
        guard let sequence = inputs.sequence, let fields = schema.sequence?.fields else { return }
        guard sequence.fields.count == fields.count else { throw .badInputs("another sequence") }
        for (f, field) in fields.enumerated() {
            guard inputs.userCount == 0 || isRagged(sequence.offsets, entities: inputs.userCount, ids: sequence.fields[f].count)
            else { throw .badInputs("'\(field.name)' has another number of events") }
            try check(sequence.fields[f], student.tables[student.fieldTables[f]], field.name)
        }
    }

    private func isRagged(_ offsets: [Int32]?, entities: Int, ids: Int) -> Bool {
        guard let offsets else { return ids == entities }
        return offsets.count == entities + 1 && offsets[0] == 0 && Int(offsets[entities]) == ids
            && zip(offsets, offsets.dropFirst()).allSatisfy { $0 <= $1 }
    }

    private func check(_ ids: [Int32], _ table: StudentDescription.Table, _ name: String) throws(ServingError) {
        guard ids.allSatisfy({ $0 >= 0 && $0 < table.rows }) else { throw .badInputs("'\(name)' has a row outside its table") }
    }
}

/// Weights and tables in memory that stays put and is only read.
private final class StudentMemory: @unchecked Sendable {
    // SAFETY: everything is written in `init` and only read afterwards; the package keeps the mapping alive.
    let package: ModelPackage
    let tables: [EmbeddingRows]
    let weights: UnsafeMutablePointer<Float>

    init(_ package: ModelPackage) throws(PackageError) {
        self.package = package
        tables = try package.tables()
        let dense = try package.denseWeights()
        weights = .allocate(capacity: dense.count)
        weights.initialize(from: dense, count: dense.count)
    }

    deinit { weights.deallocate() }
}

/// A network with its scratch memory: one call at a time.
private final class Runner: @unchecked Sendable {
    // SAFETY: `StudentScorer` lends a runner to one call at a time.
    private let memory: StudentMemory
    private let network: StudentNetwork
    private let arena = Arena<Float>()
    private let integers = Arena<Int32>()

    init(_ memory: StudentMemory) {
        self.memory = memory
        network = StudentNetwork(memory.package.student, memory.package.schema)
    }

    func score(_ inputs: RegularInputs) -> [Float] {
        guard inputs.count > 0 else { return [] }
        return probabilities(network.logits(bound(inputs)), count: inputs.count)
    }

    func userVectors(_ inputs: RegularInputs) -> [Float] {
        guard inputs.userCount > 0 else { return [] }
        let vectors = network.userVectors(bound(inputs))
        return Array(UnsafeBufferPointer(start: vectors.base, count: vectors.count))
    }

    func itemVectors(_ inputs: RegularInputs) -> [Float] {
        guard inputs.itemCount > 0 else { return [] }
        let vectors = network.itemVectors(bound(inputs))
        return Array(UnsafeBufferPointer(start: vectors.base, count: vectors.count))
    }

    func score(_ user: [Float], _ item: [Float]) -> Float {
        arena.reset()
        let u = arena.matrix(1, user.count)
        let v = arena.matrix(1, item.count)
        u.base.update(from: user, count: user.count)
        v.base.update(from: item, count: item.count)
        let (scale, bias) = network.scaleAndBias(weights: memory.weights)
        let logit = arena.allocate(1)
        Float.pairDot(u, nil, v, nil, scale: scale, count: 1, into: logit)
        logit[0] += bias
        return probabilities(logit, count: 1)[0]
    }

    private func bound(_ inputs: RegularInputs) -> StudentNetwork.Inputs {
        arena.reset()
        integers.reset()
        return StudentNetwork.Inputs(
            inputs, tables: memory.tables, weights: memory.weights, arena: arena, integers: integers)
    }

    private func probabilities(_ logits: UnsafePointer<Float>, count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            Float.sigmoid(logits, inverseTemperature: 1, into: buffer.baseAddress!, count: count)
            initialized = count
        }
    }
}
