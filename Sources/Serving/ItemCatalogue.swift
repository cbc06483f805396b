import Logs
import ModelPackage
import Retrieval
import Synchronization

/// The items of one version while it serves: the file as it was opened, and what was added, replaced and removed since.
/// Requests take a `View` and see whole changes; nothing is rebuilt.
final class ItemCatalogue: Sendable {
    /// All items at one moment.
    struct View: Sendable {
        let index: IndexSnapshot
        let changes: ItemChanges
        let file: ItemFile?
    }

    private let file: ItemFile?
    private let index: ItemIndex
    private let current: Mutex<View>
    /// Held by the one change that is under way.
    private let changing = Mutex<Void>(())

    /// - Parameter width: of the item vectors, for a model without an item file.
    init(_ file: ItemFile?, width: Int) throws(RetrievalError) {
        self.file = file
        index = if let file { ItemIndex(ready: file.ready, of: file) } else { try ItemIndex(dimension: width) }
        let changes = ItemChanges(items: file?.count ?? 0, categoryNames: file?.categoryNames ?? [""])
        current = Mutex(View(index: index.snapshot, changes: changes, file: file))
    }

    var view: View { current.withLock { $0 } }

    /// An item as the index and the fine parts read it.
    struct Encoded {
        var id: String
        var vector: [Float]
        var category: String
        var price: Double?
        var rows: [FinePart: [[Int32]]]
    }

    /// Adds and replaces items, all at once or, when one is refused, none.
    func upsert(_ items: [Encoded]) throws(ServingError) {
        try changing.withLock { _ throws(ServingError) in
            var changes = view.changes
            try index.update { draft throws(ServingError) in
                for item in items {
                    guard let category = changes.categoryNumber(item.category) else {
                        throw .tooLarge(what: "categories", limit: 1 << 16, found: 1 << 16 + 1)
                    }
                    let known = view.number(of: item.id, changes)
                    let number = known ?? changes.newNumber(for: item.id)
                    do {
                        try draft.upsert(number, vector: item.vector, category: category)
                    } catch {
                        throw .badInputs("item '\(item.id.prefix(200))': \(error)")
                    }
                    changes.set(.init(id: item.id, price: item.price, rows: item.rows), number: number)
                }
            }
            publish(changes)
        }
    }

    /// Removes items and says how many there were.
    func remove(_ ids: [String]) -> Int {
        changing.withLock { _ in
            var changes = view.changes
            let removed = index.update { draft in
                ids.reduce(0) { removed, id in
                    guard let number = view.number(of: id, changes), draft.remove(number) else { return removed }
                    changes.forget(number, newId: file?.number(of: id) == nil ? id : nil)
                    return removed + 1
                }
            }
            publish(changes)
            return removed
        }
    }

    private func publish(_ changes: ItemChanges) {
        let next = View(index: index.snapshot, changes: changes, file: file)
        // The old view is let go outside the lock: freeing what only it held is not the requests' business.
        let old = current.withLock { current in
            defer { current = next }
            return current
        }
        _ = old
    }
}

extension ItemCatalogue.View {
    var count: Int { index.count }

    /// The number of an id: its row in the file, or what it got when it was added. It may have been removed since.
    func number(of id: String) -> Int64? { number(of: id, changes) }

    fileprivate func number(of id: String, _ changes: ItemChanges) -> Int64? {
        if let row = file?.number(of: id) { return Int64(row) }
        return changes.number(ofNew: id)
    }

    func id(_ number: Int64) -> String { changes.record(number)?.id ?? file?.id(Int(number)) ?? "" }

    func price(_ number: Int64) -> Double? {
        if let record = changes.record(number) { return record.price }
        return file?.prices?[Int(number)]
    }

    var hasPrices: Bool { file?.prices != nil }

    /// The rows of some items in a fine part's tables, feature after feature.
    func columns(_ part: FinePart, lists: [Bool], of numbers: [Int64]) -> [EncodedColumn] {
        let mapped = file?.columns[part] ?? []
        let records = numbers.map { changes.record($0) }
        return lists.indices.map { feature in
            var column = EncodedColumn(offsets: lists[feature] ? [0] : nil)
            column.ids.reserveCapacity(numbers.count)
            for (number, record) in zip(numbers, records) {
                if let record {
                    column.ids += record.rows[part]?[feature] ?? []
                } else {
                    column.ids += mapped[feature].of(Int(number))
                }
                if lists[feature] { column.offsets?.append(Int32(column.ids.count)) }
            }
            return column
        }
    }
}
