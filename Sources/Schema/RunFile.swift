import Foundation

/// A run file that was read, and where each of its keys was written. Not yet checked.
public struct ParsedRun: Sendable {
    public var configuration: RunConfiguration
    /// `features[3].encoding` -> its place in the file.
    public var locations: [String: Location]
    /// Where each feature of `schema.regular` and `schema.privileged` stands in the file's list of features.
    var positions: FeaturePositions

    /// Checks everything that can be checked without the logs.
    /// - Throws: `SchemaError` with every issue found.
    public func validated() throws(SchemaError) -> CheckedRun {
        try CheckedRun(checking: configuration, positions: positions, locations: locations)
    }
}

/// Reads run files: YAML, strict, every error with its place.
public enum RunFile {
    /// Reads and checks nothing but the form; `RunConfiguration.validated()` checks the meaning.
    ///
    /// Relative paths under `logs` become relative to the run file's folder.
    /// - Parameter overrides: `key.path=value`, each replacing (or adding) one value of the file; `value` is YAML,
    ///   list elements are named by position or by their `name`: `features.user_id.dimension=32`.
    public static func load(path: String, overrides: [String] = []) throws(SchemaError) -> RunConfiguration {
        try read(path: path, overrides: overrides).configuration
    }

    /// As `load(path:overrides:)`, keeping the place of every key for the errors of `validated()`.
    public static func read(path: String, overrides: [String] = []) throws(SchemaError) -> ParsedRun {
        let text = try StrictDocument.contents(of: path)
        return try parsed(
            text: text, file: path, folder: (path as NSString).deletingLastPathComponent, overrides: overrides)
    }

    /// Reads the text of a run file; `file` is what errors call it, and paths under `logs` stay as they are.
    public static func parse(
        text: String, file: String, overrides: [String] = []
    ) throws(SchemaError) -> ParsedRun {
        try parsed(text: text, file: file, folder: "", overrides: overrides)
    }

    private static func parsed(
        text: String, file: String, folder: String, overrides: [String]
    ) throws(SchemaError) -> ParsedRun {
        var document = try DocumentReader.read(text: text, source: file)
        for override in overrides { try Override(override).apply(to: &document) }
        let reader = RunFileReader(folder: folder)
        let run = reader.read(document)
        guard let run, reader.findings.issues.isEmpty else {
            throw SchemaError(
                reader.findings.issues.isEmpty
                    ? [.init(location: Location(source: file), message: "is not a run file")]
                    : reader.findings.issues)
        }
        return run
    }
}
