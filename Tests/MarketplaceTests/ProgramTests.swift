import Foundation
import Glibc
import Testing

@testable import Marketplace

/// The commands as their users call them.
@Suite("Commands")
struct ProgramTests {
    @Test("Memory does not grow with the number of impressions")
    func memory() throws {
        let folder = try TemporaryFolder()
        func peak(_ impressions: Int) throws -> Int {
            let run = try Spawned.run(
                [
                    "simulate", "--impressions", "\(impressions)", "--days", "2", "--threads", "1", "--out", "m\(impressions)",
                    "--set", "users_per_file=256", "--set", "items=500",
                ], in: folder.path)
            try #require(run.code == 0, "\(run.err)")
            return run.peakKilobytes
        }
        // 20 times the rows, and files: kept in memory, the sequences alone would be 200 MB more.
        let few = try peak(10_000)
        let many = try peak(200_000)
        #expect(Double(many) < 1.5 * Double(few), "\(few) and \(many) kB")
    }

    @Test("What simulate is told wrong ends it with the right code, and writes nothing")
    func wrong() throws {
        let folder = try TemporaryFolder()
        let cases: [([String], Int32, String)] = [
            (["simulate", "none.yaml", "--out", "m"], 66, "none.yaml"),
            (["simulate", "--set", "page=0", "--out", "m"], 65, "page"),
            (["simulate", "--set", "users=many", "--out", "m"], 65, "users"),
            (["simulate", "--out", "."], 65, "empty folder"),
            (["simulate", "--threads", "0", "--out", "m"], 64, "--threads"),
            (["ab", "truth", "policy", "--market", "none"], 66, "none"),
            (["regret", "none", "--truth", "none"], 66, "none"),
        ]
        try Data("users: 3\n".utf8).write(to: URL(fileURLWithPath: "\(folder.path)/market.yaml"))
        for (arguments, code, word) in cases {
            let run = try Spawned.run(arguments, in: folder.path)
            #expect(run.code == code, "\(arguments): \(run.err)")
            #expect(run.err.contains(word), "\(arguments): \(run.err)")
        }
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/m"))
    }

    @Test("From a market to an A/B test: simulate, check, train, regret, export, index, serve, ab")
    func wholeWay() throws {
        let folder = try TemporaryFolder()
        @discardableResult func call(_ arguments: String...) throws -> String {
            let run = try Spawned.run(arguments, in: folder.path)
            try #require(run.code == 0, "\(arguments): \(run.err)")
            return run.out
        }
        func object(_ text: String) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }
        try Data(SmallMarket.changed { $0.impressions = 24_000 }.yaml.utf8)
            .write(to: URL(fileURLWithPath: "\(folder.path)/small.yaml"))
        try call("simulate", "small.yaml", "--out", "market")
        for (task, label) in [("ctr", "click"), ("cvr", "purchase")] {
            let plan = try call("check", "market/\(task).yaml")
            #expect(!plan.contains("probability") && !plan.contains("relevance"))
            try call(
                "train", "market/\(task).yaml", "--set", "distillation.method=baseline", "--set", "sequence.length=5",
                "--set", "networks.mapping=[16,8]", "--set", "networks.mlp=[16,8]", "--set", "training.batch_size=64",
                "--set", "evaluation.resamples=0", "--output", "runs/\(task)", "--quiet")
            let regrets = try object(call("regret", "runs/\(task)", "--truth", "market/truth/\(task)/day-03", "--json"))
            let student = try #require((regrets["student"] as? [String: Any])?["auc"] as? Double)
            let truth = try #require((regrets["truth, all known"] as? [String: Any])?["auc"] as? Double)
            #expect(truth > student, "\(label): \(truth) and \(student)")
            try call("export", "runs/\(task)", "--out", "packages/\(task)")
        }
        let wrongDay = try Spawned.run(["regret", "runs/ctr", "--truth", "market/truth/ctr/day-02"], in: folder.path)
        #expect(wrongDay.code == 65 && wrongDay.err.contains("row by row"), "\(wrongDay.err)")

        func test(_ a: String, _ b: String, _ more: String...) throws -> [String: Any] {
            try object(
                try call(arguments: ["ab", a, b, "--market", "market", "--days", "2", "--users", "150", "--json"] + more))
        }
        func call(arguments: [String]) throws -> String {
            let run = try Spawned.run(arguments, in: folder.path)
            try #require(run.code == 0, "\(arguments): \(run.err)")
            return run.out
        }
        func clicks(_ report: [String: Any]) throws -> (a: Double, b: Double) {
            let total = try #require((report["total"] as? [String: Any])?["clicks"] as? [String: Any])
            return (try #require(total["a"] as? Double), try #require(total["b"] as? Double))
        }
        // The truth beats the model, which beats chance.
        let model = try clicks(test("random:1", "packages/ctr"))
        #expect(model.b > 1.1 * model.a, "\(model)")
        let truth = try clicks(test("packages/ctr", "truth"))
        #expect(truth.a == model.b && truth.b > 1.1 * truth.a, "\(truth)")
        // A CVR package works with a CTR package.
        _ = try test("packages/cvr", "packages/cvr", "--ctr", "packages/ctr")
        // The same student with its items served in this process, and behind HTTP, shows the same pages.
        try call("index", "packages/ctr", "--items", "market/items.parquet", "--price", "price", "--out", "served")
        let served = try clicks(test("packages/ctr", "served"))
        #expect(abs(served.a - served.b) <= 0.02 * served.a, "\(served)")
        let server = try Spawned.start(["serve", "served", "--port", "0"], in: folder.path)
        defer {
            kill(server.pid, SIGTERM)
            var status: Int32 = 0
            waitpid(server.pid, &status, 0)
        }
        let url = try #require(address(printedTo: "\(server.name).out"))
        let remote = try clicks(test("served", url))
        #expect(remote.a == remote.b && remote.a == served.b, "\(remote)")
    }

    /// Waits for the line that tells the port.
    private func address(printedTo path: String) -> String? {
        for _ in 0..<6_000 {
            let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
            if text.contains("\n"), let start = text.range(of: "http://") {
                return text[start.lowerBound...].trimmingCharacters(in: .whitespacesAndNewlines)
            }
            Thread.sleep(forTimeInterval: 0.01)
        }
        return nil
    }
}
