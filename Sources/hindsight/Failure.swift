import ArgumentParser
import Evaluation
import Foundation
import Logs
import Schema
import Server
import Study
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
    } catch let error as ValidationError {
        // ArgumentParser tells it with the command's usage, and exits with 64.
        throw error
    } catch {
        printError("error: \(words(for: error))")
        throw exitCode(of: error)
    }
}

/// What an error says of itself; Foundation's own errors say it in the language of Cocoa.
private func words(for error: any Error) -> String {
    guard let error = error as? CocoaError else { return "\(error)" }
    let cause = (error.underlying as? POSIXError).map { String(cString: strerror($0.code.rawValue)) }
    return [error.filePath, cause ?? error.localizedDescription].compactMap { $0 }.joined(separator: ": ")
}

private func exitCode(of error: any Error) -> ExitCode {
    switch error {
    case let error as LogsError where error.kind == .noSuchFile: Exit.missingFile
    case let error as LogsError where error.kind == .writeFailed: Exit.trainingStopped
    case is SchemaError, is LogsError, is EvaluationError: Exit.badData
    case let error as ServerError: error.problem == .address ? Exit.trainingStopped : Exit.badData
    case TrainingError.otherRun: Exit.badData
    case TrainingError.runFolder: Exit.missingFile
    case let error as StudyError where error.kind == .folder: Exit.missingFile
    case let error as StudyError where error.kind != .output: Exit.badData
    default: Exit.trainingStopped
    }
}

func printError(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}
