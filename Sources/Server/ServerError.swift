/// Why a server could not be started: what was expected, what was found, where.
public struct ServerError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Problem: String, Sendable, Equatable {
        case configuration, address, certificate, token
    }

    public var problem: Problem
    /// A file, a key or an address.
    public var place: String
    public var expected: String
    public var found: String

    public init(_ problem: Problem, _ place: String, expected: String, found: String) {
        self.problem = problem
        self.place = place
        self.expected = expected
        self.found = found
    }

    public var description: String { "\(place): expected \(expected), found \(found)" }
}
