import Foundation
import Kernels
import Logs
import TensorFiles
import Testing

@testable import Training

@Suite("Over a whole run")
struct WholeRunTests {
    static let independent = ["distillation.manner=ind_sync"]

    /// Tensors of one owner, under the names that both runs give them.
    static func owned(_ owner: String, _ tensors: [String: [UInt8]]) -> [String: [UInt8]] {
        tensors.filter { $0.key.contains("\(owner).") || $0.key.contains("/\(owner)/") }
    }

    @Test(
        "lambda = 0 is the baseline: the same student, bit for bit, when inputs are independent",
        arguments: ["pfd", "pfd+md", "md", "lupi"], [1, 2])
    func lambdaZero(method: String, workers: Int) throws {
        let folder = try TemporaryFolder()
        let common = Self.independent + ["training.workers=\(workers)"]
        let baseline = try TinyRun(in: folder, common + ["distillation.method=baseline"], output: "baseline")
        let taught = try TinyRun(
            in: folder, common + ["distillation.method=\(method)", "distillation.lambda=0"], output: "taught")
        try baseline.train()
        try taught.train()
        let expected = Self.owned("student", try baseline.tensors())
        let found = Self.owned("student", try taught.tensors())
        #expect(expected.count > 20)
        #expect(expected == found)
        #expect(try baseline.scores(of: folder("test.parquet")).student == taught.scores(of: folder("test.parquet")).student)
    }

    @Test("products in bfloat16 learn what float32 learns, and say so", .enabled(if: Processor.hasBFloat16))
    func bfloat16() throws {
        let folder = try TemporaryFolder()
        let wide = try TinyRun(in: folder, output: "wide")
        let rounded = try TinyRun(in: folder, ["training.precision=bfloat16"], output: "rounded")
        try wide.train()
        try rounded.train()
        #expect(try wide.tensors() != rounded.tensors())
        let a = try wide.scores(of: folder("test.parquet")).student
        let b = try rounded.scores(of: folder("test.parquet")).student
        // Roundings grow over the steps of a tiny run, but not into another model.
        let mean = zip(a, b).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(a.count)
        #expect(mean < 0.15)
        #expect(try Set(a).count > 10)
        #expect(rounded.checked.plan().description.contains("products in bfloat16"))
    }

    @Test("a processor without bfloat16 refuses it and names the key")
    func withoutBFloat16() throws {
        try Worker.requireProcessor(for: .float32, hasBFloat16: false)
        try Worker.requireProcessor(for: .bfloat16, hasBFloat16: true)
        let error = #expect(throws: TrainingError.self) {
            try Worker.requireProcessor(for: .bfloat16, hasBFloat16: false)
        }
        let text = try #require(error?.description)
        #expect(text.contains("training.precision") && text.contains("AVX512_BF16") && text.contains("float32"))
    }

    @Test("a lambda that is not 0 does move the student, so that equality means something")
    func lambdaMatters() throws {
        let folder = try TemporaryFolder()
        let one = try TinyRun(in: folder, Self.independent + ["distillation.lambda=0"], output: "one")
        let other = try TinyRun(in: folder, Self.independent + ["distillation.lambda=0.5"], output: "other")
        try one.train()
        try other.train()
        #expect(try one.tensors() != other.tensors())
        #expect(try Self.owned("student", one.tensors()) != Self.owned("student", other.tensors()))
    }

    @Test("the teacher does not move with lambda, when inputs are independent", arguments: ["pfd", "pfd+md", "md", "lupi"])
    func teacher(method: String) throws {
        let folder = try TemporaryFolder()
        let results = try ["0", "0.3", "{from: 0, to: 1, over: {fraction: 0.5}}"].enumerated().map { number, lambda in
            let run = try TinyRun(
                in: folder,
                Self.independent + ["distillation.method=\(method)", "distillation.lambda=\(lambda)", "training.workers=2"],
                output: "\(number)")
            try run.train()
            return (
                Self.owned("teacher", try run.tensors()),
                try run.scores(of: folder("test.parquet"), teacher: true).teacher
            )
        }
        #expect(results[0].0.count > 10)
        #expect(results[0].1?.count == 300)
        for other in results.dropFirst() {
            #expect(results[0].0 == other.0)
            #expect(results[0].1 == other.1)
        }
    }

    @Test("deduplicated samples train the student that undeduplicated ones do, to rounding", arguments: [1, 2])
    func deduplication(workers: Int) throws {
        let folder = try TemporaryFolder()
        // Plain gradient descent: Adagrad divides by the size of a gradient, so it would turn the rounding
        // of one that should be 0 into a whole step.
        let overrides = ["training.optimiser.kind=sgd", "training.optimiser.learning_rate=0.1", "training.workers=\(workers)"]
        let shared = try TinyRun(in: folder, overrides, output: "shared")
        let plain = try TinyRun(in: folder, overrides, output: "plain")
        try shared.train(stopAt: 10)
        try plain.train(stopAt: 10, deduplicate: false)
        let (one, other) = (try shared.scores(of: folder("test.parquet")), try plain.scores(of: folder("test.parquet")))
        #expect(zip(one.student, other.student).allSatisfy { abs($0 - $1) < 1e-5 })
        let file = try SafetensorsFile(path: #require(shared.checkpoints.first))
        let twin = try SafetensorsFile(path: #require(plain.checkpoints.first))
        for tensor in file.tensors where tensor.elementType == .float32 {
            let worst = zip(try file.floats(tensor.name), try twin.floats(tensor.name))
                .map { abs($0 - $1) / (1 + abs($0)) }.max() ?? 0
            #expect(worst < 2e-5, "\(tensor.name)")
        }
    }

    @Test("no privileged value, label or weight reaches the student's score", arguments: ["lupi", "pfd", "pfd+md"])
    func leaks(method: String) throws {
        let folder = try TemporaryFolder()
        let run = try TinyRun(in: folder, ["distillation.method=\(method)"])
        try run.train()
        let logs = TinyLogs(rows: 300, seed: 2)
        let expected = try run.scores(of: folder("test.parquet"))
        #expect(Set(expected.student).count > 100)

        var rewritten = logs
        rewritten.clicks = logs.clicks.indices.map { $0 % 3 == 0 ? nil : Double($0) * 1e6 }
        rewritten.dwell = logs.dwell.indices.map { $0 % 2 == 0 ? nil : -Double($0) }
        try rewritten.write(to: folder("rewritten.parquet"))
        let others = try run.scores(of: folder("rewritten.parquet"), teacher: true)
        #expect(others.student == expected.student)
        // The teacher does see them: the rewriting has reached the model.
        #expect(try others.teacher != run.scores(of: folder("test.parquet"), teacher: true).teacher)

        rewritten.click = logs.click.map { 1 - $0! }
        rewritten.weight = logs.weight.map { $0! * 3 }
        try rewritten.write(to: folder("relabelled.parquet"))
        #expect(try run.scores(of: folder("relabelled.parquet")).student == expected.student)

        try logs.write(to: folder("serving.parquet"), leavingOut: TinyLogs.trainingColumns)
        #expect(try run.scores(of: folder("serving.parquet"), reads: .regularInputs).student == expected.student)
    }

    @Test("scores from a new session are those behind the run's own metrics, whatever the workers", arguments: [1, 2])
    func scores(workers: Int) throws {
        let folder = try TemporaryFolder()
        let run = try TinyRun(in: folder, ["training.workers=\(workers)"])
        try run.train()
        let session = try RunSession(folder: run.runFolder.path)
        let scores = try session.trainedEngine().score(session.ordered(.test), teacher: true)
        #expect(try scores.report(session.run, split: "test", resamples: 10) == run.result().test)
    }
}
