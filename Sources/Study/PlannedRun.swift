import Foundation
import Schema

/// One run of a study: an arm with a seed, ready to be trained.
struct PlannedRun: Sendable {
    let arm: Arm
    let seed: UInt64
    let checked: CheckedRun
    /// Floating-point operations of all steps, to weigh progress by.
    let operations: Double
    /// Values and optimiser state of all tables and networks.
    let parameterBytes: Int

    var label: String { "\(arm.label(varying: [.manner, .lambda, .data])), seed \(seed)" }
}

/// What the planning of runs needs to know of opened logs.
struct OpenedLogs {
    let trainRows: Int
    let samplesPerRequest: Double
    let tableRows: [String: Int]
}

extension Arm {
    /// The base configuration changed to what this arm is.
    func applied(to base: RunConfiguration) throws -> RunConfiguration {
        var run = base
        run.distillation.method = method
        run.distillation.control = nil
        if let lambda { run.distillation.lambda = .constant(lambda) }
        if let manner, method.hasTeacher { run.distillation.manner = try manner.manner(in: base) }
        switch control {
        case .selfDistillation?: run.distillation.control = .selfDistillation
        case .permutedPrivileged?: run.distillation.control = .permuted
        case .equalCompute?, nil: break
        }
        if data != .all { run.logs.trainWindow = data.window }
        return run
    }
}

extension MannerName {
    func manner(in run: RunConfiguration) throws -> Manner {
        switch self {
        case .independentAsynchronous: return Manner(inputs: .independent, synchronous: false)
        case .independentSynchronous: return Manner(inputs: .independent, synchronous: true)
        case .shared: return Manner(inputs: .shared(except: []), synchronous: true)
        case .sharedExcept:
            let except = run.exceptedFromSharing
            guard !except.isEmpty else {
                throw StudyError(
                    .configuration, run.name, "share*_sync keeps some inputs for the student; say which in the run file")
            }
            return Manner(inputs: .shared(except: except), synchronous: true)
        }
    }
}

extension StudyConfiguration {
    /// The run of one arm and seed. Everything that decides its weights is in the configuration, so that its hash
    /// tells whether a folder holds just this run.
    func plan(_ arm: Arm, seed: UInt64, base: RunConfiguration, logs: OpenedLogs) throws -> PlannedRun {
        var run = try arm.applied(to: base)
        run.seed = seed
        run.output = folder(of: arm, seed: seed)
        run.training.workers = workers
        if workers > 1 { run.training.synchronous = true }
        if arm.control == .equalCompute, let method = arm.controlled {
            try giveCompute(of: method, arm, to: &run, logs: logs)
        }
        let steps = run.training.totalSteps(rows: logs.trainRows)
        // Neither decides the weights, so neither is in the hash.
        run.training.checkpointEvery = max(1, steps / checkpoints)
        run.training.keepCheckpoints = 1
        run.evaluation.everySteps = curvePoints == 0 ? 0 : max(1, steps / curvePoints)
        let checked = try run.validated()
        let plan = plan(checked, logs)
        return PlannedRun(
            arm: arm, seed: seed, checked: checked, operations: operationsPerSample(checked, logs) * Double(steps),
            parameterBytes: plan.tableBytes + plan.networkBytes)
    }

    /// As many steps as make the baseline's operations those of the method, in as many epochs as that takes.
    private func giveCompute(
        of method: Method, _ arm: Arm, to run: inout RunConfiguration, logs: OpenedLogs
    ) throws {
        let twin = try Arm(method, manner: arm.manner, lambda: nil, data: arm.data).applied(to: run)
        let ratio =
            operationsPerSample(try twin.validated(), logs) / max(1, operationsPerSample(try run.validated(), logs))
        let steps = Int((Double(run.training.totalSteps(rows: logs.trainRows)) * max(1, ratio)).rounded())
        run.training.epochs = max(run.training.epochs, Int((Double(run.training.epochs) * ratio).rounded(.up)))
        run.training.steps = steps
    }

    private func operationsPerSample(_ run: CheckedRun, _ logs: OpenedLogs) -> Double {
        let plan = plan(run, logs)
        return plan.deduplicatedFlopsPerSample ?? plan.flopsPerSample
    }

    private func plan(_ run: CheckedRun, _ logs: OpenedLogs) -> Plan {
        run.plan(tableRows: logs.tableRows, trainingRows: logs.trainRows, samplesPerRequest: logs.samplesPerRequest)
    }
}
