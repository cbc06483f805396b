import Foundation

/// Everything `./benchmark` measures, in the order of the page it keeps: docs/performance.md.
func benchmark(_ options: Options) throws {
  // Not `print`: it keeps lines back when standard output is a file.
  func say(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
  let peak = GemmPeak(options.clock)
  let suites = Suites(options: options, peak: peak, log: say)
  var report = Report(
    machine: "\(Machine.processor), \(Cores.count) core\(Cores.count == 1 ? "" : "s")",
    clock: options.clock.rawValue,
    rounds: options.rounds, sliceSeconds: options.sliceSeconds, load: Machine.load)
  say(
    "\(report.machine); load \(report.load.digits(2)); \(report.rounds) rounds of \(report.sliceSeconds.short) s"
  )

  func wants(_ suite: Options.SuiteName) -> Bool { options.suites.contains(suite) }
  if !options.suites.isDisjoint(with: Options.SuiteName.training) { report.parts.insert(.training) }
  if wants(.peers) {
    for threads in options.threads where threads <= Cores.count {
      report.rows += try suites.peers(threads: threads) {
        report.peer = "PyTorch \($0.torch), \($0.attention) attention, \($0.allocator) allocator"
      }
    }
  }
  if wants(.precision) { report.rows += try suites.precision() }
  if wants(.manners) { report.rows += try suites.manners() }
  if wants(.workers) { report.rows += try suites.workers() }
  if wants(.tables) { report.rows += try suites.tables() }
  if wants(.sequences) { report.rows += try suites.sequences() }
  if wants(.input) { report.rows += try suites.input() }
  if wants(.roofline) {
    let roofline = Roofline(options: options)
    for workload in [Workload.ctrBaseline, .ctrShareStar, .cvrBaseline, .cvrShare] {
      say(workload.name)
      let rows = try roofline.rows(workload)
      rows.forEach { say(Table.line($0)) }
      report.roofline += rows
    }
  }
  if wants(.retrieval) { report.add(try RetrievalSuite(options: options, log: say).rows(), to: .ranking) }
  if wants(.serveCore) { report.add(try ServingSuite(options: options, log: say).rows(), to: .ranking) }
  if wants(.http) { report.add(try suites.http(), to: .server) }
  for threads in [1, 2] {
    let flops = peak.flopsPerSecond(threads: threads)
    if flops.isFinite { report.peakGigaflops["\(threads)"] = flops * 1e-9 }
  }
  say("")
  for bar in Part.allCases.filter(report.parts.contains).flatMap({ Bar.of($0, report) }) {
    say(
      "\(bar.verdict): \(bar.text)"
        + bar.figures.map { "\n    \($0.isMet ? "+" : "-") \($0.text)" }.joined())
  }
  if let json = options.json { try report.write(to: json) }
  if let page = options.documents { try Documents.update(page, with: report) }
}

enum Machine {
  static var processor: String {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = lines.split(separator: "\n").first { $0.hasPrefix("model name") }
    return model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
      ?? "unknown processor"
  }
  /// One-minute load average.
  static var load: Double {
    let text = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
    return text.split(separator: " ").first.flatMap { Double($0) } ?? .nan
  }
}

let arguments = Array(CommandLine.arguments.dropFirst())
if arguments.contains("--help") || arguments.contains("-h") {
  print(Options.usage)
  exit(0)
}
do {
  try benchmark(Options(arguments))
} catch {
  FileHandle.standardError.write(Data("error: \(error)\n".utf8))
  exit(1)
}
