import CCores
import Foundation

/// Which cores the calling thread, and the threads and processes it starts from now on, may use. Where the system has
/// no such calls, nothing is pinned.
enum Cores {
  private static let all: [Int32] = {
    var numbers = [Int32](repeating: 0, count: 1024)
    let count = cores_allowed(&numbers, 1024)
    return Array(numbers.prefix(Int(count)))
  }()

  /// Cores of this process, as it was started.
  static var count: Int { all.isEmpty ? ProcessInfo.processInfo.activeProcessorCount : all.count }

  /// Runs `body` on the last `count` cores: interrupts mostly land on the first.
  static func using<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
    let some = Array(all.suffix(count))
    if !some.isEmpty { _ = cores_use(some, Int32(some.count)) }
    defer { if !all.isEmpty { _ = cores_use(all, Int32(all.count)) } }
    return try body()
  }
}
