import Evaluation
import Foundation
import Logs
import TensorFiles

/// Writes model packages. It takes what a package may hold and has no way to be given more: whoever exports picks
/// the student out of a run.
public enum PackageWriter {
    /// Writes a package that appears at `path` whole, checked, or not at all.
    ///
    /// Equal content gives equal bytes and so an equal version. The files go to a hidden folder beside `path`, are
    /// read back through `ModelPackage`, and the folder is renamed.
    /// - Parameters:
    ///   - encoder: may know more tables than the student reads; the others are left out.
    ///   - scores: how the student's scores were distributed when it was trained.
    ///   - tensor: the bytes of a tensor of the student: `dense/<name of the layout>` or `tables/<name>`. They are
    ///     copied before the next is asked for.
    ///   - finishing: adds files to the folder before it appears.
    /// - Returns: the model's version.
    @discardableResult
    public static func write(
        to path: String, schema: ServingSchema, encoder: FittedEncoder, student: StudentDescription,
        scores: ScoreDistribution? = nil, finishing: (_ folder: String) throws -> Void = { _ in },
        tensor: (_ name: String) throws -> UnsafeRawBufferPointer
    ) throws -> String {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw PackageError(.exists, path: path, expected: "a path that is free", found: "a file or folder")
        }
        if let problem = schema.problem() ?? student.problem(schema) {
            throw PackageError(.mismatch, path: path, expected: "a student that can be served", found: problem)
        }
        let target = URL(fileURLWithPath: path)
        let parent = target.deletingLastPathComponent()
        let folder = parent.appendingPathComponent(".\(target.lastPathComponent).\(UUID().uuidString).partial").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }

        try atomicWrite(try canonicalJSON(schema), to: "\(folder)/\(ModelPackage.schemaFile)")
        let read = Set(student.tables.map(\.encoder))
        let kept = FittedEncoder(tables: encoder.tables.filter { read.contains($0.name) })
        try atomicWrite(try canonicalJSON(kept), to: "\(folder)/\(ModelPackage.encoderFile)")
        let tensors = ModelPackage.tensors(student, schema)
        let writer = try SafetensorsWriter(path: "\(folder)/\(ModelPackage.weightsFile)", tensors: tensors)
        for description in tensors { try writer.write(description.name, try tensor(description.name)) }
        try writer.finish()

        var files: [String: PackageManifest.FileRecord] = [:]
        for name in ModelPackage.hashedFiles {
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"), options: .alwaysMapped)
            files[name] = .init(bytes: data.count, sha256: SHA256.digest(of: data))
        }
        let manifest = try PackageManifest(student: student, schema: schema, files: files, scores: scores)
        try atomicWrite(try canonicalJSON(manifest), to: "\(folder)/\(ModelPackage.manifestFile)")
        _ = try ModelPackage(path: folder)
        try finishing(folder)
        guard rename(folder, path) == 0 else {
            throw PackageError(
                .unreadable, path: path, expected: "the finished package renamed to it", found: String(cString: strerror(errno)))
        }
        return manifest.version
    }
}

extension ModelPackage {
    /// Copies this package's own files to a folder that is not there yet, and reads the copy back. What lies beside
    /// them stays behind. Not atomic: the caller renames.
    public func copy(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in [Self.manifestFile] + Self.hashedFiles {
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)"), options: .alwaysMapped)
            try atomicWrite(data, to: "\(folder)/\(name)")
        }
        let copied = try ModelPackage(path: folder).version
        guard copied == version else {
            throw PackageError(.otherVersion, path: path, expected: "version \(version)", found: copied)
        }
    }
}
