import Evaluation
import Foundation
import Schema

/// A study file, parsed: which runs there are, and how they are judged.
public struct StudyConfiguration: Sendable, Codable, Equatable {
    public var name: String
    public var runFile: String
    /// `key.path=value`: changes to the run file that all runs share.
    public var overrides: [String] = []
    public var preset: Preset?
    public var methods: [Method] = [.baseline, .lupi, .md, .pfd, .pfdMD]
    public var seeds = Seeds.count(5)
    /// Empty: the run file's own.
    public var lambdas: [Double] = []
    public var manners: [MannerName] = []
    public var data: [DataSize] = [.all]
    public var controls: [Control] = Control.allCases
    /// Arms beside the product of the lists above.
    var moreArms: [Arm] = []
    /// Runs side by side; nil: one a core.
    public var parallel: Int?
    /// Worker threads of one run. More than one are synchronous, so that runs stay bit-reproducible.
    public var workers = 1
    /// Features whose values part the test split; nil: two with few values.
    public var segments: [String]?
    public var resamples = 500
    public var confidence = 0.95
    /// How often validation is scored during a run, evenly.
    public var curvePoints = 5
    /// How often a run writes a checkpoint, evenly.
    public var checkpoints = 10
    public var output: String
    /// Shards that `hindsight prepare` wrote; nil: the study prepares its own.
    public var prepared: String?
    /// nil: by arm.
    public var runFolders: RunFolders?

    /// Where the runs lie in the output folder.
    public enum RunFolders: String, Sendable, Codable {
        /// `runs/<all that tells the arm>/seed-<n>`.
        case arm
        /// `<method>/seed-<n>`, for studies in which nothing but the method differs.
        case method
    }

    func folder(of arm: Arm, seed: UInt64) -> String {
        switch runFolders ?? .arm {
        case .arm: "\(output)/runs/\(arm.slug)/seed-\(seed)"
        case .method: "\(output)/\(arm.method.rawValue)/seed-\(seed)"
        }
    }

    public enum Seeds: Sendable, Codable, Equatable {
        /// Counted up from the run file's.
        case count(Int)
        case list([UInt64])

        func values(from first: UInt64) -> [UInt64] {
            switch self {
            case .count(let count): (0..<UInt64(count)).map { first &+ $0 }
            case .list(let seeds): seeds
            }
        }
    }

    public init(name: String, runFile: String, output: String? = nil) {
        self.name = name
        self.runFile = runFile
        self.output = output ?? "studies/\(name)"
    }

    /// These methods over these seeds and nothing else: no controls, no curves; what `hindsight compare` runs.
    public static func comparison(
        of methods: [Method], seeds: [UInt64], run: RunConfiguration, runFile: String, overrides: [String]
    ) -> StudyConfiguration {
        var study = StudyConfiguration(name: run.name, runFile: runFile, output: run.output)
        study.overrides = overrides
        study.methods = methods
        study.seeds = .list(seeds)
        study.controls = []
        study.curvePoints = 0
        study.checkpoints = 2
        study.runFolders = .method
        study.takeWorkers(of: run)
        return study
    }

    /// Runs side by side: as many as the cores hold with their workers, unless somebody said so.
    var sideBySide: Int { parallel ?? max(1, ProcessInfo.processInfo.activeProcessorCount / workers) }

    /// One worker a run, whatever the run file says, unless somebody asked for more with `--set`.
    mutating func takeWorkers(of run: RunConfiguration) {
        if overrides.contains(where: { $0.hasPrefix("training.workers=") }) { workers = run.training.workers }
    }

    /// How differences are judged: the same resamples for every run.
    var bootstrap: Bootstrap { Bootstrap(resamples: resamples, confidence: confidence, seed: 0) }
}

/// The paper's experiments.
public enum Preset: String, Sendable, Codable, CaseIterable {
    /// Tables 2 and 4.
    case methods
    /// Tables 5 and 6.
    case lambda
    /// Tables 7 and 8.
    case manners
    /// Section 5.2: 10^5 mappings against 10^5 inner products.
    case cost
    /// Table 2's second half: more data.
    case days
}

extension Preset {
    /// Fills in what the preset stands for; what a study file says itself comes after it.
    func apply(to study: inout StudyConfiguration, task: RankingTask) {
        switch self {
        case .methods:
            // The paper leaves MTL out for CTR: "too cumbersome to predict dozens of privileged features".
            study.methods =
                task == .ctr ? [.baseline, .lupi, .md, .pfd, .pfdMD] : [.baseline, .mtl, .lupi, .md, .pfd, .pfdMD]
        case .lambda:
            study.methods = [.baseline, .lupi, .md, .pfd, .pfdMD]
            study.lambdas = [0.1, 0.3, 0.5, 0.7, 0.9]
        case .manners:
            study.methods = [.baseline, .pfdMD]
            study.manners = [.independentAsynchronous, .independentSynchronous, .shared]
            if task == .ctr { study.manners.append(.sharedExcept) }
            if task == .cvr { study.moreArms = [Arm(.pfd, manner: .shared)] }
            // Times are part of the answer, so that runs do not disturb each other.
            study.parallel = 1
            study.curvePoints = 0
            study.checkpoints = 2
        case .days:
            study.methods = [.baseline, .pfdMD]
            study.data = [.fraction(0.1), .fraction(0.3), .all]
        case .cost:
            study.methods = []
            study.controls = []
        }
    }
}
