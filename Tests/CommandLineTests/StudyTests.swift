import Foundation
import Testing

/// Studies as their users run them: as processes, which may be killed.
@Suite("hindsight study and report")
struct StudyCommandTests {
    static let file = """
        name: tiny-study
        run: run.yaml
        methods: [baseline, md, pfd]
        seeds: 2
        resamples: 50
        parallel: 2
        segments: [country, price]
        set: ["logs.validation_split={fraction: 0.1}", training.epochs=4, "distillation.manner=share_sync"]

        """
    /// Everything that holds no clock.
    static let deterministic = ["results.json", "results.csv", "results.md"]

    let files: TinyFiles
    init() throws {
        files = try TinyFiles()
        try files.write(Self.file, to: "study.yaml")
    }

    private func start(_ arguments: String) throws -> Program {
        try Program(arguments.split(separator: " ").map(String.init), in: files.path)
    }

    private func succeed(_ arguments: String) throws -> Program.Output {
        let output = try files.hindsight(arguments)
        try #require(output.code == 0, "\(arguments): \(output.err)")
        return output
    }

    /// The bytes of every file of a study that no clock decides, scores and losses included.
    private func bytes(_ folder: String) throws -> [String: Data] {
        var found: [String: Data] = [:]
        let all = try #require(FileManager.default.enumerator(atPath: files(folder)))
        for case let name as String in all {
            let isWanted =
                Self.deterministic.contains(name) || name.hasSuffix("scores.safetensors") || name.hasSuffix("losses.f32")
            if isWanted { found[name] = FileManager.default.contents(atPath: files("\(folder)/\(name)")) }
        }
        return found
    }

    /// Runs of a study that have left their scores.
    private func finished(_ folder: String) -> Int {
        let all = FileManager.default.enumerator(atPath: files(folder))
        return all?.reduce(0) { "\($1)".hasSuffix("scores.safetensors") ? $0 + 1 : $0 } ?? 0
    }

    @Test("killed three times at random moments, it ends with the same bytes of results as one never killed", arguments: [1, 2] as [UInt64])
    func killed(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        _ = try succeed("study study.yaml --output whole")
        let expected = try bytes("whole")
        // 3 methods, 2 of self-distillation and permutation, 1 of equal compute; 2 seeds; scores and losses of each.
        #expect(expected.count == 3 + 6 * 2 * 2, "\(expected.keys.sorted())")
        // A moment is so many finished runs of the twelve, and a little later: not a time, which load would stretch.
        for finishedRuns in [0, 3, 6] {
            let program = try start("study study.yaml --output killed")
            let began = program.wait(within: 60) {
                files.exists("killed/runs") && finished("killed") >= finishedRuns
            }
            #expect(began, "seed \(seed): \(finishedRuns) runs never finished")
            Thread.sleep(forTimeInterval: Double.random(in: 0...0.05, using: &random))
            program.kill(SIGKILL)
            #expect(program.end(within: 10)?.code == -SIGKILL, "seed \(seed), after \(finishedRuns) runs")
        }
        _ = try succeed("study study.yaml --output killed")
        let found = try bytes("killed")
        #expect(Set(found.keys) == Set(expected.keys))
        for (name, data) in expected { #expect(found[name] == data, "seed \(seed): \(name)") }
    }

    @Test("one run at a time or two side by side give the same bytes")
    func sideBySide() throws {
        _ = try succeed("study study.yaml --output two")
        _ = try succeed("study study.yaml --output one --parallel 1")
        let (two, one) = (try bytes("two"), try bytes("one"))
        for (name, data) in two { #expect(one[name] == data, "\(name)") }
    }

    @Test("by Ctrl-C leaves with 130 and checkpoints, and goes on from them")
    func interrupted() throws {
        let arguments = "study study.yaml --output stopped --set training.epochs=30"
        let program = try start(arguments)
        #expect(program.wait(within: 60) { files.exists("stopped/runs/baseline/seed-3/checkpoints") })
        program.kill(SIGINT)
        let output = try #require(program.end(within: 60))
        #expect(output.code == 130, "\(output.err)")
        #expect(output.err.contains("Go on with the same command"))
        #expect(!files.exists("stopped/results.json"))
        let again = try succeed(arguments)
        #expect(again.err.contains("going on from its checkpoint") || again.err.contains("finished before, kept"), "\(again.err)")
        #expect(files.exists("stopped/report.html"))
    }

    @Test("prints tables and a verdict for every pair, and a second time trains nothing")
    func printed() throws {
        let first = try succeed("study study.yaml --output done")
        for words in [
            "Methods at coarse-grained ranking (CTR), as Table 2", "Controls", "PFD > Baseline:", "PFD > PFD, self-distillation:",
            "PFD > PFD, permuted privileged features:", "PFD > Baseline, compute of PFD:", "0.6712",
        ] { #expect(first.out.contains(words), "'\(words)' is not in: \(first.out)") }
        let again = try succeed("study study.yaml --output done")
        #expect(again.out == first.out)
        #expect(again.err.components(separatedBy: "finished before, kept").count == 13)
        // Reported from its folder, and nothing trained, it says the same.
        let reported = try succeed("report done --out elsewhere")
        #expect(reported.out.replacing("elsewhere", with: "done") == first.out)
        for name in Self.deterministic {
            #expect(try files.text("elsewhere/\(name)") == files.text("done/\(name)"), "\(name)")
        }
    }

    @Test("report judges runs that hindsight train made, pairing them by sample")
    func reportOfRuns() throws {
        for (name, method) in [("a", "baseline"), ("b", "pfd")] {
            for seed in [1, 2] {
                _ = try succeed(
                    "train run.yaml --quiet --output runs/\(name)\(seed) --seed \(seed) --set distillation.method=\(method)")
            }
        }
        let output = try succeed("report runs/a1 runs/a2 runs/b1 runs/b2")
        #expect(output.out.contains("PFD > Baseline:"))
        #expect(output.out.contains("over 2 seeds and"))
        let html = try files.text("report/report.html")
        #expect(html.contains("prefers-color-scheme: dark") && html.contains("<svg"))
        #expect(!html.contains("http://") && !html.contains("https://"), "the report must need no other file")
        // The same runs again, by another name of the folder.
        let twice = try files.hindsight("report runs/a1 runs/a1")
        #expect(twice.code == 65, "\(twice.err)")
    }

    @Test("errors name the file, the line and what to do", arguments: [
        ("seeds: 2", "seedz: 2", "study.yaml:4:1: unknown key 'seedz'; did you mean 'seeds'?"),
        ("seeds: 2", "seeds: 0", "study.yaml:4:8: seeds: expected a number of seeds"),
        ("methods: [baseline, md, pfd]", "methods: [baseline, pfb]", "did you mean 'pfd'?"),
        ("methods: [baseline, md, pfd]", "methods: [baseline, baseline]", "the method is said twice"),
        ("methods: [baseline, md, pfd]", "methods: [baseline, mtl]", "mtl needs at least two labels"),
        ("segments: [country, price]", "segments: [county]", "'county' is no feature of"),
        ("run: run.yaml", "run: absent.yaml", "absent.yaml: no such file"),
        ("parallel: 2", "lambdas: [0.5, 2]", "must be between 0 and 1, found 2"),
        ("parallel: 2", "manners: [share*_sync]", "say which in the run file"),
        ("parallel: 2", "controls: [shuffled]", "expected one of self_distillation"),
    ])
    func errors(old: String, new: String, message: String) throws {
        try files.edit("study.yaml", old, new)
        let output = try files.hindsight("study study.yaml")
        #expect(output.code == 65, "\(output.err)")
        #expect(output.err.contains(message), "\(output.err)")
        #expect(output.out.isEmpty)
    }

    @Test("presets need no study file, and say what they are", arguments: [
        ("methods", ["LUPI vs Baseline", "PFD+MD ≥ MD", "PFD > PFD, self-distillation"]),
        ("lambda", ["PFD, λ 0.1", "PFD+MD, λ 0.9"]), ("manners", ["PFD+MD, Ind&Async", "PFD+MD, Share&Sync"]),
        ("days", ["PFD+MD, newest 10 %", "Baseline, all data"]),
    ])
    func presets(preset: String, lines: [String]) throws {
        try files.edit("run.yaml", "- {name: user, side: user}", "- {name: user_id, column: user, side: user}")
        let output = try succeed("study --preset \(preset) run.yaml --plan")
        for line in lines { #expect(output.out.contains(line), "'\(line)' is not in: \(output.out)") }
        #expect(!files.exists("studies"))
    }

    @Test("presets run to their tables and their drawing", arguments: [
        ("lambda", ["as Table 5", "PFD+MD in the paper"], "The student's AUC and λ"),
        ("manners", ["as Table 7", "Share*&Sync", "Relative"], "The teacher's training loss"),
        ("days", ["More data, as Table 2", "PFD+MD, newest 30 %"], "the size of the data"),
    ])
    func presetsToTheEnd(preset: String, lines: [String], drawing: String) throws {
        try files.edit("run.yaml", "- {name: user, side: user}", "- {name: user_id, column: user, side: user}")
        let output = try succeed("study --preset \(preset) run.yaml --seeds 2 --controls none")
        for line in lines { #expect(output.out.contains(line), "'\(line)' is not in: \(output.out)") }
        let html = try files.text("studies/run-\(preset)/report.html")
        #expect(html.contains(drawing), "'\(drawing)' is not drawn")
    }

    @Test("the cost preset times mappings beside inner products, and trains nothing")
    func cost() throws {
        let output = try succeed("study --preset cost run.yaml")
        #expect(output.out.contains("89.695 s against 0.108 s") && output.out.contains("inner products of 8"), "\(output.out)")
        #expect(try files.text("studies/run-cost/cost.md").contains("89.695 s"))
        #expect(!files.exists("studies/run-cost/runs"))
        #expect(try succeed("study --preset cost run.yaml --plan").out.contains("no runs"))
        #expect(try files.hindsight("study --preset cost run.yaml --seeds 2").code == 64)
    }

    @Test("without groups there is no column for GAUC")
    func ungrouped() throws {
        try files.edit("run.yaml", "request: request, group: user, ", "")
        _ = try succeed("study study.yaml --output ungrouped --controls none")
        _ = try succeed("report ungrouped")
        #expect(!(try files.text("ungrouped/results.md").contains("GAUC")))
        #expect(!(try files.text("ungrouped/report.html").contains("GAUC")))
    }

    @Test("a run that stops by itself is a result, not the end of the study")
    func failure() throws {
        let output = try succeed("study study.yaml --output failed --controls none --set training.optimiser.learning_rate=1e30")
        #expect(output.err.contains("is not finite"), "\(output.err)")
        #expect(try files.text("failed/results.md").contains("## Runs that stopped"))
    }
}
