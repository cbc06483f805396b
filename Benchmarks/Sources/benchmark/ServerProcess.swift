import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// `hindsight serve` on a free port of this machine, in a process of its own, with the limits that it comes with.
final class ServerProcess {
  private let process = Process()
  private let output = Pipe()
  private let token = UUID().uuidString
  /// The server's log, one JSON line a request: writing it is part of what is measured.
  private let log: URL
  let port: UInt16

  var identifier: Int32 { process.processIdentifier }

  init(_ hindsight: URL, serving directory: URL, in folder: URL) throws {
    let configuration = folder.appendingPathComponent("serve.yaml")
    try "port: 0\nauthorization: {token_environment: BENCHMARK_TOKEN}\n"
      .write(to: configuration, atomically: true, encoding: .utf8)
    log = folder.appendingPathComponent("serve.log")
    try Data().write(to: log)
    process.executableURL = hindsight
    process.arguments = ["serve", directory.path, "--config", configuration.path]
    process.environment = ProcessInfo.processInfo.environment.merging(["BENCHMARK_TOKEN": token]) { $1 }
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: log)
    try process.run()
    // "Serving <directory> at http://127.0.0.1:<port>"
    var text = ""
    while !text.contains("\n") {
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else {
        process.waitUntilExit()
        throw BenchmarkError("the server did not start\n\((try? String(contentsOf: log, encoding: .utf8)) ?? "")")
      }
      text += String(decoding: more, as: UTF8.self)
    }
    guard let port = text.split(separator: "\n")[0].split(separator: ":").last.flatMap({ UInt16($0) }) else {
      process.terminate()
      throw BenchmarkError("expected the server's address, found '\(text)'")
    }
    self.port = port
  }

  deinit { if process.isRunning { process.terminate() } }

  /// SIGTERM; the server is to finish what it has and exit with 0.
  func stop() throws {
    process.terminate()
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw BenchmarkError("the server ended with status \(process.terminationStatus) after SIGTERM")
    }
  }

  /// Loads another directory into the running server.
  func load(_ directory: URL) throws {
    var request = URLRequest(url: URL(string: "http://127.0.0.1:\(port)/v1/models/load")!)
    request.httpMethod = "POST"
    request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
    request.httpBody = try JSONEncoder().encode(["path": directory.path])
    request.timeoutInterval = 120
    let answer = Answer()
    let isDone = DispatchSemaphore(value: 0)
    URLSession.shared.dataTask(with: request) { data, response, error in
      answer.set((response as? HTTPURLResponse)?.statusCode, data, error)
      isDone.signal()
    }.resume()
    isDone.wait()
    guard answer.status == 200 else { throw BenchmarkError("POST /v1/models/load: \(answer.text)") }
  }

  private final class Answer: @unchecked Sendable {
    // Written before the semaphore is signalled and read after it was waited for.
    private(set) var status: Int?
    private(set) var text = ""

    func set(_ status: Int?, _ data: Data?, _ error: (any Error)?) {
      self.status = status
      text = "status \(status ?? 0), \(String(decoding: data ?? Data(), as: UTF8.self)) \(error.map { "\($0)" } ?? "")"
    }
  }
}

/// Swaps versions at a steady pace on a thread of its own until it is stopped.
final class Swapper: @unchecked Sendable {
  // Everything below is guarded by the condition.
  private let condition = NSCondition()
  private var isStopped = false
  private var hasEnded = false
  private var swaps = 0
  private var failure: (any Error)?

  /// The first swap comes half an interval from now.
  init(_ server: ServerProcess, _ versions: [URL], everySeconds interval: Double) {
    let started = Date()
    nonisolated(unsafe) let server = server
    Thread.detachNewThread { [self] in
      for number in 0... {
        guard wait(until: started + interval * (Double(number) + 0.5)) else { break }
        do {
          // The server starts with the first version.
          try server.load(versions[(number + 1) % versions.count])
          condition.withLock { swaps += 1 }
        } catch {
          condition.withLock { failure = error }
          break
        }
      }
      condition.withLock {
        hasEnded = true
        condition.broadcast()
      }
    }
  }

  /// False when it was stopped meanwhile.
  private func wait(until time: Date) -> Bool {
    condition.withLock {
      while !isStopped, condition.wait(until: time) {}
      return !isStopped
    }
  }

  /// Waits for a swap under way and returns how many there were.
  func stop() throws -> Int {
    try condition.withLock {
      isStopped = true
      condition.broadcast()
      while !hasEnded { condition.wait() }
      if let failure { throw failure }
      return swaps
    }
  }
}
