import Evaluation
import Foundation
import Logs
import Schema
import Training

/// Any set of finished runs, judged as a study judges its own: what `hindsight report RUN...` shows.
public struct RunCollection {
    private let folders: [String]
    private let bootstrap: Bootstrap
    private let segments: [String]?
    private let name: String

    /// - Parameter folders: run folders that `hindsight train` or a study has written.
    public init(_ folders: [String], name: String, segments: [String]? = nil, resamples: Int = 500) {
        self.folders = folders
        self.name = name
        self.segments = segments
        bootstrap = Bootstrap(resamples: resamples, confidence: 0.95, seed: 0)
    }

    /// - Throws: `StudyError` when the runs were not scored on the same samples, or two of them are the same.
    public func outcome(note: (String) -> Void) throws -> StudyOutcome {
        var opened: [(session: RunSession, summary: RunSummary, arm: Arm)] = try folders.map { path in
            let session = try RunSession(folder: path)
            return (session, try session.folder.readSummary(), Arm(session.run))
        }
        guard !opened.isEmpty else { throw StudyError(.runs, name, "names no run") }
        tellApart(&opened)
        let first = opened[0].session
        let samples = try TestSamples(first, segments: segments)
        var runs: [FinishedRun] = []
        for (session, summary, arm) in opened {
            let folder = session.folder.path
            let split = samples.split.rawValue
            var scores = RunScores(folder: folder, runHash: session.runHash, split: split)
            if scores == nil {
                note("scoring \(folder) on \(split)")
                let scored = try session.trainedEngine().score(session.ordered(samples.split), teacher: true)
                guard scored.labels == samples.labels, scored.requests == samples.requests else {
                    throw StudyError(.runs, folder, "is judged on other samples than \(first.folder.path); report them apart")
                }
                scores = RunScores(scored)
                try scores!.write(folder: folder, runHash: session.runHash, split: split)
            }
            if let twin = runs.first(where: { $0.arm == arm && $0.seed == session.run.seed }) {
                throw StudyError(.runs, folder, "is the same method, seed and name as \(twin.folder); name one of them")
            }
            runs.append(
                try FinishedRun(
                    arm: arm, seed: session.run.seed, folder: folder, runHash: session.runHash, summary: summary,
                    scores: scores!, samples: samples, bootstrap: bootstrap))
        }
        return try outcome(first, opened.map(\.session), samples, runs)
    }

    /// Runs of one method that differ in something else are named.
    private func tellApart(_ opened: inout [(session: RunSession, summary: RunSummary, arm: Arm)]) {
        let keys = opened.map { "\($0.arm.slug)/\($0.session.run.seed)" }
        guard Set(keys).count < keys.count else { return }
        for i in opened.indices { opened[i].arm.variant = opened[i].session.run.name }
    }

    private func outcome(
        _ first: RunSession, _ sessions: [RunSession], _ samples: TestSamples, _ runs: [FinishedRun]
    ) throws -> StudyOutcome {
        var arms: [Arm] = []
        for run in runs where !arms.contains(run.arm) { arms.append(run.arm) }
        arms.sort { (order($0), $0.slug) < (order($1), $1.slug) }
        var study = StudyConfiguration(name: name, runFile: first.folder.path)
        study.resamples = bootstrap.resamples
        study.workers = first.run.training.workers
        study.parallel = 1
        var rows: [DataSize: Int] = [:]
        var operations: [Arm: Double] = [:]
        var bytes: [Arm: Int] = [:]
        for (session, run) in zip(sessions, runs) {
            if rows[run.arm.data] == nil { rows[run.arm.data] = try session.logs.rowCount(.train) }
            if operations[run.arm] == nil {
                let plan = try session.run.validated().plan(
                    tableRows: session.encoder.tableRows, trainingRows: rows[run.arm.data],
                    samplesPerRequest: try session.samplesPerRequest())
                operations[run.arm] =
                    (plan.deduplicatedFlopsPerSample ?? plan.flopsPerSample) * Double(plan.totalSteps ?? 0)
                bytes[run.arm] = plan.tableBytes + plan.networkBytes
            }
        }
        return StudyOutcome(
            study: study,
            plan: StudyPlan(arms: arms, seeds: Set(runs.map(\.seed)).sorted()), base: first.run,
            encoderDigest: first.encoder.digest, trainRows: rows, samples: samples, runs: runs, operations: operations,
            parameterBytes: bytes)
    }

    /// Methods in the paper's order, controls last.
    private func order(_ arm: Arm) -> Int {
        Method.allCases.firstIndex(of: arm.method)! + (arm.control == nil ? 0 : 100)
    }
}

extension StudyPlan {
    init(arms: [Arm], seeds: [UInt64]) {
        self.arms = arms
        self.seeds = seeds
        comparisons = Self.comparisons(arms)
    }
}
