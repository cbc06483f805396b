import Evaluation
import Foundation
import Schema

extension StudyOutcome {
    /// Judges the runs. O(arms x seeds x samples).
    public func results() throws -> StudyResults {
        let analysis = Analysis(
            arms: plan.arms, comparisons: plan.comparisons, samples: samples, runs: runs, operations: operations)
        let arms = try analysis.armResults()
        let comparisons = try analysis.comparisonResults()
        return StudyResults(
            name: study.name, preset: study.preset, task: base.task,
            source: try StudyResults.Source(
                base, runFile: study.runFile, overrides: study.overrides, encoder: encoderDigest),
            data: StudyResults.DataSummary(
                split: samples.split.rawValue, samples: samples.count, positives: samples.positives,
                units: runs.first?.student.units ?? samples.count, unit: analysis.unit,
                trainRows: Dictionary(uniqueKeysWithValues: trainRows.map { ($0.key.title, $0.value) })),
            seeds: plan.seeds, bootstrap: study.bootstrap, arms: arms, comparisons: comparisons,
            diagnoses: analysis.diagnoses(arms, comparisons), failures: failures)
    }

    private var failures: [StudyResults.FailedRun] {
        let varying = Arm.varying(plan.arms)
        return plan.arms.flatMap { arm in
            plan.seeds.compactMap { seed in
                let folder = study.folder(of: arm, seed: seed)
                guard !runs.contains(where: { $0.arm == arm && $0.seed == seed }),
                    let failure = try? JSON.read(Failure.self, from: "\(folder)/\(Failure.name)")
                else { return nil }
                return StudyResults.FailedRun(
                    label: "\(arm.label(varying: varying)), seed \(seed)", message: failure.message)
            }
        }
    }
}

extension StudyResults.Source {
    init(_ run: RunConfiguration, runFile: String, overrides: [String], encoder: String) throws {
        self.runFile = runFile
        self.overrides = overrides
        runFileHash = try RunFile.hash(run)
        self.encoder = encoder
        let schema = run.schema
        func line(_ feature: FeatureEncoding, _ role: String, _ isPrivileged: Bool = false) -> StudyResults.FeatureLine {
            StudyResults.FeatureLine(
                name: feature.name, role: role, isPrivileged: isPrivileged, encoding: feature.encoding.description,
                dimension: feature.dimension)
        }
        features =
            schema.regular.map { line($0.encoding, $0.side.rawValue) }
            + (schema.sequence.map { sequence in sequence.fields.map { line($0, sequence.name) } } ?? [])
            + schema.privileged.map { line($0.encoding, $0.privilege.rawValue, true) }
    }
}
