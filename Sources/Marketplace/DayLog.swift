import Foundation
import Logs

/// The four files of one block of users on one day, a row group at a time: CTR and CVR log, and the truth of each.
///
/// Files appear whole: they are written under another name and renamed. One thread at a time.
final class DayLog {
    static let rowsAGroup = 16_384
    private var clicks: LogFileWriter
    private var purchases: LogFileWriter
    private var clickTruth: TruthWriter
    private var purchaseTruth: TruthWriter

    init(folder: String, day: Int, file: Int) throws {
        func path(_ kind: String) throws -> String {
            let folder = "\(folder)/\(kind)/\(dayName(day))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            return "\(folder)/part-\(padded(file, 6)).parquet"
        }
        clicks = try LogFileWriter(path: path("ctr"), own: ["position"] + InteractedCounts.names, label: "click")
        purchases = try LogFileWriter(path: path("cvr"), own: Engagement.names, label: "purchase")
        clickTruth = try TruthWriter(path: path("truth/ctr"), label: "click")
        purchaseTruth = try TruthWriter(path: path("truth/cvr"), label: "purchase")
    }

    /// Adds a page's rows. The shopper is as she was before the page.
    func add(_ outcomes: [Outcome], _ shopper: Shopper, _ user: UserSide, _ view: PageView, day: Int, _ market: Market) throws {
        for outcome in outcomes {
            let counts = market.interactedCounts(of: outcome, shopper, view)
            clicks.add(user, outcome, view, day: day, market)
            clicks.addOwn([
                Int32(outcome.position), counts.category24h, counts.category7d, counts.shop24h, counts.shop7d,
                counts.brand24h, counts.brand7d, counts.hoursSinceCategory,
            ])
            clicks.labels.append(outcome.clicked ? 1 : 0)
            clickTruth.add(view, outcome.item, outcome.clicked, outcome.probability, outcome.relevance)
            guard let purchase = outcome.purchase else { continue }
            let engagement = purchase.engagement
            purchases.add(user, outcome, view, day: day, market)
            purchases.addOwn([
                engagement.dwellSeconds, engagement.readComments ? 1 : 0, engagement.askedSeller ? 1 : 0,
                engagement.addedToCart ? 1 : 0,
            ])
            purchases.labels.append(purchase.bought ? 1 : 0)
            purchaseTruth.add(view, outcome.item, purchase.bought, purchase.probability, purchase.relevance)
        }
        if clicks.labels.count >= Self.rowsAGroup {
            try clicks.flush()
            try clickTruth.flush()
        }
        if purchases.labels.count >= Self.rowsAGroup {
            try purchases.flush()
            try purchaseTruth.flush()
        }
    }

    func close() throws {
        try clicks.close()
        try purchases.close()
        try clickTruth.close()
        try purchaseTruth.close()
    }
}

/// `day-00`
func dayName(_ day: Int) -> String { "day-\(padded(day, 2))" }

func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// A Parquet file under a temporary name until it is whole.
struct WholeTable {
    private let path: String
    private let temporary: String
    private let writer: TableWriter
    private var isEmpty = true

    init(path: String) throws {
        self.path = path
        temporary = "\(path).partial"
        writer = try TableWriter(path: temporary)
    }

    mutating func write(_ columns: [(name: String, values: ColumnValues)]) throws {
        // A file without rows still says what its columns are.
        guard isEmpty || columns.first?.values.count ?? 0 > 0 else { return }
        try writer.write(columns)
        isEmpty = false
    }

    func close() throws {
        try writer.close()
        guard rename(temporary, path) == 0 else {
            throw LogsError(.writeFailed, file: path, detail: String(cString: strerror(errno)))
        }
    }
}

/// Columns of a CTR or CVR log.
private struct LogFileWriter {
    private var table: WholeTable
    private let ownNames: [String]
    private let labelName: String
    private var requests: [Int64] = []
    private var times: [Int64] = []
    private var user: [[Int32]] = UserSide.names.map { _ in [] }
    private var item: [[Int32]] = ItemSide.names.map { _ in [] }
    private var prices: [Float] = []
    private var own: [[Int32]]
    private var offsets: [Int32] = [0]
    private var sequence: [[Int32]] = UserSide.sequenceNames.map { _ in [] }
    var labels: [Int32] = []

    init(path: String, own names: [String], label: String) throws {
        table = try WholeTable(path: path)
        ownNames = names
        own = names.map { _ in [] }
        labelName = label
    }

    mutating func add(_ side: UserSide, _ outcome: Outcome, _ view: PageView, day: Int, _ market: Market) {
        requests.append(view.request)
        times.append(Market.epoch + Int64(view.time))
        for i in user.indices { user[i].append(side.values[i]) }
        let values = ItemSide.values(outcome.item, day: day, market.catalogue)
        item[0].append(values.0)
        item[1].append(values.1)
        item[2].append(values.2)
        item[3].append(values.3)
        item[4].append(values.4)
        item[5].append(values.5)
        prices.append(market.catalogue.items[Int(outcome.item)].price)
        for i in sequence.indices { sequence[i] += side.sequence[i] }
        offsets.append(Int32(sequence[0].count))
    }

    mutating func addOwn(_ values: [Int32]) { for i in own.indices { own[i].append(values[i]) } }

    mutating func flush() throws {
        var columns: [(name: String, values: ColumnValues)] = [
            ("request_id", .plainInt64(requests)), ("timestamp", .plainInt64(times)),
        ]
        columns += zip(UserSide.names, user).map { ($0, .plainInt32($1)) }
        columns += zip(ItemSide.names, item).map { ($0, .plainInt32($1)) }
        columns.append((ItemSide.price, .plainFloat(prices)))
        columns += zip(ownNames, own).map { ($0, .plainInt32($1)) }
        columns += zip(UserSide.sequenceNames, sequence).map { ($0, .plainInt32Lists(offsets: offsets, values: $1)) }
        columns.append((labelName, .plainInt32(labels)))
        try table.write(columns)
        columns = []
        requests.removeAll(keepingCapacity: true)
        times.removeAll(keepingCapacity: true)
        for i in user.indices { user[i].removeAll(keepingCapacity: true) }
        for i in item.indices { item[i].removeAll(keepingCapacity: true) }
        prices.removeAll(keepingCapacity: true)
        for i in own.indices { own[i].removeAll(keepingCapacity: true) }
        for i in sequence.indices { sequence[i].removeAll(keepingCapacity: true) }
        offsets.removeAll(keepingCapacity: true)
        offsets.append(0)
        labels.removeAll(keepingCapacity: true)
    }

    mutating func close() throws {
        try flush()
        try table.close()
    }
}

/// Columns of a truth file: row by row those of its log.
private struct TruthWriter {
    private var table: WholeTable
    private let label: String
    private var requests: [Int64] = []
    private var items: [Int32] = []
    private var labels: [Int32] = []
    private var probabilities: [Float] = []
    private var relevances: [Float] = []

    init(path: String, label: String) throws {
        table = try WholeTable(path: path)
        self.label = label
    }

    mutating func add(_ view: PageView, _ item: Int32, _ outcome: Bool, _ probability: Float, _ relevance: Float) {
        requests.append(view.request)
        items.append(item)
        labels.append(outcome ? 1 : 0)
        probabilities.append(probability)
        relevances.append(relevance)
    }

    mutating func flush() throws {
        try table.write([
            ("request_id", .plainInt64(requests)), ("item_id", .plainInt32(items)), (label, .plainInt32(labels)),
            ("probability", .plainFloat(probabilities)), ("relevance", .plainFloat(relevances)),
        ])
        requests.removeAll(keepingCapacity: true)
        items.removeAll(keepingCapacity: true)
        labels.removeAll(keepingCapacity: true)
        probabilities.removeAll(keepingCapacity: true)
        relevances.removeAll(keepingCapacity: true)
    }

    mutating func close() throws {
        try flush()
        try table.close()
    }
}
