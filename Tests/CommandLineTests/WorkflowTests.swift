import Evaluation
import Foundation
import TensorFiles
import Testing
import Training

@Suite("From logs to scores")
struct WorkflowTests {
    let files: TinyFiles
    init() throws { files = try TinyFiles() }

    private func succeed(_ arguments: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Program.Output {
        let output = try files.hindsight(arguments)
        #expect(output.code == 0, "\(arguments): \(output.err)", sourceLocation: sourceLocation)
        return output
    }

    private func summary(_ folder: String = "runs/tiny") throws -> RunSummary {
        try RunFolder(files(folder)).readSummary()
    }

    private func tensors(_ folder: String) throws -> [String: [UInt8]] {
        let names = try FileManager.default.contentsOfDirectory(atPath: files("\(folder)/checkpoints")).sorted()
        let file = try SafetensorsFile(path: files("\(folder)/checkpoints/\(try #require(names.last))"))
        return try Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, Array(try file.bytes($0.name))) })
    }

    /// A column of a CSV file of scores.
    private func column(_ number: Int, of text: String) -> [Float] {
        text.split(separator: "\n").dropFirst().map { Float($0.split(separator: ",")[number]) ?? .nan }
    }

    @Test("check prints the plan and trains nothing")
    func check() throws {
        let plan = try succeed("check run.yaml").out
        for words in ["tiny", "privileged", "clicks", "Tables", "Networks", "Cost", "pfd+md"] {
            #expect(plan.contains(words), "'\(words)' is not in: \(plan)")
        }
        #expect(!files.exists("runs"))
        try FileManager.default.removeItem(atPath: files("train.csv"))
        #expect(try succeed("check run.yaml --no-logs").out.contains("to be learnt"))
    }

    @Test("check warns of a run that never leaves its warm-up")
    func checkWarns() throws {
        let plan = try succeed("check run.yaml --set training.optimiser.warmup=1000000").out
        #expect(plan.contains("Warnings") && plan.contains("never reaches"))
    }

    @Test("train leaves what it promises, and a table of metrics with intervals")
    func train() throws {
        let output = try succeed("train run.yaml")
        for name in ["run.json", "encoder.json", "metrics.json", "checkpoints/step-0000000019.safetensors"] {
            #expect(files.exists("runs/tiny/\(name)"), "\(name)")
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: files("runs/tiny"))
        #expect(names.contains { $0.hasPrefix("events.out.tfevents") })
        for words in ["test (200 samples)", "student", "teacher", "AUC", "GAUC", "[", "Written to runs/tiny"] {
            #expect(output.out.contains(words), "'\(words)' is not in: \(output.out)")
        }
        #expect(output.err.contains("training on 600 samples, 19 steps"))
        let summary = try summary()
        #expect(summary.samples == 600 && summary.steps == 19)
        #expect(summary.test?.student[.auc]?.interval != nil)
    }

    @Test("train --quiet prints results and no progress")
    func quiet() throws {
        let output = try succeed("train run.yaml --quiet")
        #expect(output.err.isEmpty)
        #expect(output.out.contains("AUC"))
    }

    @Test("--output, --seed and --set do what keys of the run file do")
    func overrides() throws {
        _ = try succeed("train run.yaml --output here --seed 5 --set distillation.method=baseline --set training.workers=2")
        let summary = try summary("here")
        #expect(summary.seed == 5 && summary.method == .baseline && summary.test?.teacher == nil)
        #expect(!files.exists("runs"))
    }

    @Test("predict in a new process gives the scores behind the run's own test metrics")
    func predict() throws {
        _ = try succeed("train run.yaml")
        _ = try succeed("predict runs/tiny --data test.csv --out scores.csv --teacher")
        let text = try files.text("scores.csv")
        #expect(text.hasPrefix("row,score,teacher_score\n0,"))
        #expect(text.split(separator: "\n").count == 1 + TinyFiles.testRows)
        let rows = try files.text("test.csv").split(separator: "\n").dropFirst()
            .map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        let users = Set(rows.map { $0[2] }).sorted()
        let test = try #require(try summary().test)
        for (who, expected) in [(1, test.student), (2, try #require(test.teacher))] {
            let samples = try ScoredSamples(
                predictions: column(who, of: text), labels: rows.map { $0.last == "1" ? 1 : 0 },
                groups: rows.map { UInt64(users.firstIndex(of: $0[2])!) })
            let found = EvaluationReport(of: samples, bootstrap: Bootstrap(resamples: 0, seed: 1))
            // Exact metrics of the same bits.
            for kind in [MetricKind.auc, .gauc, .logLoss, .normalisedEntropy, .pcoc, .ece] {
                #expect(found[kind]?.value != nil)
                #expect(found[kind]?.value == expected[kind]?.value, "\(kind)")
            }
        }
    }

    @Test("predict writes the same scores to CSV, to standard output and to Parquet")
    func predictFormats() throws {
        _ = try succeed("train run.yaml")
        _ = try succeed("predict runs/tiny --data test.csv --out scores.csv")
        let text = try files.text("scores.csv")
        #expect(try succeed("predict runs/tiny --data test.csv --out -").out == text)
        for _ in 1...2 { _ = try succeed("predict runs/tiny --data test.csv --out scores.parquet") }
        #expect(!files.exists("scores.parquet.partial"))
        guard let python = Python.path else { return }
        let read = try python.run(
            """
            import sys, pyarrow.parquet as p
            t = p.read_table(sys.argv[1])
            print("\\n".join(f"{r} {s.hex()}" for r, s in zip(t["row"].to_pylist(), t["score"].to_pylist())))
            """, files("scores.parquet"))
        let found = read.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(found.map { Int($0[0]) } == Array(0..<TinyFiles.testRows))
        #expect(found.map { Float($0[1]) } == column(1, of: text).map { $0 })
    }

    @Test("predict needs no label and no privileged column, and looks at none")
    func serving() throws {
        _ = try succeed("train run.yaml")
        let expected = try succeed("predict runs/tiny --data test.csv --out -").out
        try files.write(TinyFiles.csv(rows: TinyFiles.testRows, seed: 2, shift: 1000), to: "shifted.csv")
        #expect(try succeed("predict runs/tiny --data shifted.csv --out -").out == expected)
        let unknown = TinyFiles.privileged.union(["click", "request", "time"] as Set)
        try files.write(TinyFiles.csv(rows: TinyFiles.testRows, seed: 2, leavingOut: unknown), to: "serving.csv")
        #expect(try succeed("predict runs/tiny --data serving.csv --out -").out == expected)
        let teacher = try files.hindsight("predict runs/tiny --data serving.csv --out - --teacher")
        #expect(teacher.code == 65 && teacher.err.contains("'clicks'"))
    }

    @Test("evaluate finds the metrics of the run, from another folder too")
    func evaluate() throws {
        _ = try succeed("train run.yaml")
        let expected = try #require(try summary().test)
        let folder = files("elsewhere")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let output = try Program.run(["evaluate", "../runs/tiny", "--json"], in: folder)
        #expect(output.code == 0, "\(output.err)")
        #expect(output.outLines.count == 1)
        let found = try JSONDecoder().decode(SplitReport.self, from: Data(output.out.utf8))
        #expect(found == expected)
        let table = try succeed("evaluate runs/tiny").out
        let auc = try #require(expected.student[.auc]?.value)
        #expect(table.contains(String(format: "%.4f", auc)))
        let other = try succeed("evaluate runs/tiny --data train.csv").out
        #expect(other.contains("train.csv (600 samples)"))
        #expect(try succeed("evaluate runs/tiny --split train").out.contains("train (600 samples)"))
    }

    @Test("prepare and --prepared change nothing in the result")
    func prepared() throws {
        let output = try succeed("prepare run.yaml --into shards").out
        #expect(output.contains("train: 600 samples") && output.contains("test: 200 samples"))
        _ = try succeed("train run.yaml --output runs/decoded")
        _ = try succeed("train run.yaml --output runs/prepared --prepared shards")
        #expect(try tensors("runs/decoded") == tensors("runs/prepared"))
        #expect(try summary("runs/decoded").test == summary("runs/prepared").test)
    }

    @Test("compare trains every method on every seed, keeps what it has, and prints one table")
    func compare() throws {
        let arguments = "compare run.yaml --methods baseline,lupi,pfd --seeds 2"
        let first = try succeed(arguments)
        for words in [
            "Baseline", "LUPI", "against Baseline", "test AUC over 2 seeds", "±", "PFD > LUPI:", "report.html",
        ] {
            #expect(first.out.contains(words), "'\(words)' is not in: \(first.out)")
        }
        for method in ["baseline", "lupi", "pfd"] {
            for seed in [3, 4] { #expect(files.exists("runs/tiny/\(method)/seed-\(seed)/metrics.json")) }
        }
        let again = try succeed(arguments)
        #expect(again.out == first.out)
        #expect(again.err.contains("finished before, kept"))
        let all = try JSONDecoder().decode([RunSummary].self, from: Data(try files.text("runs/tiny/comparison.json").utf8))
        #expect(all.count == 6)
        #expect(try files.text("runs/tiny/results.md").contains("2 seeds: 3, 4"))
    }

    @Test("compare sets every method against the first one named, and reads prepared shards")
    func compareWithFirst() throws {
        let arguments = "compare run.yaml --methods pfd,baseline --seeds 1"
        let decoded = try succeed(arguments + " --output decoded").out
        #expect(decoded.contains("against PFD") && decoded.contains("test AUC of one seed"), "\(decoded)")
        _ = try succeed("prepare run.yaml --into shards")
        _ = try succeed(arguments + " --output prepared --prepared shards")
        #expect(!files.exists("prepared/shards"))
        #expect(try files.text("prepared/results.csv") == files.text("decoded/results.csv"))
        // A worker more changes how samples are divided, so an explicit wish for it is heard.
        _ = try succeed(arguments + " --output workers --set training.workers=2")
        #expect(try files.text("workers/times.json").contains("\"workers\" : 2"))
    }

    @Test(
        "--json writes JSON objects to standard output and nothing else",
        arguments: [
            "train run.yaml --json", "train run.yaml --json --quiet", "compare run.yaml --methods baseline,pfd --seeds 1 --json",
        ])
    func json(arguments: String) throws {
        let output = try succeed(arguments)
        #expect(!output.outLines.isEmpty)
        var events: [String] = []
        for line in output.outLines {
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            events.append(try #require(object?["event"] as? String, "\(line)"))
        }
        #expect(events.contains("progress"))
        if arguments.hasPrefix("train") { #expect(events.last == "finished") }
    }

    @Test("on_bad_row: skip counts the rows it leaves out and keeps them in a side file")
    func badRows() throws {
        try files.edit("run.yaml", "shuffle_window: 200}", "shuffle_window: 200, on_bad_row: skip}")
        var lines = try files.text("train.csv").split(separator: "\n").map(String.init)
        for row in [10, 20, 30] { lines[row] = String(lines[row].dropLast()) + "7" }
        lines[40] = "not,enough"
        try files.write(lines.joined(separator: "\n") + "\n", to: "train.csv")
        let output = try succeed("train run.yaml")
        #expect(output.err.contains("training on 596 samples"))
        #expect(output.err.contains("4 bad rows") && output.err.contains("bad-rows.jsonl"), "\(output.err)")
        let kept = try files.text("runs/tiny/bad-rows.jsonl").split(separator: "\n").map {
            try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(Set(kept.map { $0["row"] as? Int }) == [10, 20, 30, 40])
        #expect(kept.filter { $0["column"] as? String == "click" }.count == 3)

        // A score for every row or none: a row left out would move those that follow.
        try files.write("user,country,item,price,history\n1,pt,item 1,cheap,\n", to: "bad.csv")
        let scored = try files.hindsight("predict runs/tiny --data bad.csv --out -")
        #expect(scored.code == 65 && scored.err.contains("bad.csv: row 1: column 'price'"))
        #expect(scored.out.isEmpty)
        #expect(try files.text("runs/tiny/bad-rows.jsonl").split(separator: "\n").count == 4)
    }
}

/// The interpreter with pyarrow: `HINDSIGHT_PYTHON`, or the one that bootstrap made.
struct Python {
    static let path: Python? = {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let python = Python(
            executable: ProcessInfo.processInfo.environment["HINDSIGHT_PYTHON"] ?? "\(package)/.deps/venv/bin/python")
        return (try? python.run("import pyarrow.parquet")) == nil ? nil : python
    }()

    let executable: String
    struct Failure: Error {}

    func run(_ script: String, _ arguments: String...) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = ["-c", script] + arguments
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure() }
        return String(decoding: data, as: UTF8.self)
    }
}
