extension Bar {
  /// What was promised of the HTTP server.
  static func server(_ report: Report) -> [Bar] {
    func figure(_ name: String, _ text: (Row) -> String, _ isMet: (Row) -> Bool) -> [(text: String, isMet: Bool)] {
      report.rows.filter { $0.name == name }.map { ("`\(name)`: \(text($0))", isMet($0)) }
    }
    func milliseconds(_ row: Row) -> String { "\(row.ours.digits(2)) ms" }
    return [
      Bar(
        text: "whole `/v1/rank` at half load, one process, 2 cores that it shares with the generator: p50 at most 5 ms, "
          + "p99 at most 12 ms",
        figures: figure("rank-half-load-p50", milliseconds, { $0.ours <= 5 })
          + figure("rank-half-load-p99", milliseconds, { $0.ours <= 12 })),
      Bar(
        text: "p99 with a hot swap every 5 s at most 1.5x the p99 without",
        figures: figure("rank-swap-p99", { "\($0.ratio.digits(2))x" }, { $0.ratio <= 1.5 })),
      Bar(
        text: "no failed request in 100,000 with swaps going on",
        figures: figure(
          "rank-swap-failed", { "\($0.ours.digits(0)) of \($0.peer.digits(0))" }, { $0.ours == 0 && $0.peer >= 100_000 })),
      Bar(
        text: "three times the capacity: goodput at least 90 % of it, memory within a quarter",
        figures: figure("rank-overload-goodput", { "\(($0.ratio * 100).digits(0)) %" }, { $0.ratio >= 0.9 })
          + figure("rank-overload-memory", { "\($0.ours.digits(0)) MiB, \($0.ratio.digits(2))x" }, { $0.ratio <= 1.25 })),
    ]
  }
}
