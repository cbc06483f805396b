import Evaluation
import Foundation
import Logs
import Schema
import Synchronization
import Training

/// Runs a study: prepares the logs, makes the runs that are missing, several side by side, and hands back all.
///
/// Every run has a folder and a hash. A run whose folder holds its hash and its scores is kept; one that was begun goes
/// on from its checkpoint; so a study that was killed is simply started again. Runs do not share anything that moves:
/// how many are made side by side changes no result.
public final class StudyRunner {
    public let study: StudyConfiguration
    private let base: RunConfiguration
    private let plan: StudyPlan
    private let stopFlag = StopFlag()
    private let watch: @Sendable (StudyEvent) -> Void

    /// - Parameter watch: called on the runs' threads, one call at a time.
    public init(_ study: StudyConfiguration, watch: @escaping @Sendable (StudyEvent) -> Void) throws {
        self.study = study
        var base = try RunFile.read(path: study.runFile, overrides: study.overrides).validated().configuration
        base.logs = base.logs.absolute()
        self.base = base
        plan = StudyPlan(study, base: base)
        self.watch = watch
    }

    /// Raised, the runs in flight write a checkpoint and the study comes back unfinished.
    public var stop: StopFlag { stopFlag }

    /// Runs this study has.
    public var runCount: Int { plan.arms.count * plan.seeds.count }

    /// - Parameter trains: false: what is finished is judged, and nothing is trained.
    /// - Returns: nil when it was asked to stop.
    public func run(trains: Bool = true) throws -> StudyOutcome? {
        guard runCount > 0 else {
            throw StudyError(.configuration, study.name, "has no runs: it names no method")
        }
        try FileManager.default.createDirectory(atPath: study.output, withIntermediateDirectories: true)
        try JSON.write(StudyRecord(study: study), to: StudyRecord.path(study.output))
        let shards = try StudyShards(study, base: base, sizes: Set(plan.arms.map(\.data))) { watch(.note($0)) }
        guard !stopFlag.isRaised else { return nil }
        // Seeds go round slowest: a study that is looked at half-way has some of every arm.
        let runs = try plan.seeds.flatMap { seed in
            try plan.arms.map { try study.plan($0, seed: seed, base: base, logs: shards.parts[$0.data]!.logs) }
        }
        let reference = shards.parts[.all] ?? shards.parts[plan.arms.last!.data]!
        let session = try RunSession(
            try base.validated(), logs: reference.provider, encoder: reference.encoder)
        let samples = try TestSamples(session, segments: study.segments)
        let finished = try make(runs, shards, samples, trains: trains)
        guard !stopFlag.isRaised else { return nil }
        return StudyOutcome(
            study: study, plan: plan, base: base, encoderDigest: reference.encoder.digest,
            trainRows: shards.parts.mapValues(\.logs.trainRows), samples: samples,
            runs: finished.sorted { ($0.arm.slug, $0.seed) < ($1.arm.slug, $1.seed) },
            operations: Dictionary(runs.map { ($0.arm, $0.operations) }, uniquingKeysWith: { first, _ in first }),
            parameterBytes: Dictionary(
                runs.map { ($0.arm, $0.parameterBytes) }, uniquingKeysWith: { first, _ in first }))
    }

    private func make(
        _ runs: [PlannedRun], _ shards: StudyShards, _ samples: TestSamples, trains: Bool
    ) throws -> [FinishedRun] {
        let meter = Mutex(StudyMeter(operations: runs.map(\.operations)))
        let numbers = Dictionary(uniqueKeysWithValues: runs.enumerated().map { ("\($1.arm.slug)/\($1.seed)", $0) })
        let labels = Arm.varying(plan.arms)
        let executor = RunExecutor(
            samples: samples, bootstrap: study.bootstrap, stop: stopFlag, trains: trains
        ) { [watch] run, news in
            let number = numbers["\(run.arm.slug)/\(run.seed)"]!
            meter.withLock { meter in
                let progress = meter.update(number, news)
                watch(.run(
                    RunProgress(
                        label: "\(run.arm.label(varying: labels)), seed \(run.seed)", number: number + 1, runs: runs.count,
                        study: progress),
                    news.told))
            }
        }
        let feed = Mutex(runs[...])
        let done = Mutex<[FinishedRun]>([])
        let parts = UncheckedParts(shards.parts)
        let stop = stopFlag
        try WorkerPool(count: min(runs.count, study.sideBySide)).run { _ in
            while !stop.isRaised, let run = feed.withLock({ $0.popFirst() }) {
                do {
                    let part = parts.value[run.arm.data]!
                    if let result = try executor.execute(run, logs: part.provider, encoder: part.encoder) {
                        done.withLock { $0.append(result) }
                    }
                    returnFreedMemory()
                } catch {
                    // The other runs write their checkpoints before the error is told.
                    stop.raise()
                    throw error
                }
            }
        }
        return done.withLock { $0 }
    }

    /// Shards are read by all threads: `PreparedDataset` locks what it opens.
    private struct UncheckedParts: @unchecked Sendable {
        let value: [DataSize: StudyShards.Part]
        init(_ value: [DataSize: StudyShards.Part]) { self.value = value }
    }
}

/// Every run has threads of its own, and glibc keeps what a thread has freed for that thread's next allocation: without
/// this a study of fifty runs holds gigabytes that nobody uses.
private func returnFreedMemory() {
    // Its header is in no module of Swift's, and other C libraries have no such function.
    guard let symbol = dlsym(nil, "malloc_trim") else { return }
    _ = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)(0)
}

/// All of a study's finished runs and what is needed to judge them.
public struct StudyOutcome: Sendable {
    let study: StudyConfiguration
    let plan: StudyPlan
    let base: RunConfiguration
    let encoderDigest: String
    let trainRows: [DataSize: Int]
    let samples: TestSamples
    let runs: [FinishedRun]
    /// Of one run of the arm.
    let operations: [Arm: Double]
    let parameterBytes: [Arm: Int]
}

/// `study.json`: what a study folder is of, so that it can be reported again.
public struct StudyRecord: Codable, Sendable {
    var hindsight = "1"
    public var study: StudyConfiguration

    public init(study: StudyConfiguration) { self.study = study }

    static func path(_ folder: String) -> String { "\(folder)/study.json" }

    /// nil when the folder is no study's.
    public init?(folder: String) {
        guard let record = try? JSON.read(Self.self, from: Self.path(folder)) else { return nil }
        self = record
    }
}

extension StudyRunner {
    /// The runs and comparisons, as text, without training anything.
    public func described() -> String {
        let varying = Arm.varying(plan.arms)
        func label(_ arm: Arm) -> String { arm.label(varying: varying) }
        let arms = plan.arms.map { "  \(label($0))" }
        let comparisons = plan.comparisons.map { "  \(label($0.candidate)) \($0.claim.sign) \(label($0.reference))" }
        return """
            \(study.name): \(counted(plan.arms.count, "arm")) x \(counted(plan.seeds.count, "seed")) = \(counted(runCount, "run"))
            Arms
            \(arms.joined(separator: "\n"))
            Compared
            \(comparisons.joined(separator: "\n"))
            Written to \(study.output)
            """
    }
}
