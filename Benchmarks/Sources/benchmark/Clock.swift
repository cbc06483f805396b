import Foundation

/// What a second is. The wall's is what a user waits for; the processor's leaves out the time that a busy machine
/// gave to others, and is the fairer one there for work on one thread.
enum Clock: String, CaseIterable {
  case wall, processor
}

/// Seconds by both clocks.
struct Instant {
  var wall: Double
  /// Of all threads of this process.
  var processor: Double

  static func now() -> Instant {
    func read(_ id: clockid_t) -> Double {
      var t = timespec()
      clock_gettime(id, &t)
      return Double(t.tv_sec) + Double(t.tv_nsec) * 1e-9
    }
    return Instant(wall: read(CLOCK_MONOTONIC), processor: read(CLOCK_PROCESS_CPUTIME_ID))
  }

  static func - (a: Instant, b: Instant) -> Instant {
    Instant(wall: a.wall - b.wall, processor: a.processor - b.processor)
  }
}

/// A stretch of work: what it did and how long it took.
struct Slice {
  var samples: Double
  var took: Instant

  /// Samples a second. Processor time does not see threads wait for each other, so more than one thread is timed
  /// by the wall.
  func rate(_ clock: Clock, threads: Int) -> Double {
    samples / (clock == .processor && threads == 1 ? took.processor : took.wall)
  }
}

extension Array where Element == Double {
  var median: Double {
    guard !isEmpty else { return .nan }
    let sorted = sorted()
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2
  }
}
