import Foundation
import LoadGenerator

let arguments = Array(CommandLine.arguments.dropFirst())
if arguments.contains("--help") || arguments.contains("-h") {
  print(LoadOptions.usage)
  exit(0)
}
do {
  let options = try LoadOptions(arguments)
  guard let bodies = FileManager.default.contents(atPath: options.bodies) else {
    throw LoadError("--bodies: cannot read '\(options.bodies)'")
  }
  let requests = try RequestSet(path: options.path, port: options.plan.port, bodies: bodies)
  let report = try Generator.run(options.plan, requests)
  FileHandle.standardOutput.write(try report.json() + Data("\n".utf8))
} catch {
  FileHandle.standardError.write(Data("error: \(error)\n".utf8))
  exit(1)
}
