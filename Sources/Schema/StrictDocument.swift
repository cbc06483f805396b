import Foundation

/// A strict YAML file of any kind (a run file, a study, a market): unknown keys and wrong types are collected with
/// their places while it is read, and thrown together at the end.
///
///     let document = try StrictDocument.load(path: "market.yaml")
///     let fields = document.root.mapping(["users", "items"])
///     ...
///     try document.finish()
package struct StrictDocument {
    package let root: Field

    /// - Parameter overrides: `key.path=value`, as for a run file.
    package static func load(path: String, overrides: [String] = []) throws(SchemaError) -> StrictDocument {
        try parse(text: contents(of: path), file: path, overrides: overrides)
    }

    /// - Parameter file: what errors call the text.
    package static func parse(
        text: String, file: String, overrides: [String] = []
    ) throws(SchemaError) -> StrictDocument {
        var document = try DocumentReader.read(text: text, source: file)
        for override in overrides { try Override(override).apply(to: &document) }
        return StrictDocument(root: Field(value: document, path: "", findings: Findings()))
    }

    /// Throws every issue that was found while the document was read.
    package func finish() throws(SchemaError) {
        guard root.findings.issues.isEmpty else { throw SchemaError(root.findings.issues) }
    }

    /// The text of a file that may be damaged, enormous or a folder.
    static func contents(of path: String) throws(SchemaError) -> String {
        let location = Location(source: path)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw SchemaError(location: location, message: "no such file")
        }
        guard !isFolder.boolValue else { throw SchemaError(location: location, message: "is a folder") }
        let limit = DocumentLimits().bytes
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            data = try handle.read(upToCount: limit + 1) ?? Data()
        } catch {
            throw SchemaError(location: location, message: "can't be read: \(error.localizedDescription)")
        }
        guard data.count <= limit else {
            throw SchemaError(
                location: location, message: "is longer than \(limit) bytes, which a run file is not")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw SchemaError(location: location, message: "is not UTF-8 text")
        }
        return text
    }
}
