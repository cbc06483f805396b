import Foundation

/// What can be asked for.
enum Route: Sendable, Equatable {
    case page, openAPI, metrics, status
    case rank, score
    case load, rollback, upsertItems, removeItems
    case inferenceServer, live, ready
    case inferenceModel(Model), inferenceModelReady(Model), infer(Model)

    /// A model as a path names it.
    struct Model: Sendable, Equatable {
        var name: String
        var version: String?
    }

    /// The route of a path, without its query.
    init?(_ path: Substring) {
        switch path {
        case "/": self = .page
        case "/openapi.json": self = .openAPI
        case "/metrics": self = .metrics
        case "/v1/status": self = .status
        case "/v1/rank": self = .rank
        case "/v1/score": self = .score
        case "/v1/models/load": self = .load
        case "/v1/models/rollback": self = .rollback
        case "/v1/items/upsert": self = .upsertItems
        case "/v1/items/remove": self = .removeItems
        case "/v2", "/v2/": self = .inferenceServer
        case "/v2/health/live": self = .live
        case "/v2/health/ready": self = .ready
        default:
            guard let route = Self.inference(path) else { return nil }
            self = route
        }
    }

    /// `/v2/models/NAME[/versions/VERSION][/ready|/infer]`
    private static func inference(_ path: Substring) -> Route? {
        guard path.hasPrefix("/v2/models/") else { return nil }
        var parts = path.split(separator: "/", maxSplits: 8, omittingEmptySubsequences: false).dropFirst(3)
        guard let name = parts.popFirst(), !name.isEmpty, let decoded = String(name).removingPercentEncoding else { return nil }
        var model = Model(name: decoded, version: nil)
        if parts.first == "versions" {
            parts.removeFirst()
            guard let version = parts.popFirst(), !version.isEmpty else { return nil }
            model.version = String(version)
        }
        switch (parts.popFirst(), parts.isEmpty) {
        case (nil, true): return .inferenceModel(model)
        case ("ready", true): return .inferenceModelReady(model)
        case ("infer", true): return .infer(model)
        default: return nil
        }
    }

    var isPost: Bool {
        switch self {
        case .rank, .score, .load, .rollback, .upsertItems, .removeItems, .infer: true
        default: false
        }
    }

    /// Whether it changes what is served.
    var isAdmin: Bool {
        switch self {
        case .load, .rollback, .upsertItems, .removeItems: true
        default: false
        }
    }

    /// Health for those who restart us, and two documents that say nothing about the model.
    var isOpen: Bool {
        switch self {
        case .live, .ready, .page, .openAPI: true
        default: false
        }
    }

    /// Errors are told in the Open Inference Protocol's way.
    var isInference: Bool {
        switch self {
        case .inferenceServer, .live, .ready, .inferenceModel, .inferenceModelReady, .infer: true
        default: false
        }
    }

    /// The label in metrics: few of them, whatever clients ask for.
    var label: String {
        switch self {
        case .page: "/"
        case .openAPI: "/openapi.json"
        case .metrics: "/metrics"
        case .status: "/v1/status"
        case .rank: "/v1/rank"
        case .score: "/v1/score"
        case .load: "/v1/models/load"
        case .rollback: "/v1/models/rollback"
        case .upsertItems: "/v1/items/upsert"
        case .removeItems: "/v1/items/remove"
        case .inferenceServer: "/v2"
        case .live: "/v2/health/live"
        case .ready: "/v2/health/ready"
        case .inferenceModel: "/v2/models/{model}"
        case .inferenceModelReady: "/v2/models/{model}/ready"
        case .infer: "/v2/models/{model}/infer"
        }
    }
}
