import ArgumentParser
import Evaluation
import Foundation
import Logs
import Schema
import Training

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train several methods over several seeds on one run file and print them side by side.",
        discussion: """
            Every method starts from the same student and sees the same samples in the same order. Differences are \
            paired by seed; an interval that holds 0 says that the runs do not tell the methods apart. Runs that \
            are finished already are not trained again.

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
        guard seeds > 0 else { throw ValidationError("--seeds: \(seeds) is not a number of seeds") }
    }

    func run() throws {
        try reportingFailures {
            try Comparison(file: file, methods: parseMethods(), seeds: seeds, console: Console(outputOptions)).run()
        }
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
}

/// Methods x seeds over one run file and one set of encoded logs.
struct Comparison {
    let file: RunFileOptions
    let methods: [Schema.Method]
    let seeds: Int
    let console: Console

    func run() throws {
        var summaries: [Schema.Method: [RunSummary]] = [:]
        var opened: (logs: any BatchProvider, encoder: FittedEncoder)?
        let base = try file.load().configuration
        for seed in 0..<seeds {
            for method in methods {
                var options = file
                options.seed = base.seed + UInt64(seed)
                options.overrides.append("distillation.method=\(method.rawValue)")
                options.output = "\(base.output)/\(method.rawValue)/seed-\(options.seed!)"
                let checked = try options.load()
                let session: RunSession
                if let opened {
                    session = try RunSession(checked, logs: opened.logs, encoder: opened.encoder)
                } else {
                    session = try RunSession(checked, prepared: file.prepared)
                    opened = (session.logs, session.encoder)
                    warn(of: session.badRows)
                }
                summaries[method, default: []].append(try train(session, checked))
            }
        }
        console.say(try table(summaries))
        try write(summaries, to: "\(base.output)/comparison.json")
    }

    private func train(_ session: RunSession, _ checked: CheckedRun) throws -> RunSummary {
        let label = "\(checked.configuration.distillation.method.rawValue), seed \(checked.configuration.seed)"
        if let done = try? session.folder.readSummary(), done.runHash == session.runHash {
            console.note("\(label): finished before, kept")
            return done
        }
        try session.prepareFolder()
        let events = EventFile(folder: session.folder.path)
        let trainer = try session.trainer { event in
            if case .step = event { console.show(event) }
            events.record(event)
        }
        for warning in checked.warnings(totalSteps: trainer.totalSteps) { console.warn("\(label): \(warning)") }
        let signals = StopSignals(trainer.stopFlag)
        defer { signals.cancel() }
        console.note(label)
        guard case .finished(let summary) = try trainer.train(resume: false) else { throw Exit.interrupted }
        return summary
    }

    /// One row a method: means over seeds with t-intervals, and the student's paired difference from the first.
    private func table(_ summaries: [Schema.Method: [RunSummary]]) throws -> String {
        let split = summaries[methods[0]]?.first?.test == nil ? "validation" : "test"
        func aucs(_ method: Schema.Method, _ who: KeyPath<SplitReport, EvaluationReport?>) -> [Double] {
            (summaries[method] ?? []).compactMap {
                (split == "test" ? $0.test : $0.validation)?[keyPath: who]?[.auc]?.value
            }
        }
        var table = TextTable([
            "method", "student AUC", "against \(methods[0].rawValue)", "teacher AUC", "log-loss", "samples/s",
        ])
        let reference = aucs(methods[0], \.optionalStudent)
        for method in methods {
            let student = aucs(method, \.optionalStudent)
            let runs = summaries[method] ?? []
            let losses = runs.compactMap { ($0.test ?? $0.validation)?.student[.logLoss]?.value }
            let speed = runs.map(\.samplesPerSecond).reduce(0, +) / Double(max(1, runs.count))
            table.add([
                method.rawValue, auc(runs, student, \.optionalStudent, split: split),
                method == methods[0] ? "" : try difference(student, reference),
                auc(runs, aucs(method, \.teacher), \.teacher, split: split),
                SeedSpread(losses).map { format($0.mean) } ?? "–", "\(Int(speed))",
            ])
        }
        return """
            \(split) AUC \(seeds > 1 ? "over \(seeds) seeds, mean and 95 % interval" : "of one seed, 95 % bootstrap interval")
            \(table.rendered())
            """
    }

    /// Over several seeds their mean and its interval; of one seed the interval over test requests.
    private func auc(
        _ runs: [RunSummary], _ values: [Double], _ who: KeyPath<SplitReport, EvaluationReport?>, split: String
    ) -> String {
        guard runs.count == 1 else { return spread(values) }
        let report = split == "test" ? runs[0].test : runs[0].validation
        return report?[keyPath: who]?[.auc].map(format) ?? "–"
    }

    private func spread(_ values: [Double]) -> String {
        guard let spread = SeedSpread(values) else { return "–" }
        guard let interval = spread.interval() else { return format(spread.mean) }
        return "\(format(spread.mean)) ± \(format(interval.upper - spread.mean))"
    }

    private func difference(_ candidate: [Double], _ reference: [Double]) throws -> String {
        guard candidate.count == reference.count, !candidate.isEmpty else { return "–" }
        let paired = try PairedSeeds(candidate: candidate, baseline: reference)
        let mean = String(format: "%+.4f", paired.differences.mean)
        guard let interval = paired.interval() else { return mean }
        return "\(mean) ± \(format(interval.upper - paired.differences.mean))"
    }

    private func write(_ summaries: [Schema.Method: [RunSummary]], to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let all = methods.flatMap { summaries[$0] ?? [] }
        try encoder.encode(all).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}

extension SplitReport {
    fileprivate var optionalStudent: EvaluationReport? { student }
}
