/// Input to the evaluation room that makes no sense, with what was expected and what came.
public struct EvaluationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The operation that refused, for example `ScoredSamples`.
    public let operation: String
    public let expected: String
    public let got: String

    public init(operation: String, expected: String, got: String) {
        self.operation = operation
        self.expected = expected
        self.got = got
    }

    public var description: String { "\(operation): expected \(expected), got \(got)" }
}
