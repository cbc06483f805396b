/// What can be wrong with a market: where, what was expected, what was found.
public struct MarketError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Problem: String, Sendable {
        /// A folder or file that is there already, is not there, or cannot be written.
        case folder
        /// Truth and scores that do not belong together.
        case mismatch
        /// A package that the market's features cannot feed, or an arm that is none.
        case arm
    }

    public var problem: Problem
    /// A file, a folder, or what an arm was called.
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
