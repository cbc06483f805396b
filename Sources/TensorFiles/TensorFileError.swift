/// Why a tensor file could not be read or written: which file, which tensor, what was expected there and
/// what was found instead.
public struct TensorFileError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Problem: String, Sendable {
        /// The operating system said no; `found` is its message.
        case system
        /// The bytes are not a safetensors file.
        case malformed
        /// A tensor that was asked for is not there.
        case missingTensor
        /// A tensor is there that nobody knows.
        case unexpectedTensor
        /// A tensor is there, but with another type, shape or alignment.
        case mismatch
        /// Bytes written do not add up to what was declared.
        case incomplete
    }

    public let problem: Problem
    public let file: String
    public let tensor: String?
    public let expected: String
    public let found: String

    public init(_ problem: Problem, file: String, tensor: String? = nil, expected: String, found: String) {
        self.problem = problem
        self.file = file
        self.tensor = tensor
        self.expected = expected
        self.found = found
    }

    public var description: String {
        let place = tensor.map { "\(file): tensor '\($0)'" } ?? file
        return "\(place): expected \(expected), found \(found)"
    }
}
