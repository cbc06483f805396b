extension Bar {
  /// What was promised of serving, as far as it can be measured without a server.
  static func ranking(_ report: Report) -> [Bar] {
    func figures(_ names: [String], threads: Int? = nil, atLeast bar: Double) -> [(text: String, isMet: Bool)] {
      report.rows.filter { names.contains($0.name) && (threads == nil || $0.threads == threads) }
        .map {
          (
            "`\($0.name)`, \($0.threads) thr: \($0.ours.short) \($0.unit), \($0.ratio.digits(2))x",
            $0.ratio >= bar
          )
        }
    }
    return [
      Bar(
        text: "top 1000 of 100,000 x 128, one query, one core: at most a third of faiss IndexFlatIP's time",
        figures: figures(["top-1000-of-100k-batch-1"], threads: 1, atLeast: 3)),
      Bar(
        text: "two cores faster than one", figures: figures(["top-1000-of-100k-two-cores"], atLeast: 1.001)),
      Bar(
        text: "a batch of 64 queries: at least 1.5x faiss a query",
        figures: figures(["top-1000-of-100k-batch-64"], atLeast: 1.5)),
      Bar(
        text: "a ranking in process (k = 50, 100,000 items, fine 200): p50 5 ms, p99 12 ms",
        figures: figures(["rank-100k-fine-200-p50", "rank-100k-fine-200-p99"], atLeast: 1)),
      Bar(
        text: "start to ready with a million items x 128 in at most 2 s",
        figures: figures(["start-1M-items", "start-1M-items-hashed-ids"], atLeast: 1)),
    ]
  }
}
