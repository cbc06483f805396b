import Kernels
import Logs

/// What the layers need to know of the batch at hand, in memory that stays put during the step.
public struct BoundBatch<S: Scalar> {
    public let count: Int
    public let userCount: Int
    public let itemCount: Int
    /// Sample -> distinct user side (item side); nil when there are no duplicates.
    public let userIndex: UnsafePointer<Int32>?
    public let itemIndex: UnsafePointer<Int32>?
    /// Samples per distinct user side (item side); nil when there are no duplicates.
    public let userMultiplicity: UnsafePointer<S>?
    public let itemMultiplicity: UnsafePointer<S>?
    /// `[userCount + 1]`
    public let sequenceOffsets: UnsafePointer<Int32>?
    public let events: Int
}

/// Embedding rows on their way between the parameter server and the networks of one worker: for each
/// table, the distinct rows that the batch touches, their values, and the gradients to push back.
///
/// `bind` a batch, fill `values(table)` for `rows(table)`, run forward and backward, read `gradients(table)`. A table that
/// is `read` where it lies has no values to be filled.
public final class EmbeddingExchange<S: Scalar> {
    public let tables: [EmbeddingTable]
    private let occurrences: [Occurrence]
    private let arena: Arena<S>
    private let integers = Arena<Int32>()
    private let rowSets: [RowSet]
    /// Of each occurrence, where its entities' rows are: among the distinct ones, and in the table if that is read.
    private var local: [UnsafePointer<Int32>]
    private var inTable: [UnsafePointer<Int32>]
    /// Tables that are read where they lie.
    private var whole: [Matrix<S>?]
    private var bags: [UnsafePointer<Int32>?]
    private var valueMatrices: [Matrix<S>?] = []
    private var gradientMatrices: [Matrix<S>] = []

    public init(_ registry: TableRegistry, arena: Arena<S>) {
        tables = registry.tables
        occurrences = registry.occurrences
        self.arena = arena
        rowSets = registry.tables.map { RowSet(of: $0.name, rows: $0.rows) }
        let none = UnsafePointer<Int32>(bitPattern: 4)!
        local = occurrences.map { _ in none }
        inTable = local
        whole = tables.map { _ in nil }
        bags = occurrences.map { _ in nil }
    }

    /// The distinct rows of `table` that the bound batch touches, in order of first appearance.
    public func rows(_ table: Int) -> UnsafeBufferPointer<Int32> { rowSets[table].unique }
    /// From the next `bind` on, takes a table's rows from `matrix`, `[rows, dimension]`, which nobody changes between `bind`
    /// and the end of forward.
    public func read(_ table: Int, in matrix: Matrix<S>) {
        precondition(
            matrix.rows == tables[table].rows && matrix.columns == tables[table].dimension,
            "EmbeddingExchange: table \(tables[table].name) is [\(matrix.rows), \(matrix.columns)]")
        whole[table] = matrix
    }
    /// `[rows(table).count, dimension]`, to be filled after `bind`; nil where the table is read where it lies.
    public func values(_ table: Int) -> Matrix<S>? { valueMatrices[table] }
    /// `[rows(table).count, dimension]`, zero after `bind`; backward adds to it.
    public func gradients(_ table: Int) -> Matrix<S> { gradientMatrices[table] }

    /// Takes in a batch. Scratch comes from the arena, which the caller resets between steps.
    public func bind(_ regular: RegularInputs, privileged: PrivilegedInputs?) -> BoundBatch<S> {
        integers.reset()
        collectRows(regular, privileged)
        valueMatrices = tables.indices.map {
            whole[$0] == nil ? arena.matrix(rows($0).count, tables[$0].dimension) : nil
        }
        gradientMatrices = tables.indices.map { arena.zeros(rows($0).count, tables[$0].dimension) }
        let uniqueUsers = regular.userCount == regular.count
        let uniqueItems = regular.itemCount == regular.count
        return BoundBatch(
            count: regular.count, userCount: regular.userCount, itemCount: regular.itemCount,
            userIndex: uniqueUsers ? nil : copy(regular.userIndex),
            itemIndex: uniqueItems ? nil : copy(regular.itemIndex),
            userMultiplicity: uniqueUsers ? nil : multiplicity(regular.userIndex, count: regular.userCount),
            itemMultiplicity: uniqueItems ? nil : multiplicity(regular.itemIndex, count: regular.itemCount),
            sequenceOffsets: regular.sequence.map { copy($0.offsets) },
            events: regular.sequence.map { Int($0.offsets[$0.offsets.count - 1]) } ?? 0)
    }

    /// Writes the embedding of an occurrence's entities to `y`.
    func gather(_ occurrence: Int, bag: Bool, mean: Bool, into y: Matrix<S>) {
        let number = occurrences[occurrence].table
        let (table, index) = whole[number].map { ($0, inTable[occurrence]) } ?? (valueMatrices[number]!, local[occurrence])
        if bag, let offsets = bags[occurrence] {
            S.bagRows(table, index: index, offsets: offsets, mean: mean, into: y)
        } else {
            S.gatherRows(table, index: index, into: y)
        }
    }

    /// Adds the gradient of an occurrence's entities to its table's rows.
    func scatter(_ dy: Matrix<S>, _ occurrence: Int, bag: Bool, mean: Bool) {
        let table = gradientMatrices[occurrences[occurrence].table]
        if bag, let offsets = bags[occurrence] {
            S.bagRowsBackward(dy, index: local[occurrence], offsets: offsets, mean: mean, into: table)
        } else {
            S.scatterAddRows(dy, index: local[occurrence], into: table)
        }
    }

    func owner(of occurrence: Int) -> Owner { tables[occurrences[occurrence].table].owner }

    private func collectRows(_ regular: RegularInputs, _ privileged: PrivilegedInputs?) {
        var capacities = [Int](repeating: 0, count: tables.count)
        for occurrence in occurrences {
            capacities[occurrence.table] += ids(occurrence.source, regular, privileged)?.count ?? 0
        }
        for table in tables.indices { rowSets[table].reset(capacity: capacities[table]) }
        for (number, occurrence) in occurrences.enumerated() {
            guard let ids = ids(occurrence.source, regular, privileged) else { continue }
            local[number] = ids.withUnsafeBufferPointer { rowSets[occurrence.table].add(ids: $0) }
            if whole[occurrence.table] != nil { inTable[number] = copy(ids) }
            bags[number] = offsets(occurrence.source, regular, privileged).map(copy)
        }
    }

    private func ids(_ source: InputSource, _ regular: RegularInputs, _ privileged: PrivilegedInputs?) -> [Int32]? {
        switch source {
        case .regular(let i): regular.columns[i].ids
        case .privileged(let i): privileged?.columns[i].ids
        case .sequenceField(let i): regular.sequence?.fields[i]
        }
    }

    private func offsets(_ source: InputSource, _ regular: RegularInputs, _ privileged: PrivilegedInputs?) -> [Int32]? {
        switch source {
        case .regular(let i): regular.columns[i].offsets
        case .privileged(let i): privileged?.columns[i].offsets
        case .sequenceField: nil
        }
    }

    private func copy(_ values: [Int32]) -> UnsafePointer<Int32> {
        let pointer = integers.allocate(values.count)
        values.withUnsafeBufferPointer { if let base = $0.baseAddress { pointer.update(from: base, count: $0.count) } }
        return UnsafePointer(pointer)
    }

    private func multiplicity(_ index: [Int32], count: Int) -> UnsafePointer<S> {
        let result = arena.zeros(1, count).base
        for i in index { result[Int(i)] += 1 }
        return UnsafePointer(result)
    }
}
