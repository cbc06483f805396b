import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Serving
import Synchronization

/// Answers requests: finds the route, lets in whom it may, and tells, counts and logs how it went.
final class API: HTTPResponder {
    struct Context: Sendable, InitializableFromSource {
        init(source: ApplicationRequestContextSource) {}
    }

    let service: RankingService
    let configuration: ServerConfiguration
    let metrics: ServerMetrics
    let pool: ScoringPool
    let modelName: String
    let logger: Logger
    let authorizer: Authorizer
    let accessLog: AccessLog
    /// What those are told for whom there is no place, under `/v1` and under `/v2`.
    let overload: (own: Overload, inference: Overload)
    let names = RequestNames()
    private let isDraining = Atomic(false)
    /// What the protocol says of a version, made once a version.
    private let described = Mutex<(version: String, model: InferenceModel, since: Date)?>(nil)
    let isLoading = Atomic(false)

    init(
        service: RankingService, configuration: ServerConfiguration, authorizer: Authorizer, metrics: ServerMetrics,
        pool: ScoringPool, logger: Logger, sink: LogSink
    ) {
        self.service = service
        self.configuration = configuration
        self.authorizer = authorizer
        self.metrics = metrics
        self.pool = pool
        self.logger = logger
        accessLog = AccessLog(sink: sink, requests: configuration.log.requests)
        overload = (Overload(pool, isInference: false), Overload(pool, isInference: true))
        let folder = URL(fileURLWithPath: service.current.path).standardizedFileURL.lastPathComponent
        modelName = configuration.modelName ?? (ServerConfiguration.isName(folder) ? folder : "hindsight")
        _ = inferenceModel(service.current)
    }

    var limits: RequestLimits { configuration.limits }
    var isReady: Bool { !isDraining.load(ordering: .acquiring) }

    /// From now on the server is not ready, and connections close after their answer.
    func drain() { isDraining.store(true, ordering: .releasing) }

    // MARK: One request

    func respond(to request: Request, context: Context) async throws -> Response {
        let start = ContinuousClock.now
        let id = names.name(proposed: request.headers[.requestID])
        let path = (request.head.path ?? "").prefix { $0 != "?" && $0 != "#" }
        let route = Route(path)
        var answer: Answer
        var code: APIError.Code?
        do {
            answer = try await self.answer(route, request, since: start, id: id)
        } catch {
            let error = described(error, id: id)
            code = error.code
            answer = Answer(error, isInference: route?.isInference ?? path.hasPrefix("/v2"))
            if error.code == .methodNotAllowed { answer.headers[.allow] = route?.isPost == true ? "POST" : "GET, HEAD" }
        }
        finish(route, answer, code, request.method, path, since: start, id: id)
        return answer.response(requestID: id, isHead: request.method == .head, closes: !isReady)
    }

    /// Counts and logs an answer.
    func finish(
        _ route: Route?, _ answer: Answer, _ code: APIError.Code?, _ method: HTTPRequest.Method, _ path: Substring,
        since start: ContinuousClock.Instant, id: String
    ) {
        let took = ContinuousClock.now - start
        if let code { (code.isShed ? metrics.shed : metrics.refused).add(1, [code.rawValue]) }
        record(route, answer, took)
        accessLog.write(
            AccessLog.Entry(
                requestID: id, method: method.rawValue, path: String(path), status: answer.status,
                milliseconds: took.milliseconds, bytes: answer.body.count, code: code, version: answer.version))
    }

    private func record(_ route: Route?, _ answer: Answer, _ took: Duration) {
        let label = route?.label ?? "other"
        metrics.requests.add(1, [label, String(answer.status)])
        metrics.latency.observe(took.seconds, label)
        switch route {
        case .rank, .score, .infer: if answer.status == 200 { metrics.recent.add(milliseconds: took.milliseconds) }
        default: break
        }
    }

    /// What was not foreseen is logged in full, and told to nobody.
    private func described(_ error: any Error, id: String) -> APIError {
        if let error = error as? APIError { return error }
        logger.error("unexpected error", metadata: ["request_id": "\(id)", "error": "\(error)"])
        return APIError(.internal, "the server failed; its log has more under this request's id")
    }

    private func answer(_ route: Route?, _ request: Request, since start: ContinuousClock.Instant, id: String) async throws -> Answer {
        guard let route else { throw APIError(.notFound, "no such path; /openapi.json lists those that exist") }
        guard route.isPost ? request.method == .post : request.method == .get || request.method == .head else {
            throw APIError(.methodNotAllowed, "expected \(route.isPost ? "POST" : "GET"), found \(request.method.rawValue.prefix(20))")
        }
        if !route.isOpen { try authorizer.check(request.headers[.authorization], isAdmin: route.isAdmin) }
        switch route {
        case .page: return Page.answer
        case .openAPI: return Answer(Array(OpenAPI.json.utf8))
        case .metrics: return Answer(Array(metrics.text(snapshot()).utf8), contentType: "text/plain; version=0.0.4; charset=utf-8")
        case .status: return Answer(statusJSON())
        case .live: return Answer(Array(#"{"live":true}"#.utf8))
        case .ready:
            guard isReady else { throw APIError(.draining, "the server is about to stop") }
            return Answer(Array(#"{"ready":true}"#.utf8))
        case .inferenceServer: return Answer(Self.serverMetadata)
        case .inferenceModel(let model):
            let current = try check(model)
            return Answer(inferenceModel(current).metadata(name: modelName, version: current.version))
        case .inferenceModelReady(let model):
            _ = try check(model)
            guard isReady else { throw APIError(.draining, "the server is about to stop") }
            return Answer(Array(#"{"ready":true}"#.utf8))
        case .rank: return try await rank(request, since: start, id: id)
        case .score: return try await score(request, since: start)
        case .infer(let model): return try await infer(model, request, since: start)
        case .load: return try await load(request)
        case .rollback: return try await rollback(request)
        case .upsertItems: return try await upsertItems(request, since: start)
        case .removeItems: return try await removeItems(request, since: start)
        }
    }

    // MARK: Bodies and deadlines

    /// The body, unless it is too long, too slow, or cut short.
    func body(of request: Request) async throws -> ByteBuffer {
        let encoding = request.headers[.contentEncoding] ?? "identity"
        guard encoding.lowercased() == "identity" else {
            throw APIError(.unsupportedMedia, "expected a body that is not compressed, found \(encoding.prefix(60))", at: "Content-Encoding")
        }
        let tooLarge = APIError(.tooLarge, "expected a body of at most \(limits.bodyBytes) bytes")
        let announced = request.headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > limits.bodyBytes { throw tooLarge }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: limits.bodyBytes)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        } catch {
            throw APIError(.truncated, "the body could not be read to its end")
        }
        guard announced == nil || announced == body.readableBytes else {
            throw APIError(.truncated, "expected \(announced ?? 0) bytes of body, found \(body.readableBytes)")
        }
        return body
    }

    /// When work must have begun: the server's limit, or the client's where that is sooner.
    func deadline(_ request: Request, since start: ContinuousClock.Instant) throws(APIError) -> ContinuousClock.Instant {
        guard let text = request.headers[.timeoutMilliseconds] else {
            return start + .milliseconds(limits.timeoutMilliseconds)
        }
        guard let milliseconds = Int(text), (1...3_600_000).contains(milliseconds) else {
            throw APIError(.badValue, "expected 1 ... 3600000, found '\(text.prefix(60))'", at: "X-Request-Timeout-Ms")
        }
        return start + .milliseconds(min(milliseconds, limits.timeoutMilliseconds))
    }

    /// Refuses before the body is read when there is no place for the request anyway.
    func admit() throws(APIError) {
        if pool.isFull { throw overload.own.error }
    }

    /// Reads the body and does the work on a scoring thread.
    func work(
        _ request: Request, since start: ContinuousClock.Instant, _ work: @escaping @Sendable (ByteBuffer) throws -> Answer
    ) async throws -> Answer {
        let deadline = try deadline(request, since: start)
        try admit()
        let body = try await body(of: request)
        return try await pool.run(
            before: deadline, waited: { [metrics] in metrics.stageTime.observe($0.seconds, "queue") }
        ) { try work(body) }
    }

    // MARK: What is served

    func inferenceModel(_ model: RankingModel) -> InferenceModel {
        described.withLock { described in
            if let described, described.version == model.version { return described.model }
            let new = InferenceModel(model)
            described = (model.version, new, Date())
            return new
        }
    }

    /// The current model, if that is the one that a path names.
    func check(_ model: Route.Model) throws(APIError) -> RankingModel {
        let current = service.current
        guard model.name == modelName else {
            throw APIError(.notFound, "there is no model '\(model.name.prefix(60))'; this server has '\(modelName)'")
        }
        guard model.version == nil || model.version == current.version else {
            throw APIError(.notFound, "the version that serves is \(current.version)")
        }
        return current
    }

    private static let serverMetadata: [UInt8] = {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("name", "hindsight")
            writer.field("version", HindsightServer.version)
            writer.key("extensions")
            writer.array { $0.value("binary_tensor_data") }
        }
        return writer.bytes
    }()

    func snapshot() -> ServerMetrics.Snapshot {
        let current = service.current
        _ = inferenceModel(current)
        let load = pool.load
        return ServerMetrics.Snapshot(
            modelName: modelName, version: current.version, previousVersion: service.previousVersion,
            items: current.itemCount, loadedAt: described.withLock { $0?.since } ?? metrics.started, waiting: load.waiting,
            running: load.running, workers: pool.workers, queueLimit: pool.queueLimit, isReady: isReady)
    }
}
