import Synchronization

/// A number that only grows, by labels.
final class CounterFamily: Sendable {
    let name: String
    let help: String
    let labels: [String]
    private let values = Mutex<[[String]: Int]>([:])

    /// - Parameter start: labels that are shown as 0 before anything was counted.
    init(_ name: String, _ help: String, labels: [String] = [], start: [[String]] = []) {
        self.name = name
        self.help = help
        self.labels = labels
        for labels in start { add(0, labels) }
        if labels.isEmpty { add(0, []) }
    }

    func add(_ amount: Int = 1, _ labels: [String] = []) {
        precondition(labels.count == self.labels.count, "\(name): labels \(labels)")
        values.withLock { $0[labels, default: 0] += amount }
    }

    func value(_ labels: [String] = []) -> Int { values.withLock { $0[labels] ?? 0 } }

    func write(to text: inout PrometheusText) {
        let values = values.withLock { $0 }
        text.begin(name, help, "counter")
        for (key, value) in values.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            text.sample(name, zip(labels, key), Double(value))
        }
    }
}

/// How often observations fell under each of some bounds, by one label.
final class HistogramFamily: Sendable {
    private struct Series {
        var counts: [Int]
        var sum = 0.0
    }

    let name: String
    let help: String
    let label: String?
    /// Ascending upper bounds; what is above the last falls in `+Inf`.
    let bounds: [Double]
    private let series = Mutex<[String: Series]>([:])

    /// From 50 µs to 10 s.
    static let seconds = [
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.004, 0.005, 0.007_5, 0.01, 0.015, 0.025, 0.05, 0.1,
        0.25, 0.5, 1, 2.5, 5, 10,
    ]

    init(_ name: String, _ help: String, label: String? = nil, bounds: [Double] = seconds, start: [String] = []) {
        self.name = name
        self.help = help
        self.label = label
        self.bounds = bounds
        let empty = Series(counts: Array(repeating: 0, count: bounds.count + 1))
        series.withLock { series in
            for value in label == nil ? [""] : start { series[value] = empty }
        }
    }

    func observe(_ value: Double, _ label: String = "") { observe(all: CollectionOfOne(value), label) }

    func observe(all values: some Sequence<Double>, _ label: String = "") {
        series.withLock { series in
            var one = series.removeValue(forKey: label) ?? Series(counts: Array(repeating: 0, count: bounds.count + 1))
            for value in values {
                var low = 0, high = bounds.count
                while low < high {
                    let middle = (low + high) / 2
                    if value <= bounds[middle] { high = middle } else { low = middle + 1 }
                }
                one.counts[low] += 1
                one.sum += value
            }
            series[label] = one
        }
    }

    func write(to text: inout PrometheusText) {
        let series = series.withLock { $0 }
        text.begin(name, help, "histogram")
        for (value, one) in series.sorted(by: { $0.key < $1.key }) {
            let labels = label.map { [($0, value)] } ?? []
            var total = 0
            for (count, bound) in zip(one.counts, bounds + [.infinity]) {
                total += count
                text.sample("\(name)_bucket", labels + [("le", PrometheusText.number(bound))], Double(total))
            }
            text.sample("\(name)_sum", labels, one.sum)
            text.sample("\(name)_count", labels, Double(total))
        }
    }
}

/// The exposition format of Prometheus, version 0.0.4.
struct PrometheusText {
    private(set) var text = ""

    mutating func begin(_ name: String, _ help: String, _ type: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: some Sequence<(String, String)>, _ value: Double) {
        let pairs = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
        text += pairs.isEmpty ? "\(name) \(Self.number(value))\n" : "\(name){\(pairs)} \(Self.number(value))\n"
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        begin(name, help, "gauge")
        sample(name, [(String, String)](), value)
    }

    static func number(_ value: Double) -> String {
        if value == .infinity { return "+Inf" }
        if value == -.infinity { return "-Inf" }
        if value.isNaN { return "NaN" }
        return abs(value) < 1e15 && value == value.rounded() ? String(Int(value)) : value.description
    }

    private static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 == 10 }) else { return text }
        return text.reduce(into: "") { result, character in
            switch character {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
    }
}
