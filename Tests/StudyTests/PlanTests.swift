import Schema
import Testing

@testable import Study

@Suite("The plan of a study")
struct PlanTests {
    private func plan(_ change: (inout StudyConfiguration) -> Void) throws -> StudyPlan {
        var study = StudyConfiguration(name: "study", runFile: "run.yaml")
        change(&study)
        return StudyPlan(study, base: try TinyConfiguration.run())
    }

    @Test("is the product of methods, manners, lambdas and sizes; a method without a teacher has neither manner nor lambda")
    func product() throws {
        let plan = try plan {
            $0.methods = [.baseline, .pfd]
            $0.lambdas = [0.1, 0.5]
            $0.manners = [.independentSynchronous, .shared]
            $0.data = [.fraction(0.5), .all]
            $0.controls = []
        }
        #expect(plan.arms.count == 2 * (1 + 4))
        #expect(Set(plan.arms).count == plan.arms.count)
        #expect(Set(plan.arms.map(\.slug)).count == plan.arms.count)
        #expect(plan.arms.filter { $0.method == .baseline }.allSatisfy { $0.manner == nil && $0.lambda == nil })
    }

    @Test("has controls by default, at the run file's own values")
    func controls() throws {
        let plan = try plan { $0.lambdas = [0.1, 0.5, 0.9] }
        let controls = plan.arms.filter { $0.control != nil }
        #expect(controls.map(\.control) == [.selfDistillation, .permutedPrivileged, .equalCompute, .permutedPrivileged, .equalCompute])
        #expect(controls.compactMap(\.lambda).allSatisfy { $0 == 0.5 })
        // MD is PFD+MD without its privileged features, so PFD+MD needs no self-distillation of its own.
        #expect(!controls.contains { $0.control == .selfDistillation && $0.method == .pfdMD })
        // Every control is compared with the arm it controls.
        for control in controls {
            let pairs = plan.comparisons.filter { $0.reference == control }
            #expect(pairs.count == 1 || control.control == .equalCompute, "\(control.label(varying: []))")
            #expect(pairs.allSatisfy { $0.candidate.method == control.controlled ?? control.method })
        }
    }

    @Test("sets a baseline with a method's compute beside the method at the run file's own lambda")
    func equalComputeBeside() throws {
        let plan = try plan { $0.lambdas = [0.1, 0.5, 0.9] }
        let pairs = plan.comparisons.filter { $0.reference.control == .equalCompute }
        #expect(pairs.map(\.candidate.method) == [.pfd, .pfdMD])
        #expect(pairs.allSatisfy { $0.candidate.lambda == 0.5 })
    }

    @Test("compares within one data size only")
    func sizes() throws {
        let plan = try plan { $0.data = [.fraction(0.1), .all] }
        #expect(plan.comparisons.allSatisfy { $0.candidate.data == $0.reference.data })
    }

    @Test("gives every arm of a seed the same student, data and schedule, and another run hash")
    func hashes() throws {
        let study = StudyConfiguration(name: "study", runFile: "run.yaml")
        let base = try TinyConfiguration.run()
        let logs = OpenedLogs(trainRows: 1000, samplesPerRequest: 2, tableRows: [:])
        let plan = StudyPlan(study, base: base)
        let runs = try plan.arms.map { try study.plan($0, seed: 7, base: base, logs: logs).checked.configuration }
        #expect(Set(try runs.map { try RunFile.hash($0) }).count == runs.count)
        #expect(Set(runs.map(\.output)).count == runs.count)
        for run in runs {
            #expect(run.seed == 7 && run.networks == base.networks && run.schema == base.schema)
            #expect(run.training.batchSize == base.training.batchSize && run.training.optimiser == base.training.optimiser)
        }
    }

    @Test("gives the equal-compute baseline the operations of its method, to one step")
    func equalCompute() throws {
        let study = StudyConfiguration(name: "study", runFile: "run.yaml")
        let base = try TinyConfiguration.run()
        let logs = OpenedLogs(trainRows: 10_000, samplesPerRequest: 3, tableRows: [:])
        let plan = StudyPlan(study, base: base)
        for method in [Method.pfd, .pfdMD] {
            let control = try #require(plan.arms.first { $0.controlled == method })
            let arm = try #require(plan.arms.first { $0.method == method && $0.control == nil })
            let (one, other) = (
                try study.plan(control, seed: 1, base: base, logs: logs), try study.plan(arm, seed: 1, base: base, logs: logs)
            )
            let steps = try #require(one.checked.configuration.training.steps)
            #expect(abs(one.operations / other.operations - 1) < 1.0 / Double(steps), "\(method)")
            #expect(steps > other.checked.configuration.training.totalSteps(rows: 10_000))
        }
    }
}

/// A run file in memory; no logs are behind it.
enum TinyConfiguration {
    static func run() throws -> RunConfiguration {
        try RunFile.parse(text: text, file: "run.yaml").validated().configuration
    }

    static let text = """
        name: tiny
        task: ctr
        logs: {train: train.csv, test: test.csv}
        columns: {label: click, request: request}
        defaults: {dimension: 4, encoding: vocabulary}
        features:
          - {name: user_id, side: user}
          - {name: item_id, side: item}
          - {name: clicks, availability: interacted, encoding: {boundaries: [1, 2]}}
        networks: {mapping: [16, 8], mlp: [16, 8]}
        distillation: {method: pfd, manner: share_sync}
        training: {batch_size: 32}
        """
}
