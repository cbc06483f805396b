import Foundation

/// The tool's command line.
public struct LoadOptions {
  public var plan: LoadPlan
  public var path = "/v1/rank"
  public var bodies: String

  public static let usage = """
    load --port N --bodies FILE [options]: sends HTTP requests to 127.0.0.1 and prints what came back, as JSON

      --bodies FILE        a JSON body a line; each request takes one of them by chance
      --path PATH          (/v1/rank)
      --rate R             open loop: R arrivals a second (Poisson), latency counted from arrival;
                           without it closed loop: each connection waits for its answer
      --connections N      at most (16)
      --seconds S          of measuring (10)
      --requests N         stop earlier, after so many measured requests
      --warm-up S          sent but not measured (1)
      --timeout S          a request without its answer after so long has failed (10)
      --process PID        watch this process's memory and processor time
      --tally KEY          count the text values of this key of the answers
      --seed N             of arrivals and of the choice of bodies (1)
    """

  public init(_ arguments: [String]) throws(LoadError) {
    var values: [String: String] = [:]
    var rest = arguments[...]
    let known: Set = [
      "bodies", "path", "rate", "connections", "seconds", "requests", "warm-up", "timeout", "process", "tally", "seed",
      "port",
    ]
    while let option = rest.popFirst() {
      guard option.hasPrefix("--"), known.contains(String(option.dropFirst(2))) else {
        throw LoadError("unknown option '\(option)'\n\n\(Self.usage)")
      }
      guard let value = rest.popFirst() else { throw LoadError("\(option) needs a value") }
      values[String(option.dropFirst(2))] = value
    }
    func number<Number: LosslessStringConvertible>(_ name: String) throws(LoadError) -> Number? {
      guard let text = values[name] else { return nil }
      guard let number = Number(text) else { throw LoadError("--\(name): '\(text)' is not a number that fits") }
      return number
    }
    guard let port: UInt16 = try number("port"), let bodies = values["bodies"] else {
      throw LoadError("--port and --bodies are needed\n\n\(Self.usage)")
    }
    self.bodies = bodies
    path = values["path"] ?? path
    plan = LoadPlan(port: port)
    if let rate: Double = try number("rate") { plan.loop = .open(rate: rate) }
    plan.connections = try number("connections") ?? plan.connections
    plan.seconds = try number("seconds") ?? plan.seconds
    plan.requests = try number("requests")
    plan.warmUpSeconds = try number("warm-up") ?? plan.warmUpSeconds
    plan.timeoutSeconds = try number("timeout") ?? plan.timeoutSeconds
    plan.process = try number("process")
    plan.seed = try number("seed") ?? plan.seed
    plan.tally = values["tally"]
    guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
      throw LoadError("--path: expected a path such as /v1/rank, found '\(path)'")
    }
    try plan.check()
  }
}
