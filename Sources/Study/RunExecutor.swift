import Evaluation
import Foundation
import Logs
import Synchronization
import Training

/// What runs of one study share while they are made. Runs call it from their own threads.
struct RunExecutor: Sendable {
    let samples: TestSamples
    let bootstrap: Bootstrap
    let stop: StopFlag
    /// false: only runs that are finished are handed back.
    var trains = true
    let watch: @Sendable (PlannedRun, RunNews) -> Void

    /// What a run tells while it goes.
    enum RunNews: Sendable {
        /// Finished before; nothing to do.
        case kept
        case started(resumed: Bool)
        case warning(String)
        /// Share of the run's steps that is done.
        case progress(TrainingProgress, share: Double)
        case finished(RunSummary)
        case failed(String)
    }

    /// Makes the run, or what is missing of it. nil: asked to stop, after a checkpoint; or the run failed by itself.
    func execute(_ run: PlannedRun, logs: any BatchProvider, encoder: FittedEncoder) throws -> FinishedRun? {
        let session = try RunSession(run.checked, logs: logs, encoder: encoder)
        let folder = session.folder.path
        if let failure = Failure(folder: folder, runHash: session.runHash) {
            watch(run, .failed(failure.message))
            return nil
        }
        let split = samples.split.rawValue
        if let summary = try? session.folder.readSummary(), summary.runHash == session.runHash {
            if let scores = RunScores(folder: folder, runHash: session.runHash, split: split) {
                watch(run, .kept)
                return try finish(run, session, summary, scores)
            }
            let scores = RunScores(try session.trainedEngine().score(session.ordered(samples.split), teacher: true))
            try scores.write(folder: folder, runHash: session.runHash, split: split)
            watch(run, .finished(summary))
            return try finish(run, session, summary, scores)
        }
        guard trains, let summary = try train(run, session) else { return nil }
        let scores = RunScores(try session.trainedEngine().score(session.ordered(samples.split), teacher: true))
        try scores.write(folder: folder, runHash: session.runHash, split: split)
        watch(run, .finished(summary))
        return try finish(run, session, summary, scores)
    }

    private func train(_ run: PlannedRun, _ session: RunSession) throws -> RunSummary? {
        let folder = session.folder.path
        let resumes = (try? session.folder.readRecord())?.runHash == session.runHash
        if !resumes {
            try session.prepareFolder()
            for name in [RunScores.name, ResampleFile.name, Failure.name] {
                try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            }
        }
        let losses = try LossLog(folder: folder, startOver: !resumes)
        let validation = ValidationLog(folder: folder, startOver: !resumes)
        let stopper = Mutex<StopFlag?>(nil)
        let steps = Mutex(1)
        let trainer = try session.trainer { [stop, watch] event in
            if stop.isRaised { stopper.withLock { $0?.raise() } }
            switch event {
            case .started(let total, _, _): steps.withLock { $0 = max(1, total) }
            case .warning(let text): watch(run, .warning(text))
            case .step(let progress):
                losses.record(progress)
                watch(run, .progress(progress, share: Double(progress.step) / Double(steps.withLock { $0 })))
            case .evaluated(let report, let step): validation.record(report, step: step)
            case .checkpoint: break
            }
        }
        stopper.withLock { $0 = trainer.stopFlag }
        if stop.isRaised { return nil }
        for warning in run.checked.warnings(totalSteps: trainer.totalSteps) { watch(run, .warning(warning)) }
        watch(run, .started(resumed: resumes && session.folder.hasCheckpoint))
        do {
            guard case .finished(let summary) = try trainer.train(resume: resumes) else { return nil }
            return summary
        } catch let error as TrainingError {
            // A learning rate or lambda that breaks training breaks it again: it is a result, and the study goes on.
            guard case .notFinite = error else { throw error }
            try Failure(runHash: session.runHash, message: error.description).write(folder: folder)
            watch(run, .failed(error.description))
            return nil
        }
    }

    private func finish(
        _ run: PlannedRun, _ session: RunSession, _ summary: RunSummary, _ scores: RunScores
    ) throws -> FinishedRun {
        try FinishedRun(
            arm: run.arm, seed: run.seed, folder: session.folder.path, runHash: session.runHash, summary: summary,
            scores: scores, samples: samples, bootstrap: bootstrap)
    }
}

extension FinishedRun {
    /// Resamples the scores, or reads what an earlier process resampled.
    init(
        arm: Arm, seed: UInt64, folder: String, runHash: String, summary: RunSummary, scores: RunScores,
        samples: TestSamples, bootstrap: Bootstrap
    ) throws {
        guard scores.student.count == samples.count, (scores.teacher?.count ?? samples.count) == samples.count else {
            throw StudyError(
                .runs, folder, "has \(scores.student.count) scores, and the compared split has \(samples.count) samples")
        }
        let kept = ResampleFile(folder: folder, runHash: runHash, bootstrap: bootstrap)
        let student = try kept?.student ?? ResampledScores(of: samples.scored(scores.student), bootstrap: bootstrap)
        let teacher = try kept?.teacher
            ?? scores.teacher.map { ResampledScores(of: try samples.scored($0), bootstrap: bootstrap) }
        if kept == nil {
            try ResampleFile(runHash: runHash, student: student, teacher: teacher).write(folder: folder)
        }
        self.init(
            arm: arm, seed: seed, folder: folder, runHash: runHash, summary: summary, scores: scores, student: student,
            teacher: teacher)
    }
}

/// Resampled metrics of a run, kept because they take longer than reading them.
struct ResampleFile: Codable {
    static let name = "resamples.json"
    var runHash: String
    var student: ResampledScores
    var teacher: ResampledScores?

    init(runHash: String, student: ResampledScores, teacher: ResampledScores?) {
        self.runHash = runHash
        self.student = student
        self.teacher = teacher
    }

    init?(folder: String, runHash: String, bootstrap: Bootstrap) {
        guard let file = try? JSON.read(Self.self, from: "\(folder)/\(Self.name)"), file.runHash == runHash,
            file.student.bootstrap == bootstrap
        else { return nil }
        self = file
    }

    func write(folder: String) throws { try JSON.write(self, to: "\(folder)/\(Self.name)") }
}

/// A run that stopped by itself and would do so again.
struct Failure: Codable {
    static let name = "failed.json"
    var runHash: String
    var message: String

    init(runHash: String, message: String) {
        self.runHash = runHash
        self.message = message
    }

    init?(folder: String, runHash: String) {
        guard let file = try? JSON.read(Self.self, from: "\(folder)/\(Self.name)"), file.runHash == runHash else {
            return nil
        }
        self = file
    }

    func write(folder: String) throws { try JSON.write(self, to: "\(folder)/\(Self.name)") }
}
