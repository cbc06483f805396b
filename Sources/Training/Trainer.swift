import Evaluation
import Foundation
import Logs
import Schema
import Synchronization

/// The encoded logs of a run.
public struct RunData {
    public var train: any BatchSource
    /// Rows of the training split, for schedules and progress.
    public var trainRows: Int
    public var validation: (any BatchSource)?
    public var test: (any BatchSource)?

    public init(
        train: any BatchSource, trainRows: Int, validation: (any BatchSource)? = nil, test: (any BatchSource)? = nil
    ) {
        self.train = train
        self.trainRows = trainRows
        self.validation = validation
        self.test = test
    }
}

/// Algorithm 1: trains student and teacher of a plan, in the manner it says, with checkpoints.
///
/// One trainer runs once, from one thread; `stop()` may be called from any.
public final class Trainer {
    private let run: RunConfiguration
    private let data: RunData
    private let folder: RunFolder
    private let runHash: String
    private let schedule: Schedule
    private let engine: TrainingEngine
    private let onEvent: (TrainingEvent) -> Void
    private let stopRequested = StopFlag()
    private var position = Position()
    private var lastCheckpoint: String?

    /// - Parameter onEvent: called on the training threads, one call at a time.
    public init(
        _ run: RunConfiguration, tableRows: [String: Int], data: RunData, folder: RunFolder, runHash: String,
        onEvent: @escaping (TrainingEvent) -> Void
    ) {
        self.run = run
        self.data = data
        self.folder = folder
        self.runHash = runHash
        self.onEvent = onEvent
        engine = TrainingEngine(run, tableRows: tableRows)
        let stepsPerEpoch = (data.trainRows + run.training.batchSize - 1) / run.training.batchSize
        schedule = Schedule(run, hasTeacher: engine.plan.hasTeacher, stepsPerEpoch: stepsPerEpoch)
    }

    /// Asks the run to write a checkpoint after the steps in flight and come back.
    public func stop() { stopRequested.raise() }

    /// Steps of all phases.
    public var totalSteps: Int { schedule.totalSteps }

    /// A handle for signal handlers and other threads.
    public var stopFlag: StopFlag { stopRequested }

    /// Trains to the end, or until asked to stop.
    public func train(resume: Bool) throws -> TrainingOutcome {
        folder.checkpoints.removeUnfinished()
        if resume { try restore() }
        let done = stepsBeforePhase + position.step
        onEvent(.started(totalSteps: schedule.totalSteps, samples: data.trainRows, resumedAt: done))
        let meter = ProgressMeter(totalSteps: schedule.totalSteps, doneBefore: done, hasTeacher: engine.plan.hasTeacher)
        while !position.finished {
            try trainEpoch(meter)
            if stopRequested.isRaised {
                return .interrupted(checkpoint: try checkpoint())
            }
        }
        let seconds = meter.seconds
        return .finished(try summarise(meter, seconds: seconds))
    }

    /// Goes to the newest checkpoint. A run that was killed before its first one starts over: from the same
    /// initial values, over the same batches.
    private func restore() throws {
        guard let newest = folder.checkpoints.list().first else {
            guard try folder.readRecord().runHash == runHash else { throw TrainingError.otherRun(path: folder.path) }
            return
        }
        let found = try folder.checkpoints.readLatest(into: engine.server, runHash: runHash)
        guard found.phase < schedule.phases.count, found.epoch < run.training.epochs,
            found.step <= schedule.stepsPerPhase, found.batch <= found.step
        else { throw TrainingError.checkpoint(path: newest, problem: "has a position that this run never has") }
        position = found
        lastCheckpoint = newest
    }

    // MARK: Steps

    /// Steps of the phases before this one.
    private var stepsBeforePhase: Int { position.phase * schedule.stepsPerPhase }

    private func trainEpoch(_ meter: ProgressMeter) throws {
        let phase = schedule.phases[position.phase]
        try data.train.seek(epoch: position.epoch, batches: position.batch)
        var epochEnded = false
        while !epochEnded, !stopRequested.isRaised {
            let outcome = try runSegment(phase, meter)
            position.batch += outcome.batches
            position.step += outcome.batches
            epochEnded = outcome.epochEnded || isCutShort
            if !epochEnded, outcome.batches > 0 { try atBarrier() }
        }
        guard epochEnded else { return }
        position.batch = 0
        position.epoch += 1
        if position.epoch == run.training.epochs || isCutShort {
            position.epoch = 0
            position.step = 0
            position.phase += 1
            position.finished = position.phase == schedule.phases.count
        }
        if position.finished {
            position.phase = schedule.phases.count - 1
            position.step = schedule.stepsPerPhase
        }
        if !position.finished { try evaluateValidation() }
        if position.finished || run.training.checkpointEvery > 0 { _ = try checkpoint() }
    }

    private func runSegment(_ phase: Phase, _ meter: ProgressMeter) throws -> SegmentOutcome {
        let schedule = schedule
        let reporter = UncheckedReference(StepReporter(meter: meter, phase: phase, epoch: position.epoch, onEvent))
        let stop = stopRequested
        let segment = Segment(
            source: data.train, phase: phase, firstStep: position.step, firstBatch: position.batch,
            epoch: position.epoch, limit: stepsToNextBarrier(),
            plan: { step in
                StepPlan(
                    lambda: schedule.lambda(phase: phase, step: step),
                    learningRate: Float(schedule.learningRate(step: step)))
            },
            onStep: { reporter.value.report($0) }, shouldStop: { stop.isRaised })
        do {
            return try engine.run(segment)
        } catch let bad as NotFinite {
            throw TrainingError.notFinite(
                tensor: bad.tensor, value: bad.value, step: stepsBeforePhase + bad.step + 1, epoch: position.epoch + 1,
                batch: bad.batch + 1, checkpoint: lastCheckpoint)
        }
    }

    /// Whether `training.steps` ends the phase here.
    private var isCutShort: Bool { run.training.steps.map { position.step >= $0 } ?? false }

    private func stepsToNextBarrier() -> Int {
        let barriers = [run.training.checkpointEvery, run.evaluation.everySteps].filter { $0 > 0 }
            .map { $0 - position.step % $0 }
        return (barriers + [run.training.steps.map { $0 - position.step } ?? .max]).min()!
    }

    /// Validation comes first: a run that is killed between the two says it again, and never not at all.
    private func atBarrier() throws {
        func isDue(_ every: Int) -> Bool { every > 0 && position.step % every == 0 }
        if isDue(run.evaluation.everySteps) { try evaluateValidation() }
        if isDue(run.training.checkpointEvery) { _ = try checkpoint() }
    }

    private func checkpoint() throws -> String {
        let step = stepsBeforePhase + position.step
        // Finite gradients may still make an infinite parameter, when the learning rate is absurd.
        if let bad = engine.server.firstNonFinite() {
            throw TrainingError.notFinite(
                tensor: bad.tensor, value: Double(bad.value), step: step, epoch: position.epoch + 1,
                batch: position.batch, checkpoint: lastCheckpoint)
        }
        let path = try folder.checkpoints.write(
            engine.server, position, step: step, runHash: runHash, keep: run.training.keepCheckpoints)
        lastCheckpoint = path
        onEvent(.checkpoint(path: path, step: step))
        return path
    }

    // MARK: Evaluation

    private func evaluateValidation() throws {
        guard let validation = data.validation else { return }
        let report = try engine.score(validation, teacher: true).report(run, split: "validation", resamples: 0)
        onEvent(.evaluated(report, step: stepsBeforePhase + position.step))
    }

    private func summarise(_ meter: ProgressMeter, seconds: Double) throws -> RunSummary {
        var summary = RunSummary(
            name: run.name, task: run.task, method: run.distillation.method, seed: run.seed, runHash: runHash,
            steps: schedule.totalSteps, samples: meter.samplesSeen, trainingSeconds: seconds,
            samplesPerSecond: Double(meter.samplesSeen) / max(seconds, 1e-9))
        if meter.samplesSeen == 0, let before = try? folder.readSummary(), before.runHash == runHash {
            // Resumed after its end: only the evaluation is new.
            summary.samples = before.samples
            summary.trainingSeconds = before.trainingSeconds
            summary.samplesPerSecond = before.samplesPerSecond
        }
        func evaluated(_ source: any BatchSource, _ split: String) throws -> SplitReport {
            let scores = try engine.score(source, teacher: true)
            summary.scores = summary.scores ?? ScoreDistribution(of: scores.student, source: split)
            return try scores.report(run, split: split, resamples: run.evaluation.resamples)
        }
        summary.validation = try data.validation.map { try evaluated($0, "validation") }
        summary.test = try data.test.map { try evaluated($0, "test") }
        for report in [summary.validation, summary.test].compactMap({ $0 }) {
            onEvent(.evaluated(report, step: schedule.totalSteps))
        }
        try folder.write(summary)
        return summary
    }
}

extension Scores {
    /// Metrics with intervals of the split these are scores of.
    public func report(_ run: RunConfiguration, split: String, resamples: Int) throws -> SplitReport {
        let bootstrap = Bootstrap(resamples: resamples, confidence: run.evaluation.confidence, seed: run.seed)
        func report(_ samples: ScoredSamples, _ who: String) -> EvaluationReport {
            EvaluationReport(
                of: samples, named: "\(split), \(who)",
                labelKind: run.schema.labels[0].kind == .binary ? .binary : .continuous, bootstrap: bootstrap)
        }
        return SplitReport(
            split: split, student: report(try studentSamples(), "student"),
            teacher: try teacherSamples().map { report($0, "teacher") })
    }
}

/// A flag that any thread, and a signal handler, may raise.
public final class StopFlag: Sendable {
    private let raised = Atomic<Bool>(false)
    public init() {}
    public func raise() { raised.store(true, ordering: .relaxed) }
    public var isRaised: Bool { raised.load(ordering: .relaxed) }
}

/// Reports steps; loops call it one step at a time.
private final class StepReporter {
    private let meter: ProgressMeter
    private let phase: Phase
    private let epoch: Int
    private let onEvent: (TrainingEvent) -> Void

    init(meter: ProgressMeter, phase: Phase, epoch: Int, _ onEvent: @escaping (TrainingEvent) -> Void) {
        self.meter = meter
        self.phase = phase
        self.epoch = epoch
        self.onEvent = onEvent
    }

    func report(_ step: FinishedStep) { onEvent(.step(meter.progress(step, phase: phase, epoch: epoch))) }
}
