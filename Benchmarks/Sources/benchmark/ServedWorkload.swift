import Foundation

/// What the suite `http` serves and asks: two versions of a directory with 100,000 items, a coarse student, a fine
/// ranker and prices, and bodies of requests. Made by the program itself, as a user would: train, export, index.
struct ServedWorkload {
  static let items = 100_000
  static let coarseTopK = 200

  /// The served directories: equal in shape, different in their weights.
  let versions: [URL]
  let bodies: URL
  private let folder: URL
  private let hindsight: URL

  init(in folder: URL, options: Options, log: (String) -> Void) throws {
    self.folder = folder
    hindsight = options.hindsight
    bodies = folder.appendingPathComponent("bodies.jsonl")
    versions = ["a", "b"].map { folder.appendingPathComponent("served-\($0)") }
    // Written last, below.
    let complete = folder.appendingPathComponent("complete")
    if FileManager.default.fileExists(atPath: complete.path) {
      log("serving what is in \(folder.path)")
      return
    }
    log("making two packages with \(Self.items) items")
    let scripts = options.folder.appendingPathComponent("serving")
    try Command.run(
      options.python,
      [scripts.appendingPathComponent("make_workload.py").path, folder.path, "--items", "\(Self.items)",
        "--fine", "\(Self.coarseTopK)"])
    for name in ["ctr.yaml", "cvr.yaml"] {
      try FileManager.default.copyItem(
        at: scripts.appendingPathComponent(name), to: folder.appendingPathComponent(name))
    }
    for (seed, version) in versions.enumerated() { try make(version, seed: seed + 1) }
    try Data().write(to: complete)
  }

  private func make(_ version: URL, seed: Int) throws {
    func path(_ name: String) -> String { folder.appendingPathComponent("\(name)-\(seed)").path }
    for model in ["ctr", "cvr"] {
      let run = path("run-\(model)")
      try Command.run(
        hindsight.path,
        ["train", folder.appendingPathComponent("\(model).yaml").path, "--set", "seed=\(seed)", "--set", "output=\(run)"])
      try Command.run(hindsight.path, ["export", run, "--out", path(model)])
    }
    try Command.run(
      hindsight.path,
      ["index", path("ctr"), "--items", folder.appendingPathComponent("items.parquet").path, "--cvr", path("cvr"),
        "--price", "price", "--category", "category", "--out", version.path])
  }
}

/// A program that runs to its end; what it prints is shown only when it fails.
enum Command {
  @discardableResult
  static func run(_ program: String, _ arguments: [String]) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let output = Pipe()
    let errors = FileManager.default.temporaryDirectory.appendingPathComponent("hindsight-\(UUID().uuidString).log")
    try Data().write(to: errors)
    defer { try? FileManager.default.removeItem(at: errors) }
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let printed = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let words = ([program] + arguments).joined(separator: " ")
      let said = ((try? String(contentsOf: errors, encoding: .utf8)) ?? "") + String(decoding: printed, as: UTF8.self)
      throw BenchmarkError("\(words): exit status \(process.terminationStatus)\n\(said.suffix(4_000))")
    }
    return printed
  }
}
