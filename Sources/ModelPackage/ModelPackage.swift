import Foundation
import Kernels
import Layers
import Logs
import Schema
import TensorFiles

/// A student to serve: one directory, immutable, named by the hash of its content.
///
///     manifest.json        format, version, network shapes, signature, SHA-256 of the other files
///     schema.json          regular features and the behaviour sequence
///     encoder.json         vocabularies and cut points of the student's tables
///     weights.safetensors  dense/<layer>.<weight>, float32, and tables/<table>: float32, bfloat16, or int8 with
///                          scales/<table>
///
/// There is no place in it for a privileged feature, a label, a teacher, an optimiser's state or a table that the
/// student does not read: a tensor too many is refused like one too few. `items.safetensors` (see `ItemFile` in Serving) and
/// `onnx/` may lie beside these files; they carry the version they belong to.
///
/// Tables are mapped, not copied. Thread-safe.
public final class ModelPackage: Sendable {
    public static let manifestFile = "manifest.json"
    public static let schemaFile = "schema.json"
    public static let encoderFile = "encoder.json"
    public static let weightsFile = "weights.safetensors"
    static let hashedFiles = [schemaFile, encoderFile, weightsFile]
    /// The largest JSON file that is read.
    private static let longestJSON = 1 << 30

    public let path: String
    public let manifest: PackageManifest
    public let schema: ServingSchema
    public let encoder: FittedEncoder
    public let weights: SafetensorsFile
    public var version: String { manifest.version }
    public var student: StudentDescription { manifest.student }

    /// Opens a package and checks all of it: hashes, shapes, names, and that weights are finite.
    public init(path: String) throws(PackageError) {
        self.path = path
        let manifestPath = "\(path)/\(Self.manifestFile)"
        let manifestData = try Self.contents(manifestPath)
        try Self.checkFormat(manifestData, manifestPath)
        manifest = try Self.decode(PackageManifest.self, manifestData, manifestPath)
        try Self.checkVersion(manifest, manifestPath)

        if let problem = manifest.scores?.problem {
            throw PackageError(.malformed, path: manifestPath, expected: "a distribution of scores", found: problem)
        }

        let schemaPath = "\(path)/\(Self.schemaFile)"
        schema = try Self.decode(ServingSchema.self, try Self.verified(Self.schemaFile, in: path, manifest), schemaPath)
        if let problem = schema.problem() {
            throw PackageError(.malformed, path: schemaPath, expected: "a schema that can be served", found: problem)
        }
        if let problem = manifest.student.problem(schema) {
            throw PackageError(.mismatch, path: manifestPath, expected: "a network for \(schemaPath)", found: problem)
        }
        encoder = try Self.decode(
            FittedEncoder.self, try Self.verified(Self.encoderFile, in: path, manifest), "\(path)/\(Self.encoderFile)")
        try Self.check(encoder, manifest.student, "\(path)/\(Self.encoderFile)")

        let weightsPath = "\(path)/\(Self.weightsFile)"
        do {
            weights = try SafetensorsFile(path: weightsPath)
        } catch {
            throw PackageError(error)
        }
        try Self.verify(weights, manifest, weightsPath)
        try checkTensors()
    }

    /// The dense parameters laid out for `StudentNetwork`: a copy.
    public func denseWeights() throws(PackageError) -> [Float] {
        let layout = StudentNetwork(student, schema).layout
        var flat = [Float](repeating: 0, count: max(1, layout.count))
        for entry in layout.entries {
            do {
                let values = try weights.floats("dense/\(entry.name)")
                for (i, value) in zip(entry.slot.range, values) { flat[i] = value }
            } catch {
                throw PackageError(error)
            }
        }
        return flat
    }

    /// The embedding tables in the file's own pages, parallel to `StudentDescription.tables`. They must not be
    /// written, and live as long as the package.
    public func tables() throws(PackageError) -> [EmbeddingRows] {
        var result: [EmbeddingRows] = []
        for table in student.tables {
            do {
                let name = "tables/\(table.name)"
                let storage: EmbeddingRows.Storage
                // Tables have rows and columns, so that none of these is empty.
                switch table.storage {
                case .float32: storage = .float32(try weights.floats(name).baseAddress!)
                case .bfloat16:
                    let values = try weights.elements(name, as: BFloat16Bits.self)
                    storage = .bfloat16(UnsafeRawPointer(values.baseAddress!).assumingMemoryBound(to: UInt16.self))
                case .int8:
                    let scales = try weights.floats("scales/\(table.name)")
                    storage = .int8(try weights.elements(name, as: Int8.self).baseAddress!, scales: scales.baseAddress!)
                }
                result.append(EmbeddingRows(storage, rows: table.rows, columns: table.dimension))
            } catch {
                throw PackageError(error)
            }
        }
        return result
    }

    /// All tensors of a student's weights file.
    static func tensors(_ student: StudentDescription, _ schema: ServingSchema) -> [TensorDescription] {
        StudentNetwork(student, schema).layout.entries.map {
            TensorDescription(name: "dense/\($0.name)", elementType: .float32, shape: [$0.slot.rows, $0.slot.columns])
        }
            + student.tables.flatMap { table in
                let type: ElementType =
                    switch table.storage {
                    case .float32: .float32
                    case .bfloat16: .bfloat16
                    case .int8: .int8
                    }
                let values = TensorDescription(name: "tables/\(table.name)", elementType: type, shape: [table.rows, table.dimension])
                guard table.storage == .int8 else { return [values] }
                return [values, TensorDescription(name: "scales/\(table.name)", elementType: .float32, shape: [table.rows, 1])]
            }
    }

    // MARK: Checks

    private static func contents(_ file: String) throws(PackageError) -> Data {
        var status = stat()
        guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw PackageError(.unreadable, path: file, expected: "a file", found: "none")
        }
        guard status.st_size <= longestJSON else {
            throw PackageError(.malformed, path: file, expected: "at most \(longestJSON) bytes", found: "\(status.st_size)")
        }
        guard let data = FileManager.default.contents(atPath: file) else {
            throw PackageError(.unreadable, path: file, expected: "a file that can be read", found: "none")
        }
        return data
    }

    private static func decode<Value: Decodable>(
        _ type: Value.Type, _ data: Data, _ file: String
    ) throws(PackageError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw PackageError(.malformed, path: file, expected: "JSON as `hindsight export` writes it", found: "\(error)")
        }
    }

    private struct Header: Decodable {
        var format: String
        var formatVersion: Int
    }

    private static func checkFormat(_ data: Data, _ file: String) throws(PackageError) {
        let header = try decode(Header.self, data, file)
        guard header.format == PackageManifest.format, header.formatVersion == PackageManifest.formatVersion else {
            throw PackageError(
                .formatVersion, path: file, expected: "\(PackageManifest.format) \(PackageManifest.formatVersion)",
                found: "\(header.format) \(header.formatVersion)")
        }
    }

    private static func checkVersion(_ manifest: PackageManifest, _ file: String) throws(PackageError) {
        guard let version = try? manifest.contentVersion(), version == manifest.version else {
            throw PackageError(
                .contentHash, path: file, expected: "the version that the manifest's content has", found: manifest.version)
        }
        guard Set(manifest.files.keys) == Set(hashedFiles) else {
            throw PackageError(
                .mismatch, path: file, expected: "hashes of \(hashedFiles.joined(separator: ", "))",
                found: manifest.files.keys.sorted().prefix(20).joined(separator: ", "))
        }
    }

    private static func verified(
        _ name: String, in folder: String, _ manifest: PackageManifest
    ) throws(PackageError) -> Data {
        let file = "\(folder)/\(name)"
        let data = try contents(file)
        try compare(manifest.files[name], bytes: data.count, hash: SHA256.digest(of: data), file)
        return data
    }

    private static func verify(
        _ weights: SafetensorsFile, _ manifest: PackageManifest, _ file: String
    ) throws(PackageError) {
        // Hashes the file as it lies on the disk, header and all, through a mapping of its own.
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: file), options: .alwaysMapped)
        } catch {
            throw PackageError(.unreadable, path: file, expected: "a file that can be mapped", found: "\(error)")
        }
        try compare(manifest.files[weightsFile], bytes: data.count, hash: SHA256.digest(of: data), file)
    }

    private static func compare(
        _ record: PackageManifest.FileRecord?, bytes: Int, hash: String, _ file: String
    ) throws(PackageError) {
        guard let record, record.bytes == bytes, record.sha256 == hash else {
            throw PackageError(
                .contentHash, path: file, expected: "\(record?.bytes ?? 0) bytes with SHA-256 \(record?.sha256 ?? "")",
                found: "\(bytes) bytes with \(hash)")
        }
    }

    private static func check(
        _ encoder: FittedEncoder, _ student: StudentDescription, _ file: String
    ) throws(PackageError) {
        let names = encoder.tables.map(\.name)
        guard Set(names).count == names.count, Set(names) == Set(student.tables.map(\.encoder)) else {
            throw PackageError(
                .mismatch, path: file, expected: "the encodings of \(student.tables.map(\.encoder).joined(separator: ", "))",
                found: names.joined(separator: ", "))
        }
        for fitted in encoder.tables {
            if case .hash(let buckets) = fitted.encoding, !(1..<RunLimits.tableRows).contains(buckets) {
                throw PackageError(.malformed, path: file, expected: "1 ..< \(RunLimits.tableRows) buckets", found: "\(buckets)")
            }
            for table in student.tables where table.encoder == fitted.name && table.rows != fitted.rows {
                throw PackageError(
                    .mismatch, path: file, expected: "\(table.rows) rows of '\(table.name)'", found: "\(fitted.rows)")
            }
        }
    }

    private func checkTensors() throws(PackageError) {
        let expected = Self.tensors(student, schema)
        do {
            for tensor in expected { try weights.require(tensor) }
        } catch {
            throw PackageError(error)
        }
        let known = Set(expected.map(\.name))
        if let other = weights.tensors.first(where: { !known.contains($0.name) }) {
            throw PackageError(
                .mismatch, path: weights.path, expected: "only what the student reads", found: "a tensor '\(other.name)'")
        }
        for tensor in expected {
            let isFinite: Bool
            do {
                isFinite = try areFinite(tensor)
            } catch {
                throw PackageError(error)
            }
            guard isFinite else {
                throw PackageError(
                    .notFinite, path: weights.path, expected: "finite weights in '\(tensor.name)'", found: "NaN or infinity")
            }
        }
    }

    private func areFinite(_ tensor: TensorDescription) throws(TensorFileError) -> Bool {
        switch tensor.elementType {
        case .int8: return true
        case .bfloat16:
            let values = try weights.elements(tensor.name, as: BFloat16Bits.self)
            var largest: UInt16 = 0
            for value in values { largest = max(largest, value.bits & 0x7fff) }
            return largest < 0x7f80
        default:
            let values = try weights.floats(tensor.name)
            return values.baseAddress.map { Float.areFinite($0, count: values.count) } ?? false
        }
    }
}
