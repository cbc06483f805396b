import Foundation

/// A folder with a run file and its logs, as a user would have them: `run.yaml`, `train.csv` and `test.csv`.
final class TinyFiles {
    static let trainRows = 600
    static let testRows = 200

    static let runFile = """
        name: tiny
        task: ctr
        seed: 3
        logs: {train: train.csv, test: test.csv, shuffle_window: 200}
        columns: {label: click, request: request, group: user, timestamp: time}
        defaults: {dimension: 4, encoding: vocabulary}
        features:
          - {name: user, side: user}
          - {name: country, side: user, encoding: {categories: [pt, no]}}
          - {name: item, side: item}
          - {name: price, side: item, encoding: {quantiles: 4}}
          - {name: clicks, availability: interacted, encoding: {quantiles: 8}}
          - {name: dwell, availability: post_event, encoding: {boundaries: [2, 5]}}
        sequence: {name: history, length: 4, fields: [{column: history, table: item}]}
        networks:
          attention: {heads: 2, head_dimension: 3, feed_forward_multiple: 2}
          mapping: [16, 12, 8]
          mlp: [16, 12, 8]
        distillation: {method: pfd+md, manner: ind_sync, swapping_step: {fraction: 0.2}}
        training:
          batch_size: 32
          mode: synchronous
          optimiser: {learning_rate: 0.05, warmup: {fraction: 0.1}}
        evaluation: {resamples: 20}

        """
    static let privileged: Set = ["clicks", "dwell"]

    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("command-line-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try write(Self.runFile, to: "run.yaml")
        try write(Self.csv(rows: Self.trainRows, seed: 1), to: "train.csv")
        try write(Self.csv(rows: Self.testRows, seed: 2), to: "test.csv")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: self(name)))
    }

    func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: self(name))), as: UTF8.self)
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: self(name)) }

    /// Replaces text in a file, which has to be there.
    func edit(_ name: String, _ old: String, _ new: String) throws {
        let text = try text(name)
        precondition(text.contains(old), "\(name) has no '\(old)'")
        try write(text.replacing(old, with: new), to: name)
    }

    /// Runs `hindsight` in this folder; the arguments are divided at spaces.
    func hindsight(_ arguments: String, addressSpace: Int? = nil) throws -> Program.Output {
        try Program.run(arguments.split(separator: " ").map(String.init), in: path, addressSpace: addressSpace)
    }

    /// Invented logs whose clicks depend on user and item, and on a count that is known only afterwards.
    ///
    /// - Parameters:
    ///   - absent: columns to leave out.
    ///   - shift: added to every privileged value.
    static func csv(rows: Int, seed: UInt64, leavingOut absent: Set<String> = [], shift: Int = 0) -> String {
        var random = SplitMix64(state: seed)
        var lines: [[(name: String, value: String)]] = []
        var request = 0
        while lines.count < rows {
            request += 1
            let user = Int.random(in: 0..<25, using: &random)
            let past = (0..<Int.random(in: 0..<6, using: &random)).map { _ in "item \(Int.random(in: 0..<30, using: &random))" }
            for _ in 0..<Int.random(in: 1...6, using: &random) where lines.count < rows {
                let item = Int.random(in: 0..<30, using: &random)
                let clicked = Double.random(in: 0..<1, using: &random) < 0.2 + 0.1 * Double((user + item) % 4)
                let clicks = Int.random(in: 0..<4, using: &random) + (clicked ? 2 : 0) + shift
                lines.append([
                    ("request", "\(request)"), ("time", "\(1000 + request)"), ("user", user == 24 ? "" : "\(user)"),
                    ("country", ["pt", "no", "jp"][user % 3]), ("item", "item \(item)"),
                    ("price", item % 7 == 6 ? "" : "\(Double(item) * 1.25)"), ("history", past.joined(separator: "|")),
                    ("clicks", "\(clicks)"), ("dwell", clicked ? "\(1 + item % 8 + shift)" : ""),
                    ("click", clicked ? "1" : "0"),
                ])
            }
        }
        func row(_ cells: [(name: String, value: String)], _ of: ((name: String, value: String)) -> String) -> String {
            cells.filter { !absent.contains($0.name) }.map(of).joined(separator: ",")
        }
        return ([row(lines[0]) { $0.name }] + lines.map { row($0) { $0.value } }).joined(separator: "\n") + "\n"
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
