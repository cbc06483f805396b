import Evaluation
import Foundation

// How numbers are written in labels, tables and sentences.

/// `3` for 3.0, `0.1` for 0.1.
func brief(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? String(value) }

/// Six significant digits at most.
func short(_ value: Double) -> String { String(format: "%g", value) }

/// `10 %`, `2.5 %`.
func percent(_ share: Double) -> String { "\(brief((share * 1000).rounded() / 10)) %" }

/// `0.7152`
func four(_ value: Double) -> String { String(format: "%.4f", value) }

/// `+0.0041`, with a true minus.
func signed(_ value: Double) -> String {
    String(format: "%+.4f", value).replacing("-", with: "−")
}

/// `[−0.0010, +0.0092]`, or `[0.6500, 0.6602]`
func range(_ interval: ConfidenceInterval, isSigned: Bool = true) -> String {
    let text = isSigned ? signed : four
    return "[\(text(interval.lower)), \(text(interval.upper))]"
}

/// `0.7152 ± 0.0062` over seeds; one value as it is.
func spread(_ spread: SeedSpread?, confidence: Double = 0.95) -> String {
    guard let spread else { return "–" }
    guard let interval = spread.interval(confidence: confidence) else { return four(spread.mean) }
    return "\(four(spread.mean)) ± \(four(interval.upper - spread.mean))"
}

/// `1,672,272`
func grouped(_ count: Int) -> String {
    var digits = String(count.magnitude)
    var groups: [String] = []
    while digits.count > 3 {
        groups.insert(String(digits.suffix(3)), at: 0)
        digits.removeLast(3)
    }
    return (count < 0 ? "−" : "") + ([digits] + groups).joined(separator: ",")
}

/// `1 seed`, `5 seeds`
func counted(_ count: Int, _ noun: String) -> String { "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")" }
