import Foundation
import Schema

/// How a server listens, what it lets in, and who may change it. A value; `ServerConfiguration.read(path:)` makes it
/// from a YAML file, and `problems()` says what is wrong with it.
public struct ServerConfiguration: Sendable, Equatable {
    public var host = "127.0.0.1"
    /// 0: any free port.
    public var port = 8080
    /// The model's name in the Open Inference Protocol; nil: the package folder's name.
    public var modelName: String?
    /// Threads that decode and score; nil: one a core.
    public var workers: Int?
    public var limits = RequestLimits()
    public var tls: TLS?
    public var authorization = Authorization()
    public var drain = Drain()
    public var log = Log()
    /// The only folder that packages may be loaded from by `POST /v1/models/load`; nil: any.
    public var packageFolder: String?

    public init() {}

    /// PEM files.
    public struct TLS: Sendable, Equatable {
        public var certificate: String
        public var key: String

        public init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// The bearer token, which is never an argument: those are seen by every user of a machine.
    public struct Authorization: Sendable, Equatable {
        public enum Source: Sendable, Equatable {
            case file(String)
            case environment(String)
        }
        public enum Scope: String, Sendable, CaseIterable {
            /// Only calls that change what is served.
            case admin
            /// Everything but health.
            case all
        }

        /// nil: no token, and with it no call that changes what is served.
        public var token: Source?
        public var scope = Scope.admin

        public init() {}
    }

    /// What happens between SIGTERM and the end.
    public struct Drain: Sendable, Equatable {
        /// Not ready, but still accepting: time for a load balancer to look away.
        public var delayMilliseconds = 0
        /// Requests that run longer are cut off.
        public var timeoutMilliseconds = 30_000

        public init() {}
    }

    public struct Log: Sendable, Equatable {
        public enum Level: String, Sendable, CaseIterable { case debug, info, warning, error }
        /// Which requests get a line of their own.
        public enum Requests: String, Sendable, CaseIterable { case all, failed, none }

        public var level = Level.info
        public var requests = Requests.all

        public init() {}
    }
}

/// What one server may be asked for. Whatever is beyond is refused with a status that says so, and nothing waits in a
/// queue without a bound.
public struct RequestLimits: Sendable, Equatable {
    public var bodyBytes = 8 << 20
    /// Candidates of a request, ids in a list of it, items of a change.
    public var candidates = 20_000
    /// Items of an answer.
    public var topK = 10_000
    /// Requests that wait for a worker. Those beyond get 429.
    public var queue = 64
    public var connections = 1_024
    /// From a request's head until its work begins. Work that would begin later is not begun: 503.
    public var timeoutMilliseconds = 1_000
    /// From a request's first byte to its last. Slower clients get 408.
    public var readMilliseconds = 10_000
    /// A connection without a request, and one whose client does not take its answer, is closed after so long.
    public var idleMilliseconds = 60_000

    public init() {}
}

extension ServerConfiguration {
    /// What is wrong, one sentence each; empty when nothing is.
    public func problems() -> [String] {
        var problems: [String] = []
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) {
            if !range.contains(value) {
                problems.append("\(name): expected \(range.lowerBound) ... \(range.upperBound), found \(value)")
            }
        }
        check("port", port, 0...65_535)
        check("workers", workers ?? 1, 1...1_024)
        check("limits.body_bytes", limits.bodyBytes, 1_024...1 << 30)
        check("limits.candidates", limits.candidates, 1...1 << 20)
        check("limits.k", limits.topK, 1...100_000)
        check("limits.queue", limits.queue, 0...100_000)
        check("limits.connections", limits.connections, 1...1_000_000)
        check("limits.timeout_ms", limits.timeoutMilliseconds, 1...3_600_000)
        check("limits.read_timeout_ms", limits.readMilliseconds, 1...3_600_000)
        check("limits.idle_timeout_ms", limits.idleMilliseconds, 1...86_400_000)
        check("drain.delay_ms", drain.delayMilliseconds, 0...3_600_000)
        check("drain.timeout_ms", drain.timeoutMilliseconds, 1...3_600_000)
        if host.isEmpty { problems.append("host: expected an address, found nothing") }
        if let modelName, !Self.isName(modelName) {
            problems.append("name: expected 1 to 128 letters, digits, '-', '_' and '.', found '\(modelName.prefix(60))'")
        }
        if authorization.scope == .all, authorization.token == nil {
            problems.append("authorization.scope: 'all' needs a token_file or token_environment")
        }
        return problems
    }

    /// What can stand in a path of the Open Inference Protocol.
    static func isName(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_.".unicodeScalars.contains($0)) }
    }
}
