import ArgumentParser
import Evaluation
import Foundation
import Logs
import ModelPackage
import Serving
import Training

struct Parity: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare what everything that can score a student says of the same logs, sample by sample.",
        discussion: """
            The trainer's own scores are held against those in the file that `hindsight predict` writes, of the package \
            on the trainer's encoded batches, of the package on raw requests as a client would send them, of the \
            package's ONNX twins in onnxruntime when it has any, and of a running server when one is named. Prints the \
            largest differences; leaves with code 70 when one is larger than it may be (1e-6; ONNX 1e-5), or when a \
            request is encoded into other rows than training saw.

            A package of bfloat16 or int8 tables (export --embeddings) cannot say what the trainer says. It is checked to \
            be the run's student with its tables rounded, and nothing else; all others are then held against it.

              hindsight parity packages/retail-ctr --run runs/retail-ctr --data Data/retail/test.parquet
              hindsight parity packages/retail-ctr --run runs/retail-ctr --data Data/retail/test.parquet \
                --server http://localhost:8080
            """)

    @Argument(help: "The model package.", completion: .directory)
    var package: String

    @Option(name: .customLong("run"), help: "The run's output folder.", completion: .directory)
    var runFolder: String

    @Option(help: "The logs to score: file, glob or folder.")
    var data: [String]

    @Option(help: "At most so many samples are compared.")
    var samples = 100_000

    @Option(help: "A server that serves this package: http://host:port or https://host:port.")
    var server: String?

    @Option(help: "The file with the server's bearer token, where it wants one for /v1/score.", completion: .file())
    var tokenFile: String?

    func validate() throws {
        guard samples > 0 else { throw ValidationError("--samples: expected 1 or more, found \(samples)") }
        guard tokenFile == nil || server != nil else { throw ValidationError("--token-file: needs --server") }
    }

    func run() throws {
        try reportingPackageFailures {
            let asked = try server.map { try AskedServer($0, tokenFile: tokenFile) }
            let report = try ParityReport(package: package, run: runFolder, data: data, samples: samples, server: asked)
            print("\(report.samples) samples of \(data.joined(separator: ", "))\n\(report.table.rendered())")
            for line in report.remarks { print(line) }
            guard report.holds else {
                printError("error: they disagree")
                throw Exit.trainingStopped
            }
        }
    }
}

/// The scores of one contender against those of the trainer.
struct ParityRow {
    var contender: String
    var largest = 0.0
    var sum = 0.0
    var different = 0
    /// Samples whose inputs were encoded into other rows than the trainer's.
    var encodedOtherwise: Int?
    /// Infinite where a difference is what was asked for.
    var tolerance: Double

    mutating func add(_ scores: [Float], against reference: [Float]) {
        // A contender that leaves samples out has failed.
        if scores.count != reference.count { largest = .infinity }
        for (score, expected) in zip(scores, reference) {
            let difference = abs(Double(score) - Double(expected))
            largest = difference.isNaN ? .infinity : max(largest, difference)
            sum += difference
            if score != expected { different += 1 }
        }
    }

    var holds: Bool { largest.isFinite && largest <= tolerance && (encodedOtherwise ?? 0) == 0 }
}

/// Trainer, `predict`, package, ONNX and server on the same samples.
struct ParityReport {
    private(set) var samples = 0
    private(set) var rows: [ParityRow]
    /// What was not compared, and how it would be; what was held against something else than the trainer.
    private(set) var remarks: [String] = []
    var holds: Bool { rows.allSatisfy(\.holds) && samples > 0 }

    init(package path: String, run folder: String, data: [String], samples limit: Int, server: AskedServer? = nil) throws {
        let package = try ModelPackage(path: path)
        let scorer = try StudentScorer(package)
        let session = try Self.session(folder, data)
        let reference = try session.trainedEngine().score(session.ordered(.test), teacher: false).student
        let isRounded = try Self.isRounded(package, folder)
        if isRounded {
            remarks.append("The package is this run's student, its tables rounded; the rows below its own are held against it.")
        }
        var encoded = ParityRow(contender: "package, the trainer's batches", tolerance: isRounded ? .infinity : 1e-6)
        var requested = ParityRow(contender: "package, raw requests", encodedOtherwise: 0, tolerance: 1e-6)
        var onnx = try OnnxContender(package)
        var asked = try server.map { try ServerContender($0, serving: path) }
        var compared: [Float] = []

        let batches = try session.ordered(.test)
        let raw = try RawRequests(data, session, schema: package.schema)
        try batches.seek(epoch: 0, batches: 0)
        while samples < limit, let batch = try batches.next(), let requests = try raw.next() {
            let trained = Array(reference[samples..<samples + batch.count])
            let packaged = try scorer.score(batch.regular)
            encoded.add(packaged, against: trained)
            let expected = isRounded ? packaged : trained
            compared += expected
            let scores = try scorer.score(requests.requests)
            requested.add(requests.inOrder(scores.flatMap { $0 }), against: expected)
            let rows = try scorer.encode(requests.requests)
            requested.encodedOtherwise! += requests.differences(rows, batch.regular, package.schema)
            try onnx?.add(batch.regular)
            try asked?.add(requests, against: expected)
            samples += batch.count
        }
        let trained = Array(reference.prefix(samples))
        rows = [try Self.predicted(folder, data, against: trained, of: reference.count), encoded, requested]
        if let onnx { rows.append(try onnx.finish(against: compared)) } else {
            remarks.append("ONNX was not compared: the package has no twins (hindsight export --onnx)")
        }
        if let asked { rows.append(asked.row) } else { remarks.append("No server was asked (--server URL)") }
    }

    /// Whether a package is the run's student with its tables in fewer bits, and that alone: then exporting the run again
    /// gives its version.
    private static func isRounded(_ package: ModelPackage, _ folder: String) throws -> Bool {
        guard let storage = package.student.tables.first?.storage, storage != .float32 else { return false }
        let again = FileManager.default.temporaryDirectory.appendingPathComponent("parity-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: again) }
        return try TrainedStudent(folder: folder).write(to: again, embeddings: storage) == package.version
    }

    /// The logs as the trainer evaluates them, privileged columns and all, where they have these.
    private static func session(_ folder: String, _ data: [String]) throws -> RunSession {
        do {
            let session = try RunSession(folder: folder, data: data, reads: .inputs)
            _ = try session.ordered(.test)
            return session
        } catch let error as LogsError where error.kind == .missingColumn {
            return try RunSession(folder: folder, data: data, reads: .regularInputs)
        }
    }

    /// What `hindsight predict` writes, read back.
    private static func predicted(
        _ folder: String, _ data: [String], against reference: [Float], of rows: Int
    ) throws -> ParityRow {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("parity-\(UUID().uuidString).csv").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Predict.parse([folder] + data.flatMap { ["--data", $0] } + ["--out", file]).run()
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").dropFirst()
        let scores = lines.map { $0.split(separator: ",").last.flatMap { Float($0) } ?? .nan }
        var row = ParityRow(contender: "hindsight predict", tolerance: 1e-6)
        row.add(scores.count == rows ? Array(scores.prefix(reference.count)) : scores, against: reference)
        return row
    }

    var table: TextTable {
        var table = TextTable([
            "against the trainer", "largest difference", "mean difference", "scores not bitwise equal", "encoded otherwise",
            "allowed",
        ])
        for row in rows {
            table.add([
                row.contender, String(format: "%.2e", row.largest), String(format: "%.2e", row.sum / Double(max(1, samples))),
                "\(row.different)", row.encodedOtherwise.map { "\($0)" } ?? "–",
                row.tolerance.isFinite ? String(format: "%.0e", row.tolerance) : "rounding",
            ])
        }
        return table
    }
}
