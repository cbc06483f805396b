import Foundation
import Testing
import Training

/// The recipes of `Scripts/recipes`, for data sets that users fetch themselves: on small invented logs in the published
/// formats, from raw files to a trained model.
@Suite("Recipes for data that users fetch", .enabled(if: Recipes.python != nil, "needs Python with pyarrow"))
struct RecipeTests {
    let files: TinyFiles
    init() throws { files = try TinyFiles() }

    @Test(
        "look at no row but earlier ones, count right, and refuse bad files with their place",
        arguments: ["lib", "ali_ccp", "ebnerd", "kuairand", "taobao_userbehavior", "small_sets"])
    func pythonTests(name: String) throws {
        let output = try Recipes.python(["-m", "unittest", "tests.test_\(name)"])
        #expect(output.code == 0, "\(output.text)")
        #expect(output.text.contains("Ran ") && !output.text.contains("Ran 0 tests"), "\(output.text)")
    }

    @Test("have pages that name only files that exist")
    func pages() throws {
        let folder = "\(RealData.package)/docs/data"
        let pages = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".md") }
        #expect(pages.count >= 7)
        var named = 0
        for page in pages {
            let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(page)")), as: UTF8.self)
            for match in text.matches(of: /(?:Examples|Scripts|Data)\/[\w\/.-]*\w/) {
                guard !match.output.contains("NAME") else { continue }  // `NAME.py` stands for all of them
                named += 1
                #expect(
                    FileManager.default.fileExists(atPath: "\(RealData.package)/\(match.output)"),
                    "\(page): \(match.output)")
            }
            for match in text.matches(of: /\]\(([\w.\/-]+)(?:#[\w-]*)?\)/) {
                named += 1
                #expect(FileManager.default.fileExists(atPath: "\(folder)/\(match.1)"), "\(page): \(match.1)")
            }
        }
        #expect(named > 40)
    }

    @Test(
        "give samples that their run file accepts and trains on for two steps",
        arguments: [
            ("ali_ccp", ["ali-ccp-ctr": "", "ali-ccp-cvr": "clicked-"]), ("ebnerd", ["ebnerd-small": ""]),
            ("kuairand", ["kuairand": "", "kuairand-cvr": "clicked-"]), ("taobao_userbehavior", ["taobao": ""]),
        ])
    func rawLogsToModel(recipe: String, runs: [String: String]) throws {
        let made = try Recipes.python(["tests/made_logs.py", recipe, files("raw")])
        try #require(made.code == 0, "\(made.text)")
        let source = made.text.trimmingCharacters(in: .whitespacesAndNewlines)
        let output = try Recipes.python(["\(recipe).py", source, "--out", files("samples"), "--quiet"])
        try #require(output.code == 0, "\(output.text)")
        for (run, prefix) in runs.sorted(by: { $0.key < $1.key }) {
            let runFile = "\(RealData.package)/Examples/real/\(run).yaml"
            let logs = ["train", "test"]
                .map { "--set logs.\($0)=\(files("samples/\(prefix)\($0).parquet"))" }.joined(separator: " ")
            let plan = try files.hindsight("check \(runFile) \(logs)")
            #expect(plan.code == 0, "\(run): \(plan.err)")
            #expect(plan.out.contains("privileged"), "\(run): \(plan.out)")
            // Half of the samples a step, whatever their number; small networks keep it quick.
            let steps = "--set training.batch_size=\(try Recipes.halfOfTrain(plan.out)) --set training.mode=synchronous"
            let small = [
                "networks.mapping=[16,8]", "networks.mlp=[16,8]", "networks.deep_teacher=[16,8]",
                "evaluation.resamples=10",
            ]
            .map { "--set \($0)" }.joined(separator: " ")
            let output = "--output \(files("runs/\(run)")) --quiet"
            let trained = try files.hindsight("train \(runFile) \(logs) \(steps) \(small) \(output)")
            #expect(trained.code == 0, "\(run): \(trained.err)")
            #expect(trained.out.contains("AUC"), "\(run): \(trained.out)")
            #expect(try RunFolder(files("runs/\(run)")).readSummary().steps == 2, "\(run)")
        }
    }
}

/// Python, started in the folder of the recipes.
enum Recipes {
    static let folder = "\(RealData.package)/Scripts/recipes"
    static let python = Python.path.map { $0.executable }

    struct Output {
        var code: Int32
        /// Standard output, then standard error.
        var text: String
    }
    struct Unexpected: Error, CustomStringConvertible { var description: String }

    /// A batch that makes two steps of an epoch, whose size the plan says ("an epoch is 1,282 samples").
    static func halfOfTrain(_ plan: String) throws -> Int {
        guard let said = plan.firstMatch(of: /an epoch is ([0-9,]+) samples/),
            let rows = Int(said.1.filter { $0 != "," })
        else { throw Unexpected(description: "no number of samples in: \(plan)") }
        return (rows + 1) / 2
    }

    static func python(_ arguments: [String]) throws -> Output {
        guard let python else { throw Unexpected(description: "no Python with pyarrow") }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-B"] + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return Output(code: process.terminationStatus, text: text)
    }
}
