import ArgumentParser
import Evaluation
import Foundation
import Schema
import Study
import Training

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train several methods over several seeds on one run file and print them side by side.",
        discussion: """
            Every method starts from the same student and sees the same samples in the same order. Differences are \
            paired by seed and by request; an interval that holds 0 says that the runs do not tell the methods apart. Each \
            run has one worker, and as many go side by side as there are cores, so that results can be repeated to the \
            bit. Runs that are finished already are not trained again. `hindsight study` does the same with controls, other \
            lambdas, manners and sizes of the data.

              hindsight compare Examples/retail-ctr.yaml --methods baseline,pfd --seeds 5
            """)

    @OptionGroup var file: RunFileOptions
    @OptionGroup var outputOptions: OutputOptions

    @Option(help: "Methods, with commas, the first is what the others are compared with.")
    var methods = "baseline,lupi,md,pfd,pfd+md"

    @Option(help: "How many seeds, counted up from the run file's.")
    var seeds = 3

    func validate() throws {
        let methods = try parseMethods()
        guard !methods.isEmpty, Set(methods).count == methods.count else {
            throw ValidationError("--methods: '\(self.methods)' names no method, or one twice")
        }
        guard (1...1000).contains(seeds) else { throw ValidationError("--seeds: \(seeds) is not a number of seeds") }
    }

    func run() throws {
        try reportingFailures {
            let methods = try parseMethods()
            let study = try study(methods)
            let console = StudyConsole(outputOptions)
            let runner = try StudyRunner(study) { console.show($0) }
            let signals = StopSignals(runner.stop)
            defer { signals.cancel() }
            guard let outcome = try runner.run() else {
                console.warn("interrupted; checkpoints are written. Go on with the same command.")
                throw Exit.interrupted
            }
            let table = MethodTable(outcome, methods: methods)
            try write(table.summaries, to: "\(study.output)/comparison.json")
            try console.finish(outcome, folder: study.output, command: command, table: try table.text())
        }
    }

    /// These methods and seeds, and nothing else: a study without controls or curves.
    private func study(_ methods: [Schema.Method]) throws -> StudyConfiguration {
        let run = try file.load().configuration
        // What a method needs and the run file lacks is said before anything is read.
        for method in methods {
            var options = file
            options.overrides.append("distillation.method=\(method.rawValue)")
            _ = try options.load()
        }
        var study = StudyConfiguration.comparison(
            of: methods, seeds: (0..<UInt64(seeds)).map { run.seed &+ $0 }, run: run, runFile: file.runFile,
            overrides: file.overrides)
        study.prepared = file.prepared
        return study
    }

    private var command: String {
        var words = ["hindsight", "compare", file.runFile, "--methods", methods, "--seeds", "\(seeds)"]
        if let seed = file.seed { words += ["--seed", "\(seed)"] }
        for change in file.overrides { words += ["--set", change] }
        return words.joined(separator: " ")
    }

    private func parseMethods() throws -> [Schema.Method] {
        try methods.split(separator: ",").map { name in
            guard let method = Schema.Method(rawValue: String(name)) else {
                throw ValidationError(
                    "--methods: '\(name)' is none of \(Schema.Method.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return method
        }
    }

    private func write(_ summaries: [RunSummary], to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(summaries).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
