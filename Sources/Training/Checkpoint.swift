import Foundation
import Parameters
import TensorFiles

/// Where in a run a checkpoint was taken: everything that, with the parameters and the optimiser's state, the
/// rest of the run depends on. (Shuffles are functions of seed, epoch and batch, so the position is all there
/// is to a reader's state.)
struct Position: Codable, Equatable, Sendable {
    var phase = 0
    var epoch = 0
    /// Batches of the epoch that are done.
    var batch = 0
    /// Steps of the phase that are done.
    var step = 0
    var finished = false
}

/// The checkpoints of one run folder: `step-<n>.safetensors`, each whole or absent, newest last.
///
/// Written to a temporary name, synced and renamed, so that a kill at any moment leaves the previous one.
struct CheckpointStore {
    static let version = "1"
    let folder: String

    /// Newest first.
    func list() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasPrefix("step-") && $0.hasSuffix(".safetensors") }.sorted(by: >)
            .map { "\(folder)/\($0)" }
    }

    /// - Parameters:
    ///   - step: of the whole run, which names the file.
    ///   - keep: older checkpoints beyond so many are removed.
    func write(_ server: LocalParameterServer, _ position: Position, step: Int, runHash: String, keep: Int) throws -> String {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let path = "\(folder)/step-\(String(format: "%010d", step)).safetensors"
        try server.write(
            toFile: path,
            metadata: [
                "format": "hindsight-checkpoint", "version": Self.version, "run": runHash,
                "position": String(decoding: try encoder.encode(position), as: UTF8.self),
            ])
        for old in list().dropFirst(max(1, keep)) { try? FileManager.default.removeItem(atPath: old) }
        return path
    }

    /// Removes what a process that was killed had not finished writing.
    func removeUnfinished() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name.hasPrefix(".step-") && name.hasSuffix(".partial") {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    /// Loads parameters, optimiser state and position from the newest checkpoint.
    func readLatest(into server: LocalParameterServer, runHash: String) throws -> Position {
        let paths = list()
        guard let path = paths.first else {
            throw TrainingError.runFolder(path: folder, problem: "holds no checkpoint; train first")
        }
        do {
            return try read(path, into: server, runHash: runHash)
        } catch let error as TensorFileError where error.problem != .system {
            // Written whole or not at all, so the disk or a copy did this: better told than passed over.
            let advice = paths.dropFirst().first.map { "--resume then goes on from \($0)" } ?? "then train without --resume"
            throw TrainingError.checkpoint(path: path, problem: "is damaged (\(error)); remove it, \(advice)")
        }
    }

    private func read(_ path: String, into server: LocalParameterServer, runHash: String) throws -> Position {
        let file = try SafetensorsFile(path: path)
        guard file.metadata["format"] == "hindsight-checkpoint" else {
            throw TrainingError.checkpoint(path: path, problem: "is not a checkpoint of Hindsight's")
        }
        guard file.metadata["version"] == Self.version else {
            throw TrainingError.checkpoint(
                path: path,
                problem: "has version \(file.metadata["version"] ?? "none"), expected \(Self.version)")
        }
        guard file.metadata["run"] == runHash else { throw TrainingError.otherRun(path: path) }
        guard let text = file.metadata["position"],
            let position = try? JSONDecoder().decode(Position.self, from: Data(text.utf8)),
            position.phase >= 0, position.epoch >= 0, position.batch >= 0, position.step >= 0
        else { throw TrainingError.checkpoint(path: path, problem: "has no readable position") }
        try server.read(from: file)
        return position
    }
}
