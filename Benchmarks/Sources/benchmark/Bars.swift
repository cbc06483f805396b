/// What was promised, and whether a report keeps it.
struct Bar {
  var text: String
  /// Each figure that the bar is about, and whether it is good enough.
  var figures: [(text: String, isMet: Bool)]
  /// Why nothing was measured.
  var absence = "not measured in this run"

  var verdict: String {
    if figures.isEmpty { return absence }
    return figures.allSatisfy(\.isMet)
      ? "met" : figures.contains(where: \.isMet) ? "partly met" : "**not met**"
  }

  static func of(_ part: Part, _ report: Report) -> [Bar] {
    switch part {
    case .training: training(report)
    case .ranking: ranking(report)
    case .server: server(report)
    }
  }

  private static func training(_ report: Report) -> [Bar] {
    func figures(
      _ names: [String], peer: String? = nil, _ isMet: (Row) -> Bool,
      value: (Row) -> String = { $0.ratio.digits(2) + "x" }
    ) -> [(text: String, isMet: Bool)] {
      names.flatMap { name in
        report.rows.filter { $0.name == name && (peer == nil || $0.peerName == peer) }
          .map { ("`\($0.name)`, \($0.threads) thr: \(value($0))", isMet($0)) }
      }
    }
    func ratio(_ names: String..., peer: String? = nil, atLeast bar: Double) -> [(
      text: String, isMet: Bool
    )] {
      figures(names, peer: peer, { $0.ratio >= bar })
    }
    let ctr = ["ctr-baseline", "ctr-pfd+md-share*"]
    let floor = Dictionary(
      grouping: report.rows.filter { 
        (ctr + ["cvr-baseline", "cvr-pfd-share"]).contains($0.name) && $0.precision == "float32"
      }
    ) {
      "`\($0.name)`, \($0.threads) thr"
    }
    return [
      Bar(
        text: "CTR baseline and PFD+MD Share\\*: at least 2.0x the deduplicated PyTorch",
        figures: figures(ctr, peer: "pytorch-deduplicated", { $0.ratio >= 2 })),
      Bar(
        text: "the same: at least 12x the plain PyTorch",
        figures: figures(ctr, peer: "pytorch-plain", { $0.ratio >= 12 })),
      Bar(
        text: "CVR baseline and PFD share, nothing to deduplicate: at least 2x the plain PyTorch",
        figures: ratio("cvr-baseline", "cvr-pfd-share", peer: "pytorch-plain", atLeast: 2)),
      Bar(
        text: "counted operations at 85 % of oneDNN's peak or better, over the whole step",
        figures: floor.keys.sorted().compactMap { key in
          floor[key]?.first?.floorFraction.map { ("\(key): \(($0 * 100).digits(0)) %", $0 >= 0.85) }
        }),
      Bar(
        text: "`precision: bfloat16` at least 1.6x our float32",
        figures: report.rows.filter { $0.precision == "bfloat16" }.map {
          ("`\($0.name)`, \($0.threads) thr: \($0.ratio.digits(2))x", $0.ratio >= 1.6)
        }, absence: "not measured in this run (it needs a processor with AVX512_BF16)"),
      Bar(
        text: "PFD+MD Share\\*: time over the baseline's no more than the operations say, plus 3 %",
        figures: report.rows.filter { $0.name == "manner-share*_sync" }.map { row in
          let allowed =
            Floor.flopsPerSample(.ctrShareStar) / Floor.flopsPerSample(.ctrBaseline) * 1.03
          return (
            "\((1 / row.ratio).digits(2))x, allowed \(allowed.digits(2))x", 1 / row.ratio <= allowed
          )
        }),
      Bar(
        text: "two workers at least 1.9x one, asynchronous",
        figures: ratio("two-workers-asynchronous", atLeast: 1.9)),
      Bar(
        text: "two workers at least 1.8x one, synchronous",
        figures: ratio("two-workers-synchronous", atLeast: 1.8)),
      Bar(
        text: "100 M embedding rows at least 70 % of the rate at 100 k",
        figures: ratio("rows-100M", atLeast: 0.7), absence: "not measured in this run (`--large`)"),
      Bar(text: "10 M embedding rows likewise", figures: ratio("rows-10M", atLeast: 0.7)),
      Bar(
        text: "memory at most parameters + optimiser state + 10 %",
        figures: figures(["memory-10M-rows", "memory-100M-rows"], { $0.ratio <= 1.1 })),
      Bar(
        text: "row-wise Adagrad halves it",
        figures: figures(["memory-row-wise-adagrad"], { $0.ratio <= 0.55 })),
      Bar(
        text: "Parquet to batches at least 10x the training rate, a core",
        figures: ratio("parquet-to-batches", atLeast: 10)),
      Bar(
        text: "prepared shards to batches at least 50x",
        figures: ratio("prepared-to-batches", atLeast: 50)),
      Bar(
        text: "decoding overlaps training: at least 95 % of the rate from memory",
        figures: ratio("train-from-parquet", atLeast: 0.95)),
      Bar(
        text: "padding costs nothing: 10 events where k is 50 as fast as where k is 10, within 5 %",
        figures: shortSequences(report)),
    ]
  }

  private static func shortSequences(_ report: Report) -> [(text: String, isMet: Bool)] {
    func ratio(_ name: String) -> Double? { report.rows.first { $0.name == name }?.ratio }
    guard let ours = ratio("sequences-10-of-50"), let exact = ratio("sequences-10-of-10") else {
      return []
    }
    return [("\((ours / exact).digits(2))x", ours / exact >= 0.95)]
  }

  static func markdown(_ part: Part, _ report: Report) -> String {
    (["| Bar | | Measured |", "|---|---|---|"]
      + of(part, report).map {
        "| \($0.text) | \($0.verdict) | \($0.figures.map(\.text).joined(separator: "; ")) |"
      })
      .joined(separator: "\n")
  }
}
