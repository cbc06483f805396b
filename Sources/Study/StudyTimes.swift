import Foundation
import Schema
import Training

/// What a study took: `times.json`. Apart from the results, which hold no clock.
public struct StudyTimes: Codable, Sendable, Equatable {
    public var arms: [ArmTime]
    /// Runs that went on side by side, and disturbed each other.
    public var parallel: Int
    public var workers: Int
    public var processors: Int
    /// Of the process that made the last runs.
    public var peakResidentBytes: Int

    public struct ArmTime: Codable, Sendable, Equatable {
        public var label: String
        public var arm: Arm
        /// Training one run, mean over seeds; evaluation during the run included.
        public var seconds: Double
        public var samplesPerSecond: Double
        /// Over the baseline on the same data, less 1: `+2.9 %`.
        public var relative: Double?
        /// Values and optimiser state of all tables and networks.
        public var parameterBytes: Int
    }

    public func arm(_ arm: Arm) -> ArmTime? { arms.first { $0.arm == arm } }
}

extension StudyOutcome {
    public func times() throws -> StudyTimes {
        let varying = Arm.varying(plan.arms)
        var arms: [StudyTimes.ArmTime] = []
        for arm in plan.arms {
            let runs = runs.filter { $0.arm == arm }
            guard !runs.isEmpty else { continue }
            // A run that was resumed knows the speed of its last process only; its steps are known.
            let rates = runs.map(\.summary.samplesPerSecond)
            let seconds = runs.map { run in
                Double(run.summary.steps * base.training.batchSize) / max(1e-9, run.summary.samplesPerSecond)
            }
            arms.append(
                StudyTimes.ArmTime(
                    label: arm.label(varying: varying), arm: arm, seconds: mean(seconds), samplesPerSecond: mean(rates),
                    relative: nil, parameterBytes: parameterBytes[arm] ?? 0))
        }
        for i in arms.indices {
            let baseline = arms.first { $0.arm == Arm(.baseline, data: arms[i].arm.data) }
            arms[i].relative = baseline.map { arms[i].seconds / $0.seconds - 1 }
        }
        return StudyTimes(
            arms: arms, parallel: study.sideBySide, workers: study.workers,
            processors: ProcessInfo.processInfo.activeProcessorCount, peakResidentBytes: peakResidentBytes())
    }
}

private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }

/// The most memory this process has had; 0 where the system does not tell.
public func peakResidentBytes() -> Int {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
        let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
        let kibibytes = line.split(separator: " ").compactMap({ Int($0) }).first
    else { return 0 }
    return kibibytes * 1024
}
