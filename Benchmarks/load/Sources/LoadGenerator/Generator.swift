import CEpoll
import Foundation

/// Sends requests as a plan says and reports what came back: one thread, one epoll, no work that the server's cores
/// would miss.
public final class Generator {
  private let plan: LoadPlan
  private let requests: RequestSet
  private let epoll: Int32
  private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)
  private let tallyKey: [UInt8]?

  private var connections: [Int32: Connection] = [:]
  /// Free connections, the last used on top: the others may grow old and be closed.
  private var idle: [Connection] = []
  /// Arrivals that wait for a connection, oldest first.
  private var waiting: [UInt64] = []
  private var waitingHead = 0
  private var running = 0
  private var random: SplitMix64

  private let start: UInt64
  private let measureFrom: UInt64
  /// From then on nothing is sent any more.
  private var stop: UInt64
  private var measured = 0

  private var report = LoadReport(seconds: 0, okPerSecond: 0)
  private var ok = Histogram()
  private var other = Histogram()
  private var delay = Histogram()
  private var watch: ProcessWatch?
  private var serverAtStart: Double?
  private var ownAtStart = 0.0
  private var isMeasuring = false

  /// Samples of memory, and looks for timeouts, are so far apart.
  private static let tick: UInt64 = 100_000_000
  /// Free connections are closed after so long, before a server does it while a request is on its way.
  private static let idleLimit: UInt64 = 5_000_000_000

  public static func run(_ plan: LoadPlan, _ requests: RequestSet) throws(LoadError) -> LoadReport {
    try plan.check()
    return try Generator(plan, requests).run()
  }

  private init(_ plan: LoadPlan, _ requests: RequestSet) throws(LoadError) {
    self.plan = plan
    self.requests = requests
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard epoll >= 0 else { throw LoadError("no epoll: \(String(cString: strerror(errno)))") }
    random = SplitMix64(state: plan.seed)
    tallyKey = plan.tally.map { Array("\"\($0)\":\"".utf8) }
    watch = plan.process.map { ProcessWatch($0) }
    start = Self.now()
    measureFrom = start + UInt64(plan.warmUpSeconds * 1e9)
    stop = measureFrom + UInt64(plan.seconds * 1e9)
  }

  deinit {
    for connection in connections.values { connection.close() }
    Glibc.close(epoll)
    scratch.deallocate()
  }

  static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  private static func ownProcessorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  // MARK: The loop

  private func run() -> LoadReport {
    var arrivals: Arrivals?
    if case .open(let rate) = plan.loop {
      arrivals = Arrivals(start: start, perSecond: rate, seed: plan.seed ^ 0xA5A5)
    }
    var nextTick = start + Self.tick
    var events = [epoll_event](repeating: epoll_event(), count: 256)
    var hasStopped = false
    while true {
      let now = Self.now()
      if now >= measureFrom, !isMeasuring { beginMeasuring() }
      if now >= nextTick {
        tick(now)
        nextTick = now + Self.tick
      }
      if now < stop {
        if arrivals != nil { admit(&arrivals!, now) } else { fill(now) }
      }
      dispatch()
      // `stop` moves to the present when enough was sent.
      if Self.now() >= stop, !hasStopped {
        hasStopped = true
        endSending()
      }
      if hasStopped, running == 0, waitingHead == waiting.count { break }
      let until = min(nextTick, hasStopped ? .max : min(stop, arrivals?.next ?? .max, isMeasuring ? .max : measureFrom))
      let count = wait(until: until, &events)
      for event in events.prefix(Int(max(0, count))) { handle(event) }
    }
    return finished()
  }

  /// One call a round: a timer of its own would take two more.
  private func wait(until when: UInt64, _ events: inout [epoll_event]) -> Int32 {
    let now = Self.now()
    let left = when > now ? when - now : 0
    var time = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
    return epoll_pwait2(epoll, &events, Int32(events.count), &time, nil)
  }

  private func handle(_ event: epoll_event) {
    // Closed earlier in the same round, perhaps.
    guard let connection = connections[event.data.fd] else { return }
    let outcome = connection.handle(event.events, requests, scratch: scratch, now: Self.now)
    settle(connection, outcome)
  }

  // MARK: Sending

  private var isEnough: Bool { plan.requests.map { measured >= $0 } ?? false }

  /// Arrivals whose time has come.
  private func admit(_ arrivals: inout Arrivals, _ now: UInt64) {
    while arrivals.next <= now, arrivals.next < stop, !isEnough {
      accept(arrivals.next)
      arrivals.advance()
    }
    if isEnough { stop = now }
  }

  /// A closed loop: every connection has a request on it.
  private func fill(_ now: UInt64) {
    while running + waiting.count - waitingHead < plan.connections, !isEnough { accept(now) }
    if isEnough { stop = now }
  }

  private func accept(_ arrival: UInt64) {
    waiting.append(arrival)
    if arrival >= measureFrom { measured += 1 }
  }

  private func dispatch() {
    while waitingHead < waiting.count, let connection = free() {
      let arrival = waiting[waitingHead]
      waitingHead += 1
      running += 1
      let exchange = Connection.Exchange(
        request: Int.random(in: 0..<requests.count, using: &random), arrival: arrival,
        isMeasured: arrival >= measureFrom)
      settle(connection, connection.start(exchange, requests, now: Self.now))
    }
    if waitingHead > 4096 {
      waiting.removeFirst(waitingHead)
      waitingHead = 0
    }
  }

  private func free() -> Connection? {
    if let connection = idle.popLast() { return connection }
    while connections.count < plan.connections, waitingHead < waiting.count {
      if let connection = Connection(port: plan.port, epoll: epoll) {
        connections[connection.socket] = connection
        report.connected += 1
        report.openConnections = max(report.openConnections, connections.count)
        return connection
      }
      // The oldest arrival has met a server that does not listen.
      if waiting[waitingHead] >= measureFrom { report.failures.connect += 1 }
      waitingHead += 1
    }
    return nil
  }

  // MARK: Answers

  private func settle(_ connection: Connection, _ outcome: Connection.Outcome) {
    switch outcome {
    case .nothing: break
    case .closedIdle: drop(connection)
    case .answered(let response):
      running -= 1
      record(connection.finish(), response)
      if response.keepsAlive {
        connection.idleSince = Self.now()
        idle.append(connection)
      } else {
        drop(connection)
      }
    case .failed(let reason):
      if connection.exchange != nil {
        running -= 1
        if connection.finish().isMeasured { report.failures[keyPath: reason] += 1 }
      }
      drop(connection)
    }
  }

  private func drop(_ connection: Connection) {
    idle.removeAll { $0 === connection }
    connections[connection.socket] = nil
    connection.close()
  }

  private func record(_ exchange: Connection.Exchange, _ response: Response) {
    guard exchange.isMeasured else { return }
    let now = Self.now()
    report.statuses["\(response.status)", default: 0] += 1
    delay.record(nanoseconds: (exchange.firstByteSent ?? now) - exchange.arrival)
    guard response.status == 200 else { return other.record(nanoseconds: now - exchange.arrival) }
    ok.record(nanoseconds: now - exchange.arrival)
    let second = Int((now - measureFrom) / 1_000_000_000)
    if second >= report.timeline.count {
      report.timeline += Array(repeating: 0, count: second - report.timeline.count + 1)
    }
    report.timeline[second] += 1
    if let tallyKey { report.tally[value(after: tallyKey, in: response.body), default: 0] += 1 }
  }

  private func value(after key: [UInt8], in body: [UInt8]) -> String {
    guard let place = body.firstRange(of: key) else { return "" }
    return String(decoding: body[place.upperBound...].prefix { $0 != UInt8(ascii: "\"") }.prefix(128), as: UTF8.self)
  }

  // MARK: Time

  private func tick(_ now: UInt64) {
    if isMeasuring, now < stop { watch?.sample() }
    let timeout = UInt64(plan.timeoutSeconds * 1e9)
    for connection in connections.values {
      if let exchange = connection.exchange, exchange.arrival + timeout < now {
        settle(connection, .failed(\.timeout))
      } else if connection.exchange == nil, connection.idleSince + Self.idleLimit < now {
        drop(connection)
      }
    }
    while waitingHead < waiting.count, waiting[waitingHead] + timeout < now {
      if waiting[waitingHead] >= measureFrom { report.failures.unsent += 1 }
      waitingHead += 1
    }
  }

  private func beginMeasuring() {
    isMeasuring = true
    watch?.sample()
    serverAtStart = watch?.processorSeconds()
    ownAtStart = Self.ownProcessorSeconds()
  }

  private func endSending() {
    watch?.sample()
    report.seconds = Double(stop - min(stop, measureFrom)) * 1e-9
    report.ownProcessorSeconds = Self.ownProcessorSeconds() - ownAtStart
    if let before = serverAtStart, let after = watch?.processorSeconds() {
      report.serverProcessorSeconds = after - before
    }
  }

  private func finished() -> LoadReport {
    report.memory = watch?.memory
    report.ok = Int(ok.count)
    report.requests = measured
    report.okPerSecond = report.seconds > 0 ? Double(report.ok) / report.seconds : 0
    (report.latency, report.otherLatency, report.delay) = (.init(ok), .init(other), .init(delay))
    return report
  }
}
