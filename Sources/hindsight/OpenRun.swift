import ArgumentParser
import Logs
import Training

extension Split: ExpressibleByArgument {}

/// A run folder and the split to read: the run's own, or other logs as its test split.
func openRun(_ folder: String, data: [String], split: Split) throws -> (RunSession, Split) {
    data.isEmpty ? (try RunSession(folder: folder), split) : (try RunSession(folder: folder, data: data), .test)
}
