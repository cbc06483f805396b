import Foundation
import Logs
import Testing

/// A command line that goes wrong in a folder that something was done to: how it ends and what it says.
struct BadInput: Sendable, CustomTestStringConvertible {
    var name: String
    var arguments = "train run.yaml"
    var code: Int32
    var says: [String]
    /// Bytes of virtual memory that are enough to find out.
    var addressSpace: Int?
    var prepare: @Sendable (TinyFiles) throws -> Void = { _ in }

    var testDescription: String { name }
}

extension BadInput {
    static let commandLine: [BadInput] = [
        BadInput(name: "an unknown command", arguments: "trian run.yaml", code: 64, says: ["trian"]),
        BadInput(name: "an unknown option", arguments: "train run.yaml --fast", code: 64, says: ["--fast"]),
        BadInput(name: "no run file", arguments: "train", code: 64, says: ["<run-file>"]),
        BadInput(
            name: "an unknown method", arguments: "compare run.yaml --methods baseline,pdf", code: 64,
            says: ["'pdf'", "baseline, mtl, lupi, md, pfd, pfd+md"]),
        BadInput(
            name: "a method twice", arguments: "compare run.yaml --methods pfd,pfd", code: 64, says: ["--methods", "twice"]),
        BadInput(name: "no method", arguments: "compare run.yaml --methods ,", code: 64, says: ["--methods"]),
        BadInput(name: "no seeds", arguments: "compare run.yaml --seeds 0", code: 64, says: ["--seeds"]),
        BadInput(
            name: "an unknown split", arguments: "evaluate run --split tset", code: 64, says: ["tset", "'train', 'validation' or 'test'"]),
        BadInput(
            name: "scores of an unknown kind", arguments: "predict run --data test.csv --out scores.txt", code: 64,
            says: ["scores.txt", ".parquet or .csv"]),
        BadInput(
            name: "an override of a key that is not there", arguments: "train run.yaml --set training.wokers=2", code: 65,
            says: ["training.wokers", "did you mean", "workers"]),
        BadInput(name: "an override without a value", arguments: "train run.yaml --set training", code: 65, says: ["training"]),
    ]

    static let missing: [BadInput] = [
        BadInput(name: "no such run file", arguments: "train rnu.yaml", code: 66, says: ["rnu.yaml", "no such"]),
        BadInput(name: "no such logs", code: 66, says: ["test.csv", "no such file"]) {
            try FileManager.default.removeItem(atPath: $0("test.csv"))
        },
        BadInput(name: "a glob that matches nothing", code: 66, says: ["day-*.csv", "matches nothing"]) {
            try $0.edit("run.yaml", "train: train.csv", "train: day-*.csv")
        },
        BadInput(
            name: "a run to resume that never began", arguments: "train run.yaml --resume", code: 66,
            says: ["runs/tiny", "train a run into it first"]),
        BadInput(
            name: "a run to score that never began", arguments: "predict runs/tiny --data test.csv --out -", code: 66,
            says: ["runs/tiny", "train a run into it first"]),
        BadInput(
            name: "a run to measure that is not there", arguments: "evaluate elsewhere", code: 66, says: ["elsewhere"]),
        BadInput(
            name: "prepared shards that are not there", arguments: "train run.yaml --prepared shards", code: 66, says: ["shards"]),
    ]

    static let runFiles: [BadInput] = [
        BadInput(
            name: "an unknown key", code: 65,
            says: ["run.yaml:21:3: training: unknown key 'batchsize'; did you mean 'batch_size'"]
        ) { try $0.edit("run.yaml", "batch_size: 32", "batchsize: 32") },
        BadInput(name: "a privileged feature with a side", code: 65, says: ["run.yaml:12:20: features[4].side", "a privileged feature has no side"]) {
            try $0.edit("run.yaml", "{name: clicks, ", "{name: clicks, side: user, ")
        },
        BadInput(name: "boundaries out of order", code: 65, says: ["run.yaml:13:45: features[5].encoding", "ascending"]) {
            try $0.edit("run.yaml", "[2, 5]", "[5, 2]")
        },
        BadInput(name: "a run file that is no YAML", code: 65, says: ["run.yaml:2"]) {
            try $0.write("name: a\n\tb: [", to: "run.yaml")
        },
        BadInput(name: "a run file that is no text", code: 65, says: ["run.yaml", "UTF-8"]) {
            try Data([0xff, 0xfe, 0, 1]).write(to: URL(fileURLWithPath: $0("run.yaml")))
        },
        BadInput(name: "a run file that is a folder", arguments: "train folder", code: 65, says: ["is a folder"]) {
            try FileManager.default.createDirectory(atPath: $0("folder"), withIntermediateDirectories: false)
        },
        BadInput(name: "a YAML bomb", code: 65, says: ["run.yaml", "more than 100000 values"], addressSpace: 4 << 30) {
            var text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
            for level in 1...9 {
                let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
                text += "a\(level): &a\(level) [\(aliases)]\n"
            }
            try $0.write(text, to: "run.yaml")
        },
        BadInput(name: "an endless run file", code: 65, says: ["run.yaml", "longer than"], addressSpace: 4 << 30) {
            try $0.writeHole(after: "name: ", bytes: 8 << 30, to: "run.yaml")
        },
    ]

    static let logs: [BadInput] = [
        BadInput(name: "a missing column", code: 65, says: ["train.csv", "'prise'", "did you mean 'price'"]) {
            try $0.edit("run.yaml", "{name: price, ", "{name: price, column: prise, ")
        },
        BadInput(name: "wrong columns in the test file", code: 65, says: ["test.csv", "'click'", "no such column"]) {
            try $0.write("a,b\n1,2\n", to: "test.csv")
        },
        BadInput(name: "Parquet cut off", code: 65, says: ["train.parquet"]) { files in
            try files.edit("run.yaml", "train: train.csv", "train: train.parquet")
            let writer = try TableWriter(path: files("train.parquet"))
            try writer.write([("user", .int64((0..<1000).map { Int64($0) }))])
            try writer.close()
            let file = URL(fileURLWithPath: files("train.parquet"))
            let whole = try Data(contentsOf: file)
            try whole.prefix(whole.count / 2).write(to: file)
        },
        BadInput(name: "text that calls itself Parquet", code: 65, says: ["train.parquet"]) {
            try $0.edit("run.yaml", "train: train.csv", "train: train.parquet")
            try FileManager.default.moveItem(atPath: $0("train.csv"), toPath: $0("train.parquet"))
        },
        BadInput(name: "a CSV line of 8 GB", code: 65, says: ["train.csv", "line too long"], addressSpace: 4 << 30) {
            let header = try $0.text("train.csv").prefix { $0 != "\n" }
            try $0.writeHole(after: header + "\n1,1001,", bytes: 8 << 30, to: "train.csv")
        },
        BadInput(name: "a JSON line of 8 GB", code: 65, says: ["train.jsonl", "line too long"], addressSpace: 4 << 30) {
            try $0.edit("run.yaml", "train: train.csv", "train: train.jsonl")
            try $0.writeHole(after: "{\"user\": \"", bytes: 8 << 30, to: "train.jsonl")
        },
        BadInput(name: "an empty test file", code: 65, says: ["test.csv", "no rows", "test split is empty"]) {
            try $0.write(String(try $0.text("test.csv").prefix { $0 != "\n" }) + "\n", to: "test.csv")
        },
        BadInput(name: "a split in which nothing is clicked", code: 65, says: ["only one class", "test", "'click'"]) {
            let lines = try $0.text("test.csv").split(separator: "\n").filter { !$0.hasSuffix(",1") }
            try $0.write(lines.joined(separator: "\n") + "\n", to: "test.csv")
        },
        BadInput(name: "a label of 2", code: 65, says: ["train.csv: row 600: column 'click'", "label 0 or 1", "'2'"]) {
            var lines = try $0.text("train.csv").split(separator: "\n").map(String.init)
            lines[600] = String(lines[600].dropLast()) + "2"
            try $0.write(lines.joined(separator: "\n") + "\n", to: "train.csv")
        },
        BadInput(name: "text where a number belongs", code: 65, says: ["train.csv: row 600: column 'time'", "a timestamp"]) {
            try $0.edit("run.yaml", "test: test.csv", "test_split: {from: 1100}")
            var lines = try $0.text("train.csv").split(separator: "\n").map(String.init)
            lines[600] = lines[600].split(separator: ",", omittingEmptySubsequences: false).enumerated()
                .map { $0.offset == 1 ? "yesterday" : String($0.element) }.joined(separator: ",")
            try $0.write(lines.joined(separator: "\n") + "\n", to: "train.csv")
        },
        BadInput(name: "shards of other logs", arguments: "train run.yaml --prepared shards", code: 65, says: ["prepare again"]) {
            _ = try $0.hindsight("prepare run.yaml --into shards")
            try $0.write(TinyFiles.csv(rows: 300, seed: 9), to: "train.csv")
        },
        BadInput(
            name: "a run file that changed before --resume", arguments: "train run.yaml --resume", code: 65,
            says: ["runs/tiny", "other settings or data"]
        ) {
            _ = try $0.hindsight("train run.yaml")
            try $0.edit("run.yaml", "{name: user, side: user}", "{name: user, side: user, encoding: {hash: 9}}")
        },
    ]

    static let stopped: [BadInput] = [
        BadInput(
            name: "an output folder that cannot be made", arguments: "train run.yaml --output train.csv/run", code: 70,
            says: ["train.csv/run"]),
        BadInput(
            name: "scores that cannot be written", arguments: "predict runs/tiny --data test.csv --out no/scores.csv", code: 70,
            says: ["no/scores.csv", "No such file or directory"]
        ) { _ = try $0.hindsight("train run.yaml") },
        BadInput(
            name: "Parquet that cannot be written", arguments: "predict runs/tiny --data test.csv --out no/scores.parquet",
            code: 70, says: ["no/scores.parquet"]
        ) { _ = try $0.hindsight("train run.yaml") },
        BadInput(
            name: "an absurd learning rate", arguments: "train run.yaml --set training.optimiser.learning_rate=1e30", code: 70,
            says: ["step ", "(epoch 1, batch ", "not finite", "training.optimiser.learning_rate"]),
        BadInput(
            name: "a damaged checkpoint", arguments: "predict runs/tiny --data test.csv --out -", code: 70,
            says: ["step-0000000019.safetensors", "damaged", "remove it"]
        ) {
            _ = try $0.hindsight("train run.yaml")
            try Data([1, 2, 3]).write(to: URL(fileURLWithPath: $0("runs/tiny/checkpoints/step-0000000019.safetensors")))
        },
    ]
}

extension TinyFiles {
    /// A file of `bytes` bytes that takes no space: `text`, then zeros.
    func writeHole(after text: some StringProtocol, bytes: UInt64, to name: String) throws {
        try write(String(text), to: name)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: self(name)))
        try handle.truncate(atOffset: bytes)
        try handle.close()
    }
}

@Suite("Bad input")
struct BadInputTests {
    @Test(
        "ends with its exit code and says what is wrong, on standard error and without a trace of our insides",
        arguments: BadInput.commandLine + BadInput.missing + BadInput.runFiles + BadInput.logs + BadInput.stopped)
    func endsClearly(input: BadInput) throws {
        let files = try TinyFiles()
        try input.prepare(files)
        let output = try files.hindsight(input.arguments, addressSpace: input.addressSpace)
        #expect(output.code == input.code, "\(output.err)")
        for words in input.says { #expect(output.err.contains(words), "'\(words)' is not in: \(output.err)") }
        #expect(output.out.isEmpty)
        #expect(output.err.count < 4000)
        for inside in ["NSCocoaErrorDomain", "Error Domain", "Fatal error", "LogsError(", "SchemaError("] {
            #expect(!output.err.contains(inside))
        }
    }
}
