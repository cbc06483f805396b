import Evaluation
import Foundation

/// A relative difference of totals with its interval.
public struct Lift: Sendable, Codable, Equatable {
    /// Totals of the arms.
    public let a: Double
    public let b: Double
    /// b / a - 1; nil when arm A has nothing.
    public let lift: Double?
    /// Over users, paired; nil when the lift is, or for a single user.
    public let interval: ConfidenceInterval?
    /// Half the width of the interval of the same test with different users in the arms.
    public let unpairedHalfWidth: Double?

    /// The delta method for a ratio of means over n users: with r = b / a,
    /// var(r) = (1 / n) mean((b_i - r a_i)^2) / mean(a)^2 in the paired test, and
    /// (1 / n) (var(b) + r^2 var(a)) / mean(a)^2 with other users in arm A. Student's t with n - 1 degrees of freedom.
    init(a: [Double], b: [Double], confidence: Double = 0.95) {
        precondition(a.count == b.count, "Lift: \(a.count) and \(b.count) users")
        let n = Double(a.count)
        let (sumA, sumB) = (a.reduce(0, +), b.reduce(0, +))
        self.a = sumA
        self.b = sumB
        guard sumA > 0, n > 1 else {
            lift = nil
            interval = nil
            unpairedHalfWidth = nil
            return
        }
        let ratio = sumB / sumA
        let meanA = sumA / n, meanB = sumB / n
        var paired = 0.0, varA = 0.0, varB = 0.0
        for i in a.indices {
            paired += (b[i] - ratio * a[i]) * (b[i] - ratio * a[i])
            varA += (a[i] - meanA) * (a[i] - meanA)
            varB += (b[i] - meanB) * (b[i] - meanB)
        }
        let t = StudentT(degreesOfFreedom: n - 1).quantile((1 + confidence) / 2)
        let half = t * (paired / (n - 1) / n).squareRoot() / meanA
        lift = ratio - 1
        interval = ConfidenceInterval(lower: ratio - 1 - half, upper: ratio - 1 + half, confidence: confidence)
        unpairedHalfWidth = t * ((varB + ratio * ratio * varA) / (n - 1) / n).squareRoot() / meanA
    }

    /// What the interval allows to say.
    public var verdict: String {
        guard let interval else { return "no answer" }
        if interval.lower > 0 { return "B is better" }
        if interval.upper < 0 { return "A is better" }
        return "cannot tell"
    }
}

/// The outcome of an A/B test, day by day and in all.
public struct ABReport: Sendable, Codable, Equatable {
    public struct Day: Sendable, Codable, Equatable {
        /// From 1; nil: all days.
        public var day: Int?
        /// Pages that each arm filled.
        public var pages: Int
        public var clicks: Lift
        public var conversions: Lift
        public var revenue: Lift
    }

    public var armA: String
    public var armB: String
    public var users: Int
    public var days: [Day]
    public var total: Day

    init(names: (String, String), tallies: ([[ABTest.Tally]], [[ABTest.Tally]]), pages: [Int], days count: Int) {
        armA = names.0
        armB = names.1
        users = tallies.0.count
        func lift(_ range: Range<Int>, _ value: (ABTest.Tally) -> Double) -> Lift {
            func sums(_ users: [[ABTest.Tally]]) -> [Double] { users.map { days in range.reduce(0) { $0 + value(days[$1]) } } }
            return Lift(a: sums(tallies.0), b: sums(tallies.1))
        }
        func day(_ range: Range<Int>, _ number: Int?) -> Day {
            Day(
                day: number, pages: range.reduce(0) { $0 + pages[$1] }, clicks: lift(range) { Double($0.clicks) },
                conversions: lift(range) { Double($0.purchases) }, revenue: lift(range) { Double($0.revenue) })
        }
        days = (0..<count).map { day($0..<$0 + 1, $0 + 1) }
        total = day(0..<count, nil)
    }

    /// A row a day and one for all; lifts in per cent with their intervals.
    public var table: TextTable {
        var table = TextTable([
            "day", "pages", "clicks A", "clicks B", "lift, %", "conversions A", "conversions B", "lift, % ",
        ])
        for day in days + [total] {
            table.add([
                day.day.map(String.init) ?? "all", "\(day.pages)", "\(Int(day.clicks.a))", "\(Int(day.clicks.b))",
                Self.percent(day.clicks), "\(Int(day.conversions.a))", "\(Int(day.conversions.b))",
                Self.percent(day.conversions),
            ])
        }
        return table
    }

    /// What the test says, in words.
    public var summary: String {
        var text = """
            \(users) users, each in both arms. Clicks: \(total.clicks.verdict), \(Self.percent(total.clicks)) %. \
            Conversions: \(total.conversions.verdict), \(Self.percent(total.conversions)) %. \
            Revenue: \(total.revenue.verdict), \(Self.percent(total.revenue)) %.
            """
        if let interval = total.clicks.interval, let unpaired = total.clicks.unpairedHalfWidth {
            let half = (interval.upper - interval.lower) / 2
            text += String(
                format: "\nWith other users in the arms, as in a test on the air, the interval of clicks would be ± %.2f %% in place of ± %.2f %%.",
                100 * unpaired, 100 * half)
        }
        return text
    }

    static func percent(_ lift: Lift) -> String {
        guard let value = lift.lift, let interval = lift.interval else { return "–" }
        return String(format: "%+.2f [%+.2f, %+.2f]", 100 * value, 100 * interval.lower, 100 * interval.upper)
    }

    public func markdown() -> String {
        """
        # A/B test: \(armA) (A) against \(armB) (B)

        \(table.markdown())

        \(summary)

        Lift is B over A less one; intervals of 95 % over users, paired.

        """
    }
}
