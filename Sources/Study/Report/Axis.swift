import Foundation

/// A range of values on a stretch of a drawing, with round ticks.
struct Axis {
    let low: Double
    let high: Double
    let ticks: [Double]
    private let step: Double

    /// - Parameters:
    ///   - values: what must be seen; one value, or none, gets a range around it.
    ///   - count: about so many ticks.
    init(_ values: [Double], count: Int = 5, keepsEnds: Bool = false) {
        let known = values.filter(\.isFinite)
        var low = known.min() ?? 0
        var high = known.max() ?? 1
        if high - low < 1e-9 { (low, high) = (low - 0.5, high + 0.5) }
        step = Self.round((high - low) / Double(max(1, count)))
        if keepsEnds {
            self.low = low
            self.high = high
        } else {
            self.low = (low / step).rounded(.down) * step
            self.high = (high / step).rounded(.up) * step
        }
        let first = Int((self.low / step - 1e-9).rounded(.up))
        let last = Int((self.high / step + 1e-9).rounded(.down))
        let step = step
        ticks = first <= last ? (first...last).map { Double($0) * step } : []
    }

    /// Where a value lies, from 0 (low) to 1 (high).
    func position(_ value: Double) -> Double { (value - low) / (high - low) }

    func text(_ tick: Double) -> String {
        if abs(tick) >= 10_000, tick == tick.rounded() { return "\(grouped(Int(tick)))" }
        let digits = max(0, Int(-log10(step).rounded(.down)))
        return String(format: "%.\(min(6, digits))f", tick == 0 ? 0 : tick).replacing("-", with: "−")
    }

    /// The next of 1, 2, 5, 10, ...
    private static func round(_ step: Double) -> Double {
        let magnitude = pow(10, log10(step).rounded(.down))
        let digit = step / magnitude
        return magnitude * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10)
    }
}
