import ArgumentParser
import Evaluation
import Foundation
import Logs
import Schema
import TensorFiles
import Training

/// The exit codes of `hindsight`, after BSD's sysexits.
enum Exit {
    static let badData = ExitCode(65)
    static let missingFile = ExitCode(66)
    static let trainingStopped = ExitCode(70)
    static let interrupted = ExitCode(130)
}

/// Runs a command's body; errors go to standard error in full and decide the exit code.
func reportingFailures(_ body: () throws -> Void) throws {
    do {
        try body()
    } catch let code as ExitCode {
        throw code
    } catch {
        printError("error: \(error)")
        throw exitCode(of: error)
    }
}

private func exitCode(of error: any Error) -> ExitCode {
    switch error {
    case let error as LogsError where error.kind == .noSuchFile: Exit.missingFile
    case is SchemaError, is LogsError, is EvaluationError: Exit.badData
    case TrainingError.split: Exit.badData
    case TrainingError.runFolder: Exit.missingFile
    default: Exit.trainingStopped
    }
}

func printError(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}
