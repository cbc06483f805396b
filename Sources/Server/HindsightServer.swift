import Dispatch
import Foundation
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import Serving
import ServiceLifecycle
import UnixSignals

/// HTTP around a `RankingService`: its own API, the Open Inference Protocol, metrics, a page, and limits.
///
///     let service = try RankingService(path: "packages/retail")
///     try await HindsightServer(service, ServerConfiguration()).run { port in print("listening on \(port)") }
///
/// `run` comes back after SIGTERM or SIGINT, when the last request has been answered.
public struct HindsightServer: Sendable {
    /// What the Open Inference Protocol's server metadata says.
    public static let version = "0.2.0"

    private let configuration: ServerConfiguration
    private let api: API
    private let logger: Logger
    private let tls: TLSConfiguration?

    /// Checks the configuration, reads the token and the certificate, and starts the scoring threads.
    public init(_ service: RankingService, _ configuration: ServerConfiguration) throws(ServerError) {
        try self.init(service, configuration, sink: .standardError)
    }

    init(_ service: RankingService, _ configuration: ServerConfiguration, sink: LogSink) throws(ServerError) {
        if let problem = configuration.problems().first {
            throw ServerError(.configuration, "configuration", expected: "a configuration that can be served with", found: problem)
        }
        self.configuration = configuration
        let level = Logger.Level(rawValue: configuration.log.level.rawValue) ?? .info
        logger = Logger(label: "hindsight") { JSONLogHandler(label: $0, level: level, sink: sink) }
        tls = try configuration.tls.map { tls throws(ServerError) in try Self.read(tls) }
        let workers = configuration.workers ?? ProcessInfo.processInfo.activeProcessorCount
        api = API(
            service: service, configuration: configuration, authorizer: try Authorizer(configuration.authorization),
            metrics: ServerMetrics(), pool: ScoringPool(workers: workers, queueLimit: configuration.limits.queue),
            logger: logger, sink: sink)
    }

    private static func read(_ tls: ServerConfiguration.TLS) throws(ServerError) -> TLSConfiguration {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(tls.certificate).map { NIOSSLCertificateSource.certificate($0) }
            guard !chain.isEmpty else {
                throw ServerError(.certificate, tls.certificate, expected: "a certificate in PEM", found: "none")
            }
            let key = try NIOSSLPrivateKey(file: tls.key, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            // A key that is not the certificate's shows here, and not with the first client.
            _ = try NIOSSLContext(configuration: configuration)
            return configuration
        } catch let error as ServerError {
            throw error
        } catch {
            throw ServerError(
                .certificate, "\(tls.certificate), \(tls.key)", expected: "a certificate and its key in PEM", found: "\(error)")
        }
    }

    /// Serves until the process is told to stop.
    /// - Parameter onListening: told the port as soon as requests are accepted.
    public func run(onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }) async throws(ServerError) {
        try await run(signals: [.sigterm, .sigint], onListening: onListening)
    }

    /// As `run(onListening:)`; without signals it ends when its task is cancelled.
    func run(signals: [UnixSignal], onListening: @escaping @Sendable (Int) -> Void) async throws(ServerError) {
        defer {
            api.pool.stop()
            api.accessLog.end()
        }
        let drain = configuration.drain
        let application = try application(onListening)
        var group = ServiceGroupConfiguration(
            services: [
                .init(service: application),
                // Services end in reverse order: first this one, which is how requests go on while the world is told.
                .init(service: Drain(api: api, delay: .milliseconds(drain.delayMilliseconds), logger: logger)),
            ],
            gracefulShutdownSignals: signals, logger: logger)
        group.maximumGracefulShutdownDuration = .milliseconds(drain.timeoutMilliseconds + drain.delayMilliseconds)
        do {
            try await ServiceGroup(configuration: group).run()
        } catch is CancellationError {
            logger.warning("requests were cut off", metadata: ["timeout_ms": "\(drain.timeoutMilliseconds)"])
        } catch {
            throw ServerError(
                .address, "\(configuration.host):\(configuration.port)", expected: "an address to listen at", found: "\(error)")
        }
        logger.info("stopped")
    }

    private func application(_ onListening: @escaping @Sendable (Int) -> Void) throws(ServerError) -> Application<API> {
        let limits = configuration.limits
        let channel = HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                ConnectionGuard(
                    readTimeout: .milliseconds(Int64(limits.readMilliseconds)),
                    writeTimeout: .milliseconds(Int64(limits.idleMilliseconds)), shed: { [api] in api.shed($0) }
                ) { [api] in
                    api.metrics.refused.add(1, [APIError.Code.timeout.rawValue])
                }
            ],
            idleTimeout: .milliseconds(Int64(limits.idleMilliseconds)),
            httpDecoderConfiguration: .init(maxHeaderFieldSize: 16_384, maxHeaderListSize: 65_536, maxHeaderFieldCount: 128))
        var server = HTTPServerBuilder.http1(configuration: channel)
        if let tls {
            do {
                server = try .tls(server, tlsConfiguration: tls)
            } catch {
                throw ServerError(.certificate, "tls", expected: "a certificate and its key", found: "\(error)")
            }
        }
        // Hummingbird's own lines are for those who look into it.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return Application(
            responder: api, server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), backlog: 1_024,
                availableConnectionsDelegate: .maximum(limits.connections, logger: quiet)),
            onServerRunning: { [logger, api] channel in
                let port = channel.localAddress?.port ?? 0
                logger.info(
                    "listening",
                    metadata: [
                        "port": "\(port)", "model": "\(api.modelName)", "version": "\(api.service.current.version)",
                        "items": "\(api.service.current.itemCount)",
                        // "none": drift is measured against this version's first scores alone.
                        "score_reference": "\(api.service.current.package.manifest.scores?.source ?? "none")",
                    ])
                onListening(port)
            },
            logger: quiet)
    }
}

/// Waits for the end, and then lets the world know before connections are closed.
private struct Drain: Service {
    let api: API
    let delay: Duration
    let logger: Logger

    func run() async throws {
        try? await gracefulShutdown()
        api.drain()
        logger.info("draining", metadata: ["running": "\(api.pool.load.running)", "waiting": "\(api.pool.load.waiting)"])
        try? await Task.sleep(for: delay)
    }
}
