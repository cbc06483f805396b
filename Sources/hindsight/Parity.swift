import ArgumentParser
import Evaluation
import Foundation
import Logs
import ModelPackage
import Schema
import Serving
import TensorFiles
import Training

struct Parity: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare a package's scores with those of the run it was exported from, sample by sample.",
        discussion: """
            Scores the same logs with the trainer's scorer (as `hindsight predict` does), with the package on the \
            trainer's encoded batches, with the package on raw requests as a client would send them, and with the \
            package's ONNX twins when it has any. Prints the largest differences; leaves with code 70 when one is \
            larger than it may be (1e-6; ONNX 1e-5), or when a request is encoded into other rows than training saw.

              hindsight parity packages/retail-ctr --run runs/retail-ctr --data Data/retail/test.parquet
            """)

    @Argument(help: "The model package.", completion: .directory)
    var package: String

    @Option(name: .customLong("run"), help: "The run's output folder.", completion: .directory)
    var runFolder: String

    @Option(help: "The logs to score: file, glob or folder.")
    var data: [String]

    @Option(help: "At most so many samples are compared.")
    var samples = 100_000

    func run() throws {
        try reportingPackageFailures {
            let report = try ParityReport(package: package, run: runFolder, data: data, samples: samples)
            print("\(report.samples) samples of \(data.joined(separator: ", "))\n\(report.table.rendered())")
            guard report.holds else {
                printError("error: trainer and package disagree")
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

    var holds: Bool { largest <= tolerance && (encodedOtherwise ?? 0) == 0 }
}

/// Trainer, package and ONNX on the same samples.
struct ParityReport {
    private(set) var samples = 0
    private(set) var rows: [ParityRow]
    var holds: Bool { rows.allSatisfy(\.holds) && samples > 0 }

    init(package path: String, run folder: String, data: [String], samples limit: Int) throws {
        let package = try ModelPackage(path: path)
        let scorer = try StudentScorer(package)
        let session = try RunSession(folder: folder, data: data, reads: .regularInputs)
        let reference = try session.trainedEngine().score(session.ordered(.test), teacher: false).student
        var encoded = ParityRow(contender: "package, the trainer's batches", tolerance: 1e-6)
        var requested = ParityRow(contender: "package, raw requests", encodedOtherwise: 0, tolerance: 1e-6)
        var onnx = try OnnxContender(package)

        let batches = try session.ordered(.test)
        let raw = try RawRequests(data, session, schema: package.schema)
        try batches.seek(epoch: 0, batches: 0)
        while samples < limit, let batch = try batches.next(), let requests = try raw.next() {
            let expected = Array(reference[samples..<samples + batch.count])
            encoded.add(try scorer.score(batch.regular), against: expected)
            let scores = try scorer.score(requests.requests)
            requested.add(requests.inOrder(scores.flatMap { $0 }), against: expected)
            let rows = try scorer.encode(requests.requests)
            requested.encodedOtherwise! += requests.differences(rows, batch.regular, package.schema)
            try onnx?.add(batch.regular)
            samples += batch.count
        }
        rows = [encoded, requested]
        if let onnx { rows.append(try onnx.finish(against: Array(reference.prefix(samples)))) }
    }

    var table: TextTable {
        var table = TextTable([
            "against the trainer", "largest difference", "mean difference", "scores not bitwise equal", "encoded otherwise",
            "allowed",
        ])
        for row in rows {
            table.add([
                row.contender, String(format: "%.2e", row.largest), String(format: "%.2e", row.sum / Double(max(1, samples))),
                "\(row.different)", row.encodedOtherwise.map { "\($0)" } ?? "–", String(format: "%.0e", row.tolerance),
            ])
        }
        return table
    }
}

/// The rows of logs as the requests a client would send: raw values, nothing encoded.
///
/// Logs are read by the encoder alone, so raw values are asked of it: a vocabulary of everything in a column gives
/// each value's text. For numbers a text is not enough (0.1 in 32 bits is another number than in 64): cut points at
/// everything that the texts could stand for tell which it is.
private final class RawRequests {
    private let schema: ServingSchema
    private let source: any BatchSource
    private let features: [[FeatureValue]]
    private let fields: [[FeatureValue]]

    init(_ data: [String], _ session: RunSession, schema: ServingSchema) throws {
        self.schema = schema
        func probing(_ encoding: FeatureEncoding, _ probe: (Encoding) -> Encoding) -> FeatureEncoding {
            var raw = encoding
            raw.encoding = probe(encoding.encoding)
            raw.table = encoding.name
            return raw
        }
        func logSchema(_ probe: (Encoding) -> Encoding) -> FeatureSchema {
            FeatureSchema(
                regular: schema.regular.map { RegularFeature(probing($0.encoding, probe), side: $0.side) },
                sequence: schema.sequence.map {
                    BehaviourSequence(name: $0.name, length: $0.length, fields: $0.fields.map { probing($0, probe) })
                }, labels: [], requestColumn: session.run.schema.requestColumn, groupColumn: session.run.schema.groupColumn)
        }
        var logs = session.run.logs
        (logs.train, logs.validation, logs.test) = (data, [], [])
        (logs.validationSplit, logs.testSplit) = (nil, nil)
        // Rows that the run skips are skipped here too; the run's own scorer keeps them aside.
        let badRows = FileManager.default.temporaryDirectory.appendingPathComponent("parity-\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: badRows) }
        func dataset(_ schema: FeatureSchema) throws -> Dataset {
            let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
            return try Dataset(logs: logs, schema: schema, baseFolder: here, badRowFile: badRows)
        }
        let texts = try dataset(logSchema { _ in .vocabulary(minCount: 1, maxSize: nil) }).fitEncoder()

        var tables: [FittedTable] = []
        func values(_ encoding: FeatureEncoding) throws -> [FeatureValue] {
            let found = try texts.table(encoding.name).values ?? []
            guard Self.isNumeric(encoding.encoding) else {
                tables.append(FittedTable(name: encoding.name, encoding: .vocabulary(minCount: 1, maxSize: nil), values: found))
                return [.missing, .missing] + found.map { .text($0) }
            }
            let numbers = Set(found.flatMap(Self.readings)).sorted()
            tables.append(FittedTable(name: encoding.name, encoding: .quantiles(buckets: 2), cuts: numbers))
            return [.missing, .missing] + numbers.map { .number($0) }
        }
        features = try schema.regular.map { try values($0.encoding) }
        fields = try (schema.sequence?.fields ?? []).map(values)
        let probed = logSchema { Self.isNumeric($0) ? .quantiles(buckets: 2) : .vocabulary(minCount: 1, maxSize: nil) }
        source = try dataset(probed).batches(
            .train, encoder: FittedEncoder(tables: tables), batchSize: session.run.training.batchSize, seed: 0,
            shuffle: false, deduplicate: true)
        try source.seek(epoch: 0, batches: 0)
    }

    private static func isNumeric(_ encoding: Encoding) -> Bool {
        switch encoding {
        case .boundaries, .quantiles: true
        case .vocabulary, .hash, .categories: false
        }
    }

    /// The numbers that a column's text can stand for.
    private static func readings(_ text: String) -> [Double] {
        let truth: Double? = text == "true" ? 1 : text == "false" ? 0 : nil
        let readings: [Double?] = [Double(text), Float(text).map { Double($0) }, truth]
        return readings.compactMap { $0 }.filter { !$0.isNaN }
    }

    struct Batch {
        var requests: [ScoreRequest]
        /// Sample -> its place among the candidates of all requests, one request after another.
        var place: [Int]

        func inOrder(_ scores: [Float]) -> [Float] {
            scores.count == place.count ? place.map { scores[$0] } : []
        }

        /// Samples whose rows differ between these requests, encoded, and the trainer's batch.
        func differences(_ ours: RegularInputs, _ theirs: RegularInputs, _ schema: ServingSchema) -> Int {
            place.indices.reduce(0) { $0 + (sameRows($1, ours, theirs, schema) ? 0 : 1) }
        }

        private func sameRows(
            _ sample: Int, _ ours: RegularInputs, _ theirs: RegularInputs, _ schema: ServingSchema
        ) -> Bool {
            let mine = place[sample]
            for (i, feature) in schema.regular.enumerated() {
                let (a, b) =
                    switch feature.side {
                    case .user: (Int(ours.userIndex[mine]), Int(theirs.userIndex[sample]))
                    case .item: (Int(ours.itemIndex[mine]), Int(theirs.itemIndex[sample]))
                    case .interaction: (mine, sample)
                    }
                if ours.columns[i].rows(a) != theirs.columns[i].rows(b) { return false }
            }
            guard let x = ours.sequence, let y = theirs.sequence else { return true }
            let (a, b) = (Int(ours.userIndex[mine]), Int(theirs.userIndex[sample]))
            return zip(x.fields, y.fields).allSatisfy { f, g in
                f[Int(x.offsets[a])..<Int(x.offsets[a + 1])] == g[Int(y.offsets[b])..<Int(y.offsets[b + 1])]
            }
        }
    }

    func next() throws -> Batch? {
        guard let inputs = try source.next()?.regular else { return nil }
        var requests = (0..<inputs.userCount).map { user in
            ScoreRequest(user: values(.user, user, inputs).merging(events(user, inputs)) { $1 }, candidates: [])
        }
        var within = [Int](repeating: 0, count: inputs.count)
        for sample in 0..<inputs.count {
            let user = Int(inputs.userIndex[sample])
            within[sample] = requests[user].candidates.count
            requests[user].candidates.append(
                values(.item, Int(inputs.itemIndex[sample]), inputs).merging(values(.interaction, sample, inputs)) { $1 })
        }
        var starts = [0]
        for request in requests { starts.append(starts[starts.count - 1] + request.candidates.count) }
        let place = within.indices.map { starts[Int(inputs.userIndex[$0])] + within[$0] }
        return Batch(requests: requests, place: place)
    }

    private func values(_ side: Side, _ entity: Int, _ inputs: RegularInputs) -> FeatureValues {
        var result: FeatureValues = [:]
        for i in schema.indices(side) {
            let column = inputs.columns[i]
            let raw = column.rows(entity).map { features[i][Int($0)] }
            result[schema.regular[i].name] = column.offsets == nil ? raw[0] : .list(raw)
        }
        return result
    }

    private func events(_ user: Int, _ inputs: RegularInputs) -> FeatureValues {
        guard let sequence = inputs.sequence, let described = schema.sequence else { return [:] }
        let events = Int(sequence.offsets[user])..<Int(sequence.offsets[user + 1])
        var result: FeatureValues = [:]
        for (f, field) in described.fields.enumerated() {
            result[field.name] = .list(sequence.fields[f][events].map { fields[f][Int($0)] })
        }
        return result
    }
}

extension EncodedColumn {
    fileprivate func rows(_ entity: Int) -> ArraySlice<Int32> {
        guard let offsets else { return ids[entity...entity] }
        return ids[Int(offsets[entity])..<Int(offsets[entity + 1])]
    }
}

/// The package's ONNX twins in onnxruntime: encoded samples go out in a file, scores come back in one.
private struct OnnxContender {
    private let package: ModelPackage
    private let script: OnnxScript
    /// By input of the networks: row ids of every sample, lists padded with -1.
    private var lists: [[[Int32]]]
    private let names: [String]

    /// nil when the package has no ONNX twins.
    init?(_ package: ModelPackage) throws {
        guard FileManager.default.fileExists(atPath: "\(package.path)/onnx") else { return nil }
        self.package = package
        script = try OnnxScript()
        names = package.schema.regular.map(\.name) + (package.schema.sequence?.fields.map(\.name) ?? [])
        lists = names.map { _ in [] }
    }

    mutating func add(_ inputs: RegularInputs) throws {
        for (i, feature) in package.schema.regular.enumerated() {
            for sample in 0..<inputs.count {
                let entity =
                    switch feature.side {
                    case .user: Int(inputs.userIndex[sample])
                    case .item: Int(inputs.itemIndex[sample])
                    case .interaction: sample
                    }
                lists[i].append(Array(inputs.columns[i].rows(entity)))
            }
        }
        guard let sequence = inputs.sequence else { return }
        for f in sequence.fields.indices {
            for user in inputs.userIndex.map(Int.init) {
                let events = Int(sequence.offsets[user])..<Int(sequence.offsets[user + 1])
                lists[package.schema.regular.count + f].append(Array(sequence.fields[f][events]))
            }
        }
    }

    func finish(against reference: [Float]) throws -> ParityRow {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hindsight-parity-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (inputs, scores) = ("\(folder)/inputs.safetensors", "\(folder)/scores.safetensors")
        let isList = package.schema.regular.map { $0.encoding.bag != nil } + (package.schema.sequence?.fields ?? []).map { _ in true }
        let widths = lists.indices.map { i in isList[i] ? max(1, lists[i].map(\.count).max() ?? 1) : 1 }
        let writer = try SafetensorsWriter(
            path: inputs,
            tensors: names.indices.map { i in
                .init(
                    name: names[i], elementType: .int64,
                    shape: isList[i] ? [lists[i].count, widths[i]] : [lists[i].count])
            })
        for i in names.indices {
            try writer.write(
                names[i],
                lists[i].flatMap { row in
                    row.map(Int64.init) + [Int64](repeating: -1, count: widths[i] - row.count)
                })
        }
        try writer.finish()
        try script.run(["run", package.path, inputs, scores])
        var row = ParityRow(contender: "ONNX in onnxruntime", tolerance: 1e-5)
        row.add(try SafetensorsFile(path: scores).array("score", as: Float.self), against: reference)
        return row
    }
}
