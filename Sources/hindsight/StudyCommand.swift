import ArgumentParser
import Foundation
import Study
import Training

struct StudyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "study",
        abstract: "Run the paper's experiments on your logs: many runs, their intervals, controls and a report.",
        discussion: """
            A study file names a run file, methods, seeds, lambdas, manners and data sizes; a preset does without one:

              hindsight study Examples/studies/retail.yaml
              hindsight study --preset methods Examples/retail-ctr.yaml --seeds 3

            Presets: methods (Tables 2 and 4), lambda (5 and 6), manners (7 and 8), cost (section 5.2), days (more data). \
            Killed or interrupted, it goes on where it was when started again: runs that are finished are kept, one that \
            was begun goes on from its checkpoint, and the results are the same to the byte. docs/studies.md says how to \
            read them.
            """)

    @Argument(help: "The study file, or with --preset a run file (YAML).", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @Option(help: "One of the paper's experiments, on a run file: \(Preset.allCases.map(\.rawValue).joined(separator: ", ")).")
    var preset: Preset?

    @Option(help: "How many seeds, counted up from the run file's (default: the study file's, or 5).")
    var seeds: Int?

    @Option(help: "Runs side by side (default: one a core; 1 for manners, which are timed).")
    var parallel: Int?

    @Option(help: "Leave the controls out (none), or a list with commas: self_distillation,permuted_privileged,equal_compute.")
    var controls: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Change a key of the run file for all runs, e.g. --set training.epochs=2.", valueName: "key=value"))
    var overrides: [String] = []

    @Option(help: "The folder the study writes to (default: studies/<name>).", completion: .directory)
    var output: String?

    @Flag(help: "Print the runs and what is compared, and train nothing.")
    var plan = false

    @OptionGroup var outputOptions: OutputOptions

    func validate() throws {
        guard preset == .cost else { return }
        for (name, isGiven) in [("seeds", seeds != nil), ("parallel", parallel != nil), ("controls", controls != nil)]
        where isGiven {
            throw ValidationError("--\(name): the preset cost trains nothing; leave it out")
        }
    }

    func run() throws {
        try reportingFailures {
            let study = try load()
            if study.preset == .cost { return try measureCost(study) }
            let console = StudyConsole(outputOptions)
            let runner = try StudyRunner(study) { console.show($0) }
            if plan { return print(runner.described()) }
            let signals = StopSignals(runner.stop)
            defer { signals.cancel() }
            console.note("\(study.name): \(runner.runCount) runs, written to \(study.output)")
            guard let outcome = try runner.run() else {
                console.warn("interrupted; checkpoints are written. Go on with the same command.")
                throw Exit.interrupted
            }
            try console.finish(outcome, folder: study.output, command: command)
        }
    }

    private func load() throws -> StudyConfiguration {
        guard FileManager.default.fileExists(atPath: file) else {
            printError("error: \(file): no such file")
            throw Exit.missingFile
        }
        var changes: [String] = []
        if let seeds { changes.append("seeds=\(seeds)") }
        if let parallel { changes.append("parallel=\(parallel)") }
        if let output { changes.append("output=\(output)") }
        if let controls { changes.append("controls=\(controls == "none" ? "none" : "[\(controls)]")") }
        guard let preset else {
            return try StudyFile.load(path: file, overrides: changes, runOverrides: overrides)
        }
        guard !StudyFile.isStudy(path: file) else {
            return try StudyFile.load(path: file, overrides: ["preset=\(preset.rawValue)"] + changes, runOverrides: overrides)
        }
        return try StudyFile.preset(preset, runFile: file, overrides: changes, runOverrides: overrides)
    }

    private var command: String {
        var words = ["hindsight", "study"]
        if let preset { words += ["--preset", preset.rawValue] }
        words.append(file)
        if let seeds { words += ["--seeds", "\(seeds)"] }
        if let parallel { words += ["--parallel", "\(parallel)"] }
        if let controls { words += ["--controls", controls] }
        if let output { words += ["--output", output] }
        for change in overrides { words += ["--set", change] }
        return words.joined(separator: " ")
    }

    private func measureCost(_ study: StudyConfiguration) throws {
        if plan { return print("\(study.name): no runs; times mappings and inner products on one core. Written to \(study.output)") }
        let cost = try MappingCost(study)
        try cost.write(into: study.output)
        if outputOptions.json { return printJSON(["event": "finished", "folder": study.output], adding: cost) }
        print(cost.text)
        print("Written to \(study.output): cost.md, cost.json.")
    }
}

extension Preset: ExpressibleByArgument {}
