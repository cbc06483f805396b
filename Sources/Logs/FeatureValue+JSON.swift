import Foundation

extension FeatureValue {
    /// As a client writes it, for `JSONSerialization`.
    public var json: Any {
        switch self {
        case .missing: NSNull()
        case .integer(let value): value
        case .number(let value): value
        case .text(let value): value
        case .truth(let value): value
        case .list(let values): values.map(\.json)
        }
    }
}
