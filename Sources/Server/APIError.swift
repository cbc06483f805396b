import Logs
import ModelPackage
import Serving

/// What a client is told when a request is not answered. Statuses are decided here and nowhere else.
struct APIError: Error, Sendable, Equatable {
    /// One word a machine can switch on; they are listed in the OpenAPI file.
    enum Code: String, Sendable, CaseIterable {
        case badJSON = "bad_json"
        case badRequest = "bad_request"
        case badValue = "bad_value"
        case unknownFeature = "unknown_feature"
        case tooLarge = "too_large"
        case truncated
        case timeout
        case unauthorized, forbidden
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        case unsupportedMedia = "unsupported_media"
        case unsupported
        case badPackage = "bad_package"
        case noPreviousVersion = "no_previous_version"
        case overloaded, draining
        case deadline
        case `internal`

        var status: Int {
            switch self {
            case .badJSON, .badRequest, .badValue, .unknownFeature, .truncated, .unsupported: 400
            case .unauthorized: 401
            case .forbidden: 403
            case .notFound: 404
            case .methodNotAllowed: 405
            case .timeout: 408
            case .noPreviousVersion: 409
            case .tooLarge: 413
            case .unsupportedMedia: 415
            case .badPackage: 422
            case .overloaded: 429
            case .draining, .deadline: 503
            case .internal: 500
            }
        }

        /// Seconds after which it may be worth asking again.
        var retryAfterSeconds: Int? {
            switch self {
            case .overloaded, .deadline: 1
            case .draining: 5
            default: nil
            }
        }

        /// The server is the one that is short of something: counted as shed.
        var isShed: Bool { self == .overloaded || self == .deadline || self == .draining }
    }

    var code: Code
    var message: String
    /// A key path of the body, a header or a path; nil for the request as a whole.
    var place: String?

    init(_ code: Code, _ message: String, at place: String? = nil) {
        self.code = code
        self.message = message
        self.place = place
    }

    /// As it is answered under `/v1`.
    var json: [UInt8] {
        var writer = JSONWriter(capacity: 160 + message.utf8.count)
        writer.object { writer in
            writer.key("error")
            writer.object { writer in
                writer.field("code", code.rawValue)
                writer.field("message", message)
                if let place { writer.field("where", place) } else { writer.key("where"); writer.null() }
            }
        }
        return writer.bytes
    }

    /// As the Open Inference Protocol wants it.
    var inferenceJSON: [UInt8] {
        var writer = JSONWriter(capacity: 120 + message.utf8.count)
        writer.object { writer in
            writer.field("error", place.map { "\($0): \(message)" } ?? message)
        }
        return writer.bytes
    }
}

extension APIError {
    /// What a server says of a package that cannot be loaded; the old one keeps serving.
    init(_ error: PackageError) {
        self.init(.badPackage, "\(error)", at: "path")
    }
}
