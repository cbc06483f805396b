import Foundation
import Logs
import ModelPackage
import TensorFiles

/// The package's ONNX twins in onnxruntime: encoded samples go out in a file, scores come back in one.
struct OnnxContender {
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
