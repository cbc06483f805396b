import Logs

/// Invented logs whose clicks depend on user and item, and on a count that is known only afterwards.
struct TinyLogs {
    var request: [Int64?] = []
    var time: [Int64?] = []
    var user: [Int64?] = []
    var country: [String?] = []
    var item: [String?] = []
    var price: [Float?] = []
    var tags: [[String?]?] = []
    var history: [[String?]?] = []
    var clicks: [Double?] = []
    var dwell: [Double?] = []
    var weight: [Float?] = []
    var click: [Int32?] = []

    static let privilegedColumns: Set = ["clicks", "dwell"]
    /// What nobody knows when serving: privileged features, label and weight.
    static let trainingColumns: Set = ["clicks", "dwell", "click", "weight"]

    /// Requests of 1 to 6 rows, of one user each.
    init(rows: Int, seed: UInt64) {
        var random = SplitMix64(state: seed)
        var request: Int64 = 0
        while click.count < rows {
            request += 1
            let user = Int64.random(in: 0..<25, using: &random)
            let past = (0..<Int.random(in: 0..<6, using: &random)).map { _ in
                String?("item \(Int.random(in: 0..<30, using: &random))")
            }
            for _ in 0..<Int.random(in: 1...6, using: &random) where click.count < rows {
                let item = Int.random(in: 0..<30, using: &random)
                let chance = 0.2 + 0.1 * Double((Int(user) + item) % 4)
                let clicked = Double.random(in: 0..<1, using: &random) < chance
                self.request.append(request)
                time.append(1000 + request)
                self.user.append(user == 24 ? nil : user)
                country.append(["pt", "no", "jp"][Int(user) % 3])
                self.item.append(item == 29 ? nil : "item \(item)")
                price.append(item % 7 == 6 ? nil : Float(item) * 1.25)
                tags.append(item % 5 == 4 ? nil : ["tag \(item % 4)", "all"])
                history.append(past)
                clicks.append(Double.random(in: 0..<4, using: &random) + (clicked ? 2 : 0))
                dwell.append(clicked ? Double.random(in: 1..<9, using: &random) : nil)
                weight.append(Float.random(in: 0.5..<2, using: &random))
                click.append(clicked ? 1 : 0)
            }
        }
    }

    /// - Parameter leavingOut: columns that the file shall not have.
    func write(to path: String, leavingOut absent: Set<String> = []) throws {
        let columns: [(name: String, values: ColumnValues)] = [
            ("request", .int64(request)), ("time", .int64(time)), ("user", .int64(user)), ("country", .text(country)),
            ("item", .text(item)), ("price", .float(price)), ("tags", .textLists(tags)), ("history", .textLists(history)),
            ("clicks", .double(clicks)), ("dwell", .double(dwell)), ("weight", .float(weight)), ("click", .int32(click)),
        ]
        let writer = try TableWriter(path: path)
        try writer.write(columns.filter { !absent.contains($0.name) })
        try writer.close()
    }
}

/// Sebastiano Vigna's splitmix64: small, seeded, the same everywhere.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
