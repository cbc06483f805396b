/// Why a study could not start, go on or be reported. What is wrong with a study *file* is a `SchemaError`.
public struct StudyError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// What was asked for makes no sense for this run file.
        case configuration
        /// A folder that is no study or no run, or of another one.
        case folder
        /// Runs that cannot stand side by side.
        case runs
        /// A file could not be written.
        case output
    }
    public let kind: Kind
    /// The file, folder or key it is about.
    public let place: String
    public let problem: String

    public init(_ kind: Kind, _ place: String, _ problem: String) {
        self.kind = kind
        self.place = place
        self.problem = problem
    }

    public var description: String { "\(place): \(problem)" }
}
