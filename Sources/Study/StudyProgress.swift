import Evaluation
import Foundation
import Training

/// What a study tells whoever watches it.
public enum StudyEvent: Sendable {
    case note(String)
    case run(RunProgress, RunNews)
}

/// What happened to one run.
public enum RunNews: Sendable {
    case kept, started(resumed: Bool), stepped(TrainingProgress)
    case finished(studentAUC: Double?, teacherAUC: Double?)
    case warning(String), failed(String)
}

/// Where a run and the whole study stand.
public struct RunProgress: Sendable {
    public var label: String
    /// From 1.
    public var number: Int
    public var runs: Int
    public var study: Whole

    public struct Whole: Sendable {
        public var finished: Int
        /// Of all operations, those that are done.
        public var share: Double
        /// At the speed since this process began; nil before there is one.
        public var secondsLeft: Double?
    }
}

extension RunExecutor.RunNews {
    var told: RunNews {
        switch self {
        case .kept: .kept
        case .started(let resumed): .started(resumed: resumed)
        case .warning(let text): .warning(text)
        case .progress(let progress, _): .stepped(progress)
        case .finished(let summary):
            .finished(
                studentAUC: (summary.test ?? summary.validation)?.student[.auc]?.value,
                teacherAUC: (summary.test ?? summary.validation)?.teacher?[.auc]?.value)
        case .failed(let message): .failed(message)
        }
    }
}

/// Adds up what runs of different cost have done: operations, not runs, so that the time left is fair.
struct StudyMeter {
    private let operations: [Double]
    private var shares: [Double]
    /// Shares that were there when this process first heard of the run.
    private var before: [Double?]
    private var finished = 0
    private let began = DispatchTime.now()

    init(operations: [Double]) {
        self.operations = operations.map { max($0, 1) }
        shares = operations.map { _ in 0 }
        before = operations.map { _ in nil }
    }

    mutating func update(_ run: Int, _ news: RunExecutor.RunNews) -> RunProgress.Whole {
        switch news {
        case .started, .warning: break
        case .kept, .failed:
            shares[run] = 1
            before[run] = before[run] ?? 1
            finished += 1
        case .finished:
            shares[run] = 1
            before[run] = before[run] ?? 1
            finished += 1
        case .progress(_, let share):
            before[run] = before[run] ?? share
            shares[run] = share
        }
        let total = operations.reduce(0, +)
        let done = zip(operations, shares).reduce(0) { $0 + $1.0 * $1.1 }
        let earlier = zip(operations, before).reduce(0) { $0 + $1.0 * ($1.1 ?? 0) }
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - began.uptimeNanoseconds) * 1e-9
        return RunProgress.Whole(
            finished: finished, share: done / total,
            secondsLeft: done > earlier ? (total - done) * seconds / (done - earlier) : nil)
    }
}
