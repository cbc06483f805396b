/// Where something was said: a place in a run file, or a command-line override.
public struct Location: Sendable, Codable, Equatable, CustomStringConvertible {
    /// The file's path as it was given, or `override 'a.b=c'`.
    public var source: String
    /// Counted from 1; nil for an override.
    public var line: Int?
    /// Counted from 1, in Unicode scalars; nil for an override.
    public var column: Int?

    public init(source: String, line: Int? = nil, column: Int? = nil) {
        self.source = source
        self.line = line
        self.column = column
    }

    public var description: String {
        guard let line else { return source }
        guard let column else { return "\(source):\(line)" }
        return "\(source):\(line):\(column)"
    }
}

/// Everything that is wrong with a run file (or a run configuration), as far as it could be read.
///
/// Prints one line an issue: `retail.yaml:12:5: features[3].encoding: boundaries must be ascending, ...`.
public struct SchemaError: Error, Sendable, Equatable, CustomStringConvertible {
    public struct Issue: Sendable, Equatable, CustomStringConvertible {
        public var location: Location?
        /// The key, as in `features[3].encoding`; empty for the file as a whole.
        public var path: String
        /// What was expected, what was found, and what to do about it.
        public var message: String

        public init(location: Location? = nil, path: String = "", message: String) {
            self.location = location
            self.path = path
            self.message = message
        }

        public var description: String {
            [location?.description ?? "", path, message].filter { !$0.isEmpty }.joined(separator: ": ")
        }
    }

    /// Never empty.
    public let issues: [Issue]

    public init(_ issues: [Issue]) {
        precondition(!issues.isEmpty, "SchemaError: an error needs an issue")
        self.issues = issues
    }

    public init(location: Location? = nil, path: String = "", message: String) {
        self.init([Issue(location: location, path: path, message: message)])
    }

    public var description: String {
        issues.map(\.description).joined(separator: "\n")
    }
}
