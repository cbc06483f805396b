import Foundation

extension Double {
  /// With so many decimals.
  func digits(_ decimals: Int) -> String { String(format: "%.\(decimals)f", self) }

  /// With about three significant digits, in thousands where large.
  var short: String {
    if abs(self) >= 1000 { return String(Int(rounded())) }
    return digits(abs(self) >= 100 ? 0 : abs(self) >= 10 ? 1 : 2)
  }
}

/// The tables, for a terminal and for the documentation.
enum Table {
  static func line(_ row: Row) -> String {
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(1, width - text.count))
    }
    return padded(row.name, 28) + padded("\(row.threads) thr", 7)
      + padded("\(row.ours.short) \(row.unit)", 22)
      + padded("\(row.peerName) \(row.peer.short)", 46) + padded("\(row.ratio.digits(2))x", 9)
      + padded(row.floorFraction.map { "floor \(($0 * 100).digits(0)) %" } ?? "", 12) + row.note
  }

  static func line(_ row: RooflineRow) -> String {
    let name = (row.isPart ? "    " : "  ") + row.family
    return name + String(repeating: " ", count: max(1, 44 - name.count))
      + "\(row.milliseconds.digits(2)) ms".leftPadded(10)
      + "\((row.share * 100).digits(1)) %".leftPadded(9)
      + (row.gigaflops.map { "\($0.digits(0)) GFLOP/s" } ?? "").leftPadded(14)
  }

  static func markdown(_ rows: [Row]) -> String {
    var lines = [
      "| What | Threads | Ours | Held against | Its figure | Ratio | Of the floor | |",
      "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows {
      lines.append(
        "| `\(row.name)` | \(row.threads) | \(row.ours.short) \(row.unit) | \(row.peerName) | \(row.peer.short) | "
          + "\(row.ratio.digits(2)) | \(row.floorFraction.map { "\(($0 * 100).digits(0)) %" } ?? "") | \(row.note) |"
      )
    }
    return lines.joined(separator: "\n")
  }

  static func markdown(_ rows: [RooflineRow]) -> String {
    var lines: [String] = []
    for (i, row) in rows.enumerated() {
      if i == 0 || rows[i - 1].workload != row.workload {
        if i > 0 { lines.append("") }
        lines += [
          "`\(row.workload)`", "", "| Where | ms | Of the step | GFLOP/s |", "|---|---|---|---|",
        ]
      }
      lines.append(
        "| \(row.isPart ? "– " : "")\(row.family) | \(row.milliseconds.digits(2)) | "
          + "\((row.share * 100).digits(1)) % | \(row.gigaflops.map { $0.digits(0) } ?? "") |")
    }
    return lines.joined(separator: "\n")
  }
}

extension String {
  fileprivate func leftPadded(_ width: Int) -> String {
    String(repeating: " ", count: max(1, width - count)) + self
  }
}
