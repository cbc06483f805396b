import Foundation

/// Reads a process's memory and processor time from /proc.
struct ProcessWatch {
  let process: Int32
  private(set) var memory: LoadReport.Memory?

  init(_ process: Int32) { self.process = process }

  mutating func sample() {
    guard let now = resident() else { return }
    if memory == nil { memory = .init(first: now, maximum: now, last: now) }
    memory!.maximum = max(memory!.maximum, now)
    memory!.last = now
  }

  /// MiB.
  private func resident() -> Double? {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
      let kibibytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({ Double($0) })
    else { return nil }
    return kibibytes / 1024
  }

  /// User and system time of all its threads so far.
  func processorSeconds() -> Double? {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      // The name in parentheses may hold blanks.
      let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
