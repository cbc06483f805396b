import Foundation
import ModelPackage

/// A directory that can be served: a model package, and what may lie in it beside the package's own files.
///
///     manifest.json, schema.json, encoder.json, weights.safetensors    the coarse CTR student (or a CVR student alone)
///     items.safetensors                                                its items, see `ItemFile`
///     fine/ctr/, fine/cvr/                                             packages that rank the survivors
///
/// One version covers all of it: the hash of the versions of the networks and of the items' content. Parts that do
/// not belong together are refused: `items.safetensors` names every network that it was made for.
public struct ServedDirectory: Sendable {
    public let package: ModelPackage
    public let parts: [FinePart: ModelPackage]
    public let items: ItemFile?
    public let version: String

    /// - Parameter threads: how many share the work of hashing.
    public init(path: String, threads: Int = 1) throws(PackageError) {
        package = try ModelPackage(path: path)
        parts = try Self.parts(of: path)
        let itemPath = "\(path)/\(ItemFile.fileName)"
        guard Self.isThere(itemPath) else {
            guard parts.isEmpty else {
                throw PackageError(
                    .mismatch, path: path, expected: "\(ItemFile.fileName) that binds fine rankers to this model",
                    found: "fine rankers without it")
            }
            items = nil
            version = package.version
            return
        }
        let items = try ItemFile(path: itemPath, package: package, parts: parts, threads: threads)
        self.items = items
        version = Self.version(package, parts, items: items.digest)
    }

    static func parts(of path: String) throws(PackageError) -> [FinePart: ModelPackage] {
        var parts: [FinePart: ModelPackage] = [:]
        for part in FinePart.allCases {
            let folder = "\(path)/\(part.folder)"
            guard isThere(folder) else { continue }
            let package = try ModelPackage(path: folder)
            guard part == .ctr || package.student.task == .cvr else {
                throw PackageError(.mismatch, path: folder, expected: "a cvr model", found: package.student.task.rawValue)
            }
            parts[part] = package
        }
        return parts
    }

    /// A link that leads nowhere is there: whoever made it did not mean a model without items.
    private static func isThere(_ path: String) -> Bool { (try? FileManager.default.attributesOfItem(atPath: path)) != nil }

    /// The version of a whole served directory.
    static func version(_ package: ModelPackage, _ parts: [FinePart: ModelPackage], items: String) -> String {
        var text = "hindsight-served-1\nmodel \(package.version)\nitems \(items)\n"
        for (part, model) in parts.sorted(by: { $0.key < $1.key }) { text += "\(part.folder) \(model.version)\n" }
        return SHA256.digest(of: Data(text.utf8))
    }
}
