import ArgumentParser
import Logs
import Training

/// A run folder and the split to read: the run's own, or other logs as its test split.
func openRun(_ folder: String, data: [String], split name: String) throws -> (RunSession, Split) {
    guard let split = Split(rawValue: name) else {
        throw ValidationError("--split: '\(name)' is not a split; one of \(Split.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return data.isEmpty ? (try RunSession(folder: folder), split) : (try RunSession(folder: folder, data: data), .test)
}
