import ArgumentParser
import Foundation
import Logs
import Schema
import Training

/// The run file and changes to it, shared by the commands that take one.
struct RunFileOptions: ParsableArguments {
    @Argument(help: "The run file (YAML).", completion: .file(extensions: ["yaml", "yml"]))
    var runFile: String

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Change a key of the run file, e.g. --set distillation.lambda=0.3.", valueName: "key=value"))
    var overrides: [String] = []

    @Option(help: "The folder the run writes to (default: the run file's `output`).")
    var output: String?

    @Option(help: "The seed (default: the run file's).")
    var seed: UInt64?

    @Option(help: "Read shards that `hindsight prepare` wrote instead of decoding the logs.", completion: .directory)
    var prepared: String?

    /// Reads and checks the run file with the changes applied.
    func load() throws -> CheckedRun {
        guard FileManager.default.fileExists(atPath: runFile) else {
            printError("error: \(runFile): no such run file")
            throw Exit.missingFile
        }
        var all = overrides
        if let output { all.append("output=\(output)") }
        if let seed { all.append("seed=\(seed)") }
        return try RunFile.read(path: runFile, overrides: all).validated()
    }
}

/// How much is printed, and how.
struct OutputOptions: ParsableArguments {
    @Flag(help: "One JSON object an event on standard output; nothing else goes there.")
    var json = false

    @Flag(name: .shortAndLong, help: "No progress, only results and warnings.")
    var quiet = false
}
