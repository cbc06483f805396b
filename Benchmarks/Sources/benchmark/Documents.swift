import Foundation

/// Keeps the figures of the performance page: what stands between the markers is ours to rewrite. Each part has markers
/// of its own, so that a run of some suites leaves the others' figures alone.
enum Documents {
  private static func markers(_ part: Part) -> (begin: String, end: String) {
    ("<!-- figures of \(part.rawValue): ./benchmark --update-docs -->", "<!-- end of figures of \(part.rawValue) -->")
  }

  static func update(_ path: String, with report: Report) throws {
    var page = try String(contentsOfFile: path, encoding: .utf8)
    for part in Part.allCases where report.parts.contains(part) {
      let (begin, end) = markers(part)
      guard let start = page.range(of: begin), let stop = page.range(of: end),
        start.upperBound <= stop.lowerBound
      else {
        throw BenchmarkError("\(path) has no '\(begin)' before a '\(end)'")
      }
      page.replaceSubrange(
        start.upperBound..<stop.lowerBound, with: "\n\n" + figures(part, report) + "\n\n")
    }
    try page.write(toFile: path, atomically: true, encoding: .utf8)
  }

  private static func figures(_ part: Part, _ report: Report) -> String {
    let peaks = report.peakGigaflops.keys.sorted().map {
      "\(report.peakGigaflops[$0]!.digits(0)) GFLOP/s on \($0 == "1" ? "one core" : "\($0) cores")"
    }
    let noise =
      report.load > 0.5
      ? " **The machine was busy with other work (load \(report.load.digits(1)) at the start): ratios hold roughly, absolute rates do not.**"
      : ""
    let turns =
      "medians of \(report.rounds) round\(report.rounds == 1 ? "" : "s") in which the contenders take turns of "
      + "\(report.sliceSeconds.short) s; seconds of the \(report.clock)."
    let peak = part == .training ? " oneDNN's peak in this process: \(peaks.joined(separator: ", "))." : ""
    let peer = part == .training ? report.peer.map { " Peer: \($0)." } ?? "" : ""
    let roofline =
      part == .training ? "\n\n### Where a step goes (one core)\n\n\(Table.markdown(report.roofline))" : ""
    return """
      \(report.machine); float32; \(turns)\(peak)\(peer)\(noise)

      ### What was promised, and what is kept

      \(Bar.markdown(part, report))

      ### All rows

      \(Table.markdown(report.rows.filter { $0.part == part }))\(roofline)
      """
  }
}
