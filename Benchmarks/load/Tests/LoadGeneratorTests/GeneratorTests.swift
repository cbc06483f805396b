import Foundation
import Testing

@testable import LoadGenerator

@Suite(.serialized) struct GeneratorTests {
  private func run(
    _ behaviour: @escaping ToyServer.Behaviour, bodies: String = #"{"n":1}"#, _ change: (inout LoadPlan) -> Void
  ) throws -> (LoadReport, [String]) {
    let server = ToyServer(behaviour)
    defer { server.stop() }
    var plan = LoadPlan(port: server.port)
    (plan.warmUpSeconds, plan.seconds, plan.timeoutSeconds) = (0, 20, 20)
    change(&plan)
    let requests = try RequestSet(path: "/v1/rank", port: server.port, bodies: Data(bodies.utf8))
    return (try Generator.run(plan, requests), server.bodies)
  }

  @Test func `A closed loop sends as many requests as asked, each body whole`() throws {
    let long = #"{"text":""# + String(repeating: "x", count: 300_000) + #""}"#
    let (report, bodies) = try run({ _, _ in ToyServer.answer() }, bodies: "{\"a\":1}\n\(long)\n") {
      ($0.connections, $0.requests) = (4, 40)
    }
    #expect(report.requests == 40 && report.ok == 40 && report.failures.total == 0)
    #expect(report.statuses == ["200": 40] && report.timeline.reduce(0, +) == 40)
    #expect(report.connected == 4 && report.openConnections == 4)
    #expect(bodies.count == 40 && Set(bodies) == ["{\"a\":1}", long])
  }

  @Test func `Statuses are counted, and only 200 is good`() throws {
    let (report, _) = try run({ number, _ in
      number % 4 == 3 ? ToyServer.answer(503, "{}", headers: "Connection: close\r\n") : number % 4 == 2 ? ToyServer.answer(429) : ToyServer.answer()
    }) { ($0.connections, $0.requests) = (1, 80) }
    #expect(report.statuses == ["200": 40, "429": 20, "503": 20])
    #expect(report.ok == 40 && report.latency?.count == 40 && report.otherLatency?.count == 40)
    // A connection that the server closes is made anew.
    #expect(report.connected == 20 || report.connected == 21)
  }

  @Test func `Requests without an answer are failures by their reason`() throws {
    let (reset, _) = try run({ number, _ in number % 5 == 4 ? nil : ToyServer.answer() }) {
      ($0.connections, $0.requests) = (1, 50)
    }
    #expect(reset.failures.reset == 10 && reset.failures.total == 10 && reset.ok == 40)
    let (cut, _) = try run({ _, _ in "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhalf" }) {
      ($0.connections, $0.requests) = (1, 5)
    }
    #expect(cut.failures.reset == 5 && cut.ok == 0)
    let (garbage, _) = try run({ _, _ in "220 SMTP\r\n\r\nConnection: close" }) { ($0.connections, $0.requests) = (1, 5) }
    #expect(garbage.failures.malformed == 5)
  }

  @Test func `A server that is silent times out, and those who wait behind it too`() throws {
    let (report, _) = try run({ _, _ in
      Thread.sleep(forTimeInterval: 3)
      return nil
    }) { ($0.connections, $0.requests, $0.timeoutSeconds, $0.loop) = (2, 10, 0.3, .open(rate: 1000)) }
    #expect(report.ok == 0 && report.failures.timeout >= 2 && report.failures.total == 10)
    #expect(report.failures.timeout + report.failures.unsent == 10)
  }

  @Test func `Nobody listens: connections fail, and the run ends`() throws {
    let server = ToyServer { _, _ in nil }
    server.stop()
    var plan = LoadPlan(port: server.port)
    (plan.warmUpSeconds, plan.requests, plan.connections) = (0, 20, 4)
    let requests = try RequestSet(path: "/", port: server.port, bodies: Data("{}".utf8))
    let report = try Generator.run(plan, requests)
    #expect(report.failures.connect == 20 && report.ok == 0)
  }

  /// One stall of half a second: some 150 of the arrivals come within it, and each of them waited.
  @Test func `An open loop charges a stall to every arrival in it, a closed one to a single request`() throws {
    let stall: ToyServer.Behaviour = { number, _ in
      if number == 20 { Thread.sleep(forTimeInterval: 0.5) }
      return ToyServer.answer()
    }
    let (open, _) = try run(stall) { ($0.connections, $0.requests, $0.loop) = (1, 300, .open(rate: 300)) }
    let (closed, _) = try run(stall) { ($0.connections, $0.requests) = (1, 300) }
    #expect(open.ok == 300 && closed.ok == 300)
    // A slow machine only makes these longer.
    #expect(open.latency!.p90 > 100 && open.latency!.maximum >= 500)
    #expect(open.delay!.p90 > 100)
    #expect(closed.latency!.maximum >= 500)
  }

  @Test func `The warm-up is sent and not counted`() throws {
    let (report, bodies) = try run({ _, _ in ToyServer.answer() }) {
      ($0.connections, $0.warmUpSeconds, $0.requests, $0.loop) = (8, 0.5, 20, .open(rate: 200))
    }
    #expect(report.requests == 20 && report.ok == 20)
    #expect(bodies.count > 20)
  }

  @Test func `Text values of a key are counted, and the watched process is seen`() throws {
    let (report, _) = try run({ number, _ in
      ToyServer.answer(200, #"{"items":[],"version":"\#(number % 2 == 0 ? "a" : "b")"}"#)
    }) {
      ($0.connections, $0.requests, $0.tally) = (1, 10, "version")
      $0.process = ProcessInfo.processInfo.processIdentifier
    }
    #expect(report.tally == ["a": 5, "b": 5])
    #expect(report.memory!.maximum >= report.memory!.first && report.memory!.first > 1)
    #expect(report.serverProcessorSeconds != nil)
  }

  @Test func `Plans without bounds, and arguments that are wrong, are refused`() {
    let good = ["--port", "80", "--bodies", "x"]
    #expect(throws: Never.self) { try LoadOptions(good) }
    for bad in [
      ["--seconds", "1e9"], ["--connections", "100000"], ["--rate", "0"], ["--rate", "nan"], ["--requests", "many"],
      ["--host", "example.com"], ["--path", "no-slash"], ["--path", "/a b"], ["--port", "70000"], ["--seed"],
    ] {
      #expect(throws: LoadError.self, "\(bad)") { try LoadOptions(good + bad) }
    }
    #expect(throws: LoadError.self) { try RequestSet(path: "/", port: 1, bodies: Data("\n\n".utf8)) }
  }
}
