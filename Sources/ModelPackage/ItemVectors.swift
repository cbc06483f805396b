import Foundation
import TensorFiles

/// Item mappings computed off-line: `items.safetensors`, bound to the model version that made them.
///
///     vectors     F32 [items, width]
///     ids         U8  [bytes], the ids' UTF-8 one after another
///     id_offsets  I64 [items + 1]
///
/// Mapped, not copied. Thread-safe.
public final class ItemVectors: Sendable {
    public static let fileName = "items.safetensors"
    private static let format = "hindsight-items-1"

    public let file: SafetensorsFile
    public let modelVersion: String
    public let count: Int
    public let width: Int

    /// Opens the item vectors of a package and checks that they are this model's, whole and finite.
    public init(path: String, package: ModelPackage) throws(PackageError) {
        func refuse(_ problem: PackageError.Problem, _ expected: String, _ found: String) -> PackageError {
            PackageError(problem, path: path, expected: expected, found: found)
        }
        do {
            file = try SafetensorsFile(path: path)
            guard file.metadata["format"] == Self.format else {
                throw refuse(.formatVersion, Self.format, file.metadata["format"] ?? "none")
            }
            modelVersion = file.metadata["model"] ?? ""
            guard modelVersion == package.version else {
                throw refuse(.otherVersion, "item vectors of model \(package.version)", "those of '\(modelVersion)'")
            }
            guard let shape = file["vectors"]?.shape, shape.count == 2, shape[1] == package.student.vectorWidth,
                Set(file.tensors.map(\.name)) == ["vectors", "ids", "id_offsets"]
            else {
                throw refuse(
                    .mismatch, "vectors of width \(package.student.vectorWidth ?? 0), ids and id_offsets",
                    "\(file.tensors.map { "\($0.name) \($0.shape)" })")
            }
            (count, width) = (shape[0], shape[1])
            try file.require(TensorDescription(name: "vectors", elementType: .float32, shape: shape))
            try file.require(TensorDescription(name: "id_offsets", elementType: .int64, shape: [count + 1]))
            let bytes = try file.elements("ids", as: UInt8.self)
            let offsets = try file.elements("id_offsets", as: Int64.self)
            guard offsets[0] == 0, offsets[count] == bytes.count, zip(offsets, offsets.dropFirst()).allSatisfy({ $0 <= $1 })
            else { throw refuse(.malformed, "id_offsets that rise from 0 to \(bytes.count)", "others") }
            let digest = Self.digest(ids: UnsafeRawBufferPointer(bytes), vectors: try file.bytes("vectors"))
            guard file.metadata["sha256"] == digest else {
                throw refuse(.contentHash, "SHA-256 \(file.metadata["sha256"] ?? "none")", digest)
            }
        } catch let error as PackageError {
            throw error
        } catch let error as TensorFileError {
            throw PackageError(error)
        } catch {
            throw PackageError(.unreadable, path: path, expected: "item vectors", found: "\(error)")
        }
    }

    /// `[count, width]`, each of length 1; valid while this object lives.
    public var vectors: UnsafeBufferPointer<Float> {
        // Checked when opened.
        (try? file.floats("vectors")) ?? UnsafeBufferPointer(start: nil, count: 0)
    }

    /// The id of row `index`.
    public func id(_ index: Int) -> String {
        guard let bytes = try? file.elements("ids", as: UInt8.self),
            let offsets = try? file.elements("id_offsets", as: Int64.self)
        else { return "" }
        return String(decoding: bytes[Int(offsets[index])..<Int(offsets[index + 1])], as: UTF8.self)
    }

    public var ids: [String] { (0..<count).map(id) }

    /// Writes the vectors of `package`'s items, whole or not at all.
    /// - Precondition: `vectors` has `ids.count` rows of the package's vector width.
    public static func write(_ vectors: [Float], ids: [String], of package: ModelPackage, to path: String) throws {
        let width = package.student.vectorWidth ?? 0
        precondition(vectors.count == ids.count * width, "ItemVectors: \(vectors.count) floats for \(ids.count) x \(width)")
        var bytes: [UInt8] = []
        var offsets: [Int64] = [0]
        for id in ids {
            bytes.append(contentsOf: id.utf8)
            offsets.append(Int64(bytes.count))
        }
        let digest = bytes.withUnsafeBytes { ids in vectors.withUnsafeBytes { Self.digest(ids: ids, vectors: $0) } }
        let writer = try SafetensorsWriter(
            path: path,
            tensors: [
                .init(name: "vectors", elementType: .float32, shape: [ids.count, width]),
                .init(name: "id_offsets", elementType: .int64, shape: [ids.count + 1]),
                .init(name: "ids", elementType: .uint8, shape: [bytes.count]),
            ], metadata: ["format": format, "model": package.version, "sha256": digest])
        try writer.write("vectors", vectors)
        try writer.write("id_offsets", offsets)
        try writer.write("ids", bytes)
        try writer.finish()
    }

    private static func digest(ids: UnsafeRawBufferPointer, vectors: UnsafeRawBufferPointer) -> String {
        var hash = SHA256()
        hash.update(ids)
        hash.update(vectors)
        return hash.finish()
    }
}
