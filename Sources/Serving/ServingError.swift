/// What is wrong with a request. The server decides what status it is; nothing in a request is a trap.
public enum ServingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A feature that the model does not have. A privileged feature lands here: the package knows none.
    case unknownFeature(name: String, in: Place, nearest: String?)
    /// A feature of the model in a part of the request where it does not belong.
    case misplacedFeature(name: String, in: Place, belongsTo: String)
    /// A value of the wrong type, not finite, or absent where the schema says `missing: error`.
    case badValue(feature: String, in: Place, expected: String, found: String)
    /// Fields of a behaviour sequence with different numbers of events.
    case unevenSequence(field: String, in: Place, expected: Int, found: Int)
    /// More than one call may carry.
    case tooLarge(what: String, limit: Int, found: Int)
    /// A mapping asked of a model that has none, as a CVR student.
    case noVectors(task: String)
    /// A ranking asked of a model that has no items.
    case noItems
    /// A score asked of a network that the model does not have.
    case noHead(String, has: [String])
    /// An option of a request that is outside its range.
    case badOption(name: String, expected: String, found: String)
    /// An item that cannot be added.
    case badItem(id: String, expected: String, found: String)
    /// No version to go back to.
    case noPreviousVersion
    /// Encoded inputs that are not of this model.
    case badInputs(String)

    /// Where in a call: all numbers from 0.
    public enum Place: Sendable, Equatable, CustomStringConvertible {
        case user(request: Int)
        case candidate(Int, request: Int)
        case item(Int)

        public var description: String {
            switch self {
            case .user(let request): "request \(request), user"
            case .candidate(let candidate, let request): "request \(request), candidate \(candidate)"
            case .item(let item): "item \(item)"
            }
        }
    }

    public var description: String {
        switch self {
        case .unknownFeature(let name, let place, let nearest):
            let hint = nearest.map { "; did you mean '\($0)'?" } ?? ""
            return """
                \(place): '\(name)' is no regular feature of this model (a privileged feature is known only when \
                training and cannot be served)\(hint)
                """
        case .misplacedFeature(let name, let place, let side):
            return "\(place): '\(name)' belongs to the \(side)"
        case .badValue(let feature, let place, let expected, let found):
            return "\(place): feature '\(feature)': expected \(expected), found \(found)"
        case .unevenSequence(let field, let place, let expected, let found):
            return "\(place): sequence field '\(field)': expected \(expected) events as in the first field, found \(found)"
        case .tooLarge(let what, let limit, let found): return "expected at most \(limit) \(what), found \(found)"
        case .noVectors(let task): return "a \(task) model has no user and item vectors; it scores pairs"
        case .noItems: return "the model has no items to rank; add them with `hindsight index`"
        case .noHead(let head, let has): return "the model has no \(head) student; it has \(has.joined(separator: ", "))"
        case .badOption(let name, let expected, let found): return "\(name): expected \(expected), found \(found)"
        case .badItem(let id, let expected, let found):
            return "item '\(id.prefix(200))': expected \(expected), found \(found)"
        case .noPreviousVersion: return "there is no version to go back to"
        case .badInputs(let problem): return "encoded inputs: \(problem)"
        }
    }
}
