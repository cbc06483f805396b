/// What was added and replaced since the item file was opened: by number, and by id for items that the file does not
/// have. A value: a change copies one shard of it, readers keep what they hold.
struct ItemChanges: Sendable {
    /// An item that does not come from the file.
    final class Record: Sendable {
        let id: String
        let price: Double?
        /// By part, parallel to its item features.
        let rows: [FinePart: [[Int32]]]

        init(id: String, price: Double?, rows: [FinePart: [[Int32]]]) {
            self.id = id
            self.price = price
            self.rows = rows
        }
    }

    private static let shards = 1024
    private var records: [[Int64: Record]] = []
    private var numbers: [[String: Int64]] = []
    /// The number of the next new item.
    private(set) var next: Int64
    /// Categories that no item of the file has.
    private(set) var categories: [String: UInt16] = [:]
    private let knownCategories: [String: UInt16]

    init(items: Int, categoryNames: [String]) {
        next = Int64(items)
        knownCategories = Dictionary(categoryNames.enumerated().map { ($1, UInt16($0)) }, uniquingKeysWith: { a, _ in a })
    }

    /// What took the place of item `number`, if anything.
    func record(_ number: Int64) -> Record? { records.isEmpty ? nil : records[Self.shard(number)][number] }

    /// The number of an item that is not in the file.
    func number(ofNew id: String) -> Int64? { numbers.isEmpty ? nil : numbers[Self.shard(id)][id] }

    /// The number of a category, nil when no item ever had it.
    func category(_ name: String) -> UInt16? { knownCategories[name] ?? categories[name] }

    mutating func set(_ record: Record, number: Int64) {
        prepare()
        records[Self.shard(number)][number] = record
    }

    /// A number for an id that the file does not have.
    mutating func newNumber(for id: String) -> Int64 {
        prepare()
        numbers[Self.shard(id)][id] = next
        next += 1
        return next - 1
    }

    mutating func forget(_ number: Int64, newId id: String?) {
        guard !records.isEmpty else { return }
        records[Self.shard(number)][number] = nil
        if let id { numbers[Self.shard(id)][id] = nil }
    }

    /// nil when there are too many.
    mutating func categoryNumber(_ name: String) -> UInt16? {
        if let known = category(name) { return known }
        guard let number = UInt16(exactly: knownCategories.count + categories.count) else { return nil }
        categories[name] = number
        return number
    }

    private mutating func prepare() {
        guard records.isEmpty else { return }
        records = Array(repeating: [:], count: Self.shards)
        numbers = Array(repeating: [:], count: Self.shards)
    }

    private static func shard(_ number: Int64) -> Int { Int(truncatingIfNeeded: number) & (shards - 1) }
    private static func shard(_ id: String) -> Int { id.utf8.reduce(5381) { ($0 &* 33) ^ Int($1) } & (shards - 1) }
}
