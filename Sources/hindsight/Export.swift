import ArgumentParser
import Distillation
import Evaluation
import Foundation
import Kernels
import Logs
import ModelPackage
import Rankers
import Schema
import TensorFiles
import Training

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a trained run's student as a model package: all that serving needs, and nothing else.",
        discussion: """
            The package holds the student's weights, its tables, its encoder and the regular features. It holds no \
            privileged feature, teacher, label or optimiser state. The logs are not needed. Its version is the hash \
            of its content. The folder appears whole or not at all.

              hindsight export runs/retail-ctr --out packages/retail-ctr

            --embeddings bfloat16 and int8 make tables of half and of a quarter of the size, which are read as they \
            are. What that does to scores and AUC is measured on the run's test split, or on --data, and printed.
            """)

    @Argument(help: "The run's output folder.", completion: .directory)
    var folder: String

    @Option(help: "The package to write; it must not exist.", completion: .directory)
    var out: String

    @Option(help: "How embedding tables are kept: float32, bfloat16, int8 (with a scale a row).")
    var embeddings = EmbeddingStorage.float32

    @Option(help: "Logs with labels to measure --embeddings on, instead of the run's test split.")
    var data: [String] = []

    @Flag(help: "Write ONNX twins of the networks too (needs Python with onnx; see Scripts/export-onnx.py).")
    var onnx = false

    func run() throws {
        try reportingPackageFailures {
            let student = try TrainedStudent(folder: folder)
            let version = try student.write(to: out, embeddings: embeddings) { folder in
                if onnx { try OnnxScript().run(["export", folder]) }
            }
            print("Written to \(out), model version \(version).")
            if student.scores == nil {
                printError(
                    "warning: the run left no scores of a validation or test split: a server will hold its scores "
                        + "against its first ones only")
            }
            if embeddings != .float32 {
                if let report = try NarrowingReport(package: out, run: folder, data: data) {
                    print("\(report.samples) samples of \(report.source)\n\(report.table.rendered())")
                } else {
                    printError("warning: the run has no test split to measure --embeddings on; name logs by --data")
                }
            }
        }
    }
}

/// As `reportingFailures`; what is wrong with a package or its items is bad data.
func reportingPackageFailures(_ body: () throws -> Void) throws {
    try reportingFailures {
        do {
            try body()
        } catch let error as PackageError {
            printError("error: \(error)")
            throw error.problem == .unreadable ? Exit.missingFile : Exit.badData
        }
    }
}

/// The student of a run folder's newest checkpoint, picked out of everything else that lies there.
///
/// It lives on the training side of the wall: only here are the names of a run turned into those of a package.
struct TrainedStudent {
    let run: RunConfiguration
    let encoder: FittedEncoder
    let schema: ServingSchema
    let description: StudentDescription
    /// Of a finished run that had a validation or a test split.
    let scores: ScoreDistribution?
    private let checkpoint: SafetensorsFile
    private let plan: DistillationPlan
    /// Owner of each of the description's tables.
    private let owners: [Owner]

    init(folder path: String) throws {
        let folder = RunFolder(path)
        let record = try folder.readRecord()
        run = record.configuration
        encoder = try folder.readEncoder()
        checkpoint = try Self.newestCheckpoint(path, runHash: record.runHash)
        // An interrupted run has no summary, and can be exported all the same.
        let summary = try? folder.readSummary()
        scores = summary?.runHash == record.runHash ? summary?.scores : nil
        plan = DistillationPlan(run, tableRows: encoder.tableRows)
        schema = ServingSchema(run.schema)
        (description, owners) = Self.describe(run, plan, schema)
    }

    /// Writes the package and returns its version.
    func write(
        to out: String, embeddings: EmbeddingStorage = .float32, finishing: (String) throws -> Void = { _ in }
    ) throws -> String {
        var student = description
        for i in student.tables.indices { student.tables[i].storage = embeddings }
        let narrow = NarrowTensors(embeddings)
        return try PackageWriter.write(
            to: out, schema: schema, encoder: encoder, student: student, scores: scores, finishing: finishing,
            tensor: { name in
                guard embeddings != .float32, let table = name.dropping("tables/") ?? name.dropping("scales/") else {
                    return try checkpoint.bytes(nameInCheckpoint(name))
                }
                let index = description.tables.firstIndex { $0.name == table }!
                return narrow.bytes(
                    name, of: try checkpoint.floats(nameInCheckpoint("tables/\(table)")), table,
                    columns: description.tables[index].dimension)
            })
    }

    // MARK: The checkpoint

    private static func newestCheckpoint(_ path: String, runHash: String) throws -> SafetensorsFile {
        let folder = "\(path)/checkpoints"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let newest = names.filter { $0.hasPrefix("step-") && $0.hasSuffix(".safetensors") }.max()
        guard let newest else {
            throw TrainingError.checkpoint(path: folder, problem: "holds no checkpoint; train first")
        }
        let file = try SafetensorsFile(path: "\(folder)/\(newest)")
        guard file.metadata["format"] == "hindsight-checkpoint", file.metadata["run"] == runHash else {
            throw TrainingError.checkpoint(path: file.path, problem: "is not a checkpoint of this run")
        }
        return file
    }

    /// `dense/user.0.weight` -> `dense/student.user.0.weight`, `tables/item_id` -> `tables/shared/item_id/values`.
    private func nameInCheckpoint(_ name: String) -> String {
        if let table = name.dropping("tables/") {
            let index = description.tables.firstIndex { $0.name == table }!
            return "tables/\(owners[index].rawValue)/\(description.tables[index].encoder)/values"
        }
        let parameter = name.dropping("dense/")!
        if parameter.hasPrefix("sequence.") {
            return "dense/\(plan.sequenceOwner(for: .student).rawValue).\(parameter)"
        }
        return "dense/student.\(plan.tasks.count == 1 ? parameter : multiTaskName(parameter))"
    }

    /// MTL's layers have other names: the first is `<network>.shared.0`, layer n + 1 is n of the main task's head.
    /// The package keeps the main task as one plain stack; the other heads stay behind.
    private func multiTaskName(_ parameter: String) -> String {
        let task = plan.tasks[0].name
        let parts = parameter.split(separator: ".", maxSplits: 2).map(String.init)
        guard parts.count == 3, let layer = Int(parts[1]) else { return "\(task).\(parameter)" }
        return layer == 0 ? "\(parts[0]).shared.0.\(parts[2])" : "\(parts[0]).\(task).\(layer - 1).\(parts[2])"
    }

    // MARK: The description

    private static func describe(
        _ run: RunConfiguration, _ plan: DistillationPlan, _ schema: ServingSchema
    ) -> (StudentDescription, [Owner]) {
        var tables: [StudentDescription.Table] = []
        var owners: [Owner] = []
        func table(_ encoding: FeatureEncoding, _ owner: Owner) -> Int {
            if let known = tables.indices.first(where: { tables[$0].encoder == encoding.table && owners[$0] == owner }) {
                return known
            }
            let isFirst = !tables.contains { $0.encoder == encoding.table }
            tables.append(
                .init(
                    name: isFirst ? encoding.table : "\(encoding.table) of \(encoding.name)", encoder: encoding.table,
                    rows: plan.tableRows[encoding.table] ?? 0, dimension: encoding.dimension))
            owners.append(owner)
            return tables.count - 1
        }
        let featureTables = schema.regular.map { table($0.encoding, plan.owner(of: $0.name, for: .student)) }
        let fieldTables = (schema.sequence?.fields ?? []).map { table($0, plan.sequenceOwner(for: .student)) }
        let networks = run.networks
        let single = plan.tasks.count == 1
        let layers =
            single ? (run.task == .ctr ? networks.mapping : networks.mlp) : [networks.multiTaskShared] + networks.multiTaskHead
        let attention = schema.sequence.map {
            StudentDescription.Attention(
                heads: networks.attention.heads, headDimension: networks.attention.headDimension,
                feedForward: networks.attention.feedForwardMultiple * $0.width)
        }
        let description = StudentDescription(
            task: run.task, layers: layers, scale: networks.scale,
            learnedScale: run.task == .ctr && networks.learnedScale, batchNorm: networks.batchNorm,
            leakySlope: networks.leakySlope, attention: attention, tables: tables, featureTables: featureTables,
            fieldTables: fieldTables)
        return (description, owners)
    }
}

/// One table in fewer bits at a time: a package is written tensor by tensor, values before scales.
private final class NarrowTensors {
    private let storage: EmbeddingStorage
    private var table = ""
    private var bfloat16: [UInt16] = []
    private var int8: (values: [Int8], scales: [Float]) = ([], [])
    private var bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 64)

    init(_ storage: EmbeddingStorage) { self.storage = storage }

    deinit { bytes.deallocate() }

    /// Valid until the next call.
    func bytes(_ name: String, of values: UnsafeBufferPointer<Float>, _ table: String, columns: Int) -> UnsafeRawBufferPointer {
        if self.table != table {
            self.table = table
            if storage == .bfloat16 { bfloat16 = NarrowRows.bfloat16(values) } else { int8 = NarrowRows.int8(values, columns: columns) }
        }
        if storage == .bfloat16 { return copy(bfloat16) }
        return name.hasPrefix("scales/") ? copy(int8.scales) : copy(int8.values)
    }

    private func copy<Element>(_ elements: [Element]) -> UnsafeRawBufferPointer {
        elements.withUnsafeBytes { source in
            bytes.deallocate()
            bytes = .allocate(byteCount: source.count, alignment: 64)
            bytes.copyMemory(from: source)
        }
        return UnsafeRawBufferPointer(bytes)
    }
}

extension EmbeddingStorage: ExpressibleByArgument {}

extension String {
    fileprivate func dropping(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}

/// `Scripts/export-onnx.py`: found by `HINDSIGHT_ONNX_SCRIPT`, or above the working folder or this program.
/// Run by the Python that `HINDSIGHT_PYTHON` names, or the one of the script's repository, or `python3`.
struct OnnxScript {
    let script: String
    let python: String

    init() throws {
        let environment = ProcessInfo.processInfo.environment
        guard let found = environment["HINDSIGHT_ONNX_SCRIPT"] ?? Self.search() else {
            throw PackageError(
                .unreadable, path: "Scripts/export-onnx.py", expected: "the script above the working folder",
                found: "none; say where it is by HINDSIGHT_ONNX_SCRIPT")
        }
        script = found
        let root = URL(fileURLWithPath: found).deletingLastPathComponent().deletingLastPathComponent()
        let own = root.appendingPathComponent(".deps/venv/bin/python").path
        python =
            environment["HINDSIGHT_PYTHON"] ?? (FileManager.default.isExecutableFile(atPath: own) ? own : "python3")
    }

    private static func search() -> String? {
        for start in [FileManager.default.currentDirectoryPath, CommandLine.arguments[0]] {
            var folder = URL(fileURLWithPath: start).standardizedFileURL
            while folder.path != "/" {
                let script = folder.appendingPathComponent("Scripts/export-onnx.py").path
                if FileManager.default.fileExists(atPath: script) { return script }
                folder.deleteLastPathComponent()
            }
        }
        return nil
    }

    func run(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python, script] + arguments
        process.standardOutput = FileHandle.standardError
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw PackageError(
                .malformed, path: script, expected: "the script to succeed", found: "exit status \(process.terminationStatus)")
        }
    }
}
