import Foundation

/// Keeps the figures of the performance page: what stands between the markers is ours to rewrite.
enum Documents {
  private static let (begin, end) = (
    "<!-- figures: ./benchmark --update-docs -->", "<!-- end of figures -->"
  )

  static func update(_ path: String, with report: Report) throws {
    let page = try String(contentsOfFile: path, encoding: .utf8)
    guard let start = page.range(of: begin), let stop = page.range(of: end),
      start.upperBound <= stop.lowerBound
    else {
      throw BenchmarkError("\(path) has no '\(begin)' before a '\(end)'")
    }
    let updated =
      page[..<start.upperBound] + "\n\n" + figures(report) + "\n\n" + page[stop.lowerBound...]
    try String(updated).write(toFile: path, atomically: true, encoding: .utf8)
  }

  private static func figures(_ report: Report) -> String {
    let peaks = report.peakGigaflops.keys.sorted().map {
      "\(report.peakGigaflops[$0]!.digits(0)) GFLOP/s on \($0 == "1" ? "one core" : "\($0) cores")"
    }
    let noise =
      report.load > 0.5
      ? " **The machine was busy with other work (load \(report.load.digits(1)) at the start): ratios hold roughly, absolute rates do not.**"
      : ""
    return """
      \(report.machine); float32; medians of \(report.rounds) round\(report.rounds == 1 ? "" : "s") in which the \
      contenders take turns of \(report.sliceSeconds.short) s; seconds of the \(report.clock). \
      oneDNN's peak in this process: \(peaks.joined(separator: ", ")).\(report.peer.map { " Peer: \($0)." } ?? "")\(noise)

      ### What was promised, and what is kept

      \(Bar.markdown(report))

      ### All rows

      \(Table.markdown(report.rows))

      ### Where a step goes (one core)

      \(Table.markdown(report.roofline))
      """
  }
}
