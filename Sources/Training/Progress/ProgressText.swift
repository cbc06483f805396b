import Foundation

/// How numbers are written in progress lines; widths are steady so that a redrawn line does not jump.
enum ProgressText {
    /// `" 45 %"`, rounded down so that 100 % means done.
    static func percent(_ fraction: Double) -> String {
        String(format: "%3d %%", Int(fraction * 100))
    }

    /// `[###-----]` with `cells` between the brackets.
    static func bar(_ fraction: Double, cells: Int) -> String {
        let filled = Int(fraction * Double(cells))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: cells - filled)
            + "]"
    }

    /// `"0.1234"`; `nan` and `inf` as they are.
    static func number(_ value: Double) -> String {
        String(format: "%.4f", value)
    }

    /// `"12.3k samples/s"`.
    static func rate(_ samplesPerSecond: Double) -> String {
        let (scaled, unit) =
            switch samplesPerSecond {
            case 999_950...: (samplesPerSecond / 1e6, "M")
            case 999.95...: (samplesPerSecond / 1e3, "k")
            default: (samplesPerSecond, "")
            }
        return String(format: "%.1f", scaled) + unit + " samples/s"
    }

    /// `"0:05"`, `"1:02:03"`, `"2d 03:04"`; `"?"` beyond a thousand days.
    static func duration(seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 86_400_000 else { return "?" }
        let whole = Int(seconds.rounded())
        let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60)
        if days > 0 { return String(format: "%dd %02d:%02d", days, hours, minutes) }
        if hours > 0 { return String(format: "%d:%02d:%02d", hours, minutes, whole % 60) }
        return String(format: "%d:%02d", minutes, whole % 60)
    }
}
