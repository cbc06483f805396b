import TensorFiles

/// Why a model package could not be written or read: which file, what was expected there, what was found.
public struct PackageError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Problem: String, Sendable {
        /// A file is absent or cannot be read.
        case unreadable
        /// The bytes are not what this kind of file holds.
        case malformed
        /// Another format version than this program reads.
        case formatVersion
        /// A file's bytes are not those that the manifest names.
        case contentHash
        /// A tensor, table or feature is missing, unexpected or of another shape.
        case mismatch
        /// Weights that are NaN or infinite.
        case notFinite
        /// Item vectors of another model.
        case otherVersion
        /// Something is there already.
        case exists
    }

    public let problem: Problem
    public let path: String
    public let expected: String
    public let found: String

    public init(_ problem: Problem, path: String, expected: String, found: String) {
        self.problem = problem
        self.path = path
        self.expected = expected
        self.found = found
    }

    public init(_ error: TensorFileError) {
        let problem: Problem =
            switch error.problem {
            case .system: .unreadable
            case .malformed, .incomplete: .malformed
            case .missingTensor, .unexpectedTensor, .mismatch: .mismatch
            }
        let place = error.tensor.map { "\(error.file): tensor '\($0)'" } ?? error.file
        self.init(problem, path: place, expected: error.expected, found: error.found)
    }

    public var description: String { "\(path): expected \(expected), found \(found)" }
}
