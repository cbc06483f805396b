import ArgumentParser
import Foundation
import ModelPackage
import Schema
import Server
import Serving
import Synchronization

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a model package over HTTP: rankings, scores, the Open Inference Protocol, metrics, and a page.",
        discussion: """
            The package is a folder that `hindsight export` wrote; with items (`hindsight index`) it ranks, without it \
            scores. Logs are JSON lines on standard error. SIGTERM and Ctrl-C end it after the requests that are under \
            way, with exit code 0. docs/serving.md tells all; a first try:

              hindsight serve packages/retail-ctr
              curl -s localhost:8080/v1/rank -d '{"user": {"user_id": 17841}, "k": 5}'
            """)

    @Argument(help: "The model package.", completion: .directory)
    var package: String

    @Option(help: "Configuration (YAML): limits, TLS, token, logs; see docs/serving.md.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(help: "The address to listen at (default: 127.0.0.1, this machine alone).")
    var host: String?

    @Option(help: "The port; 0 takes a free one (default: 8080).")
    var port: Int?

    @Option(help: "The model's name in the Open Inference Protocol (default: the package folder's).")
    var name: String?

    @Option(help: "Threads that decode and score (default: one a core).")
    var workers: Int?

    @Option(help: "Threads that share the scan of one ranking: fewer milliseconds a request, fewer requests a second.")
    var searchThreads: Int = 1

    func validate() throws {
        guard (1...64).contains(searchThreads) else { throw ValidationError("--search-threads: expected 1 ... 64") }
    }

    func run() throws {
        try reportingPackageFailures {
            var configuration = try config.map { try ServerConfiguration.read(path: $0) } ?? ServerConfiguration()
            if let host { configuration.host = host }
            if let port { configuration.port = port }
            if let name { configuration.modelName = name }
            if let workers { configuration.workers = workers }
            if let problem = configuration.problems().first { throw ValidationError(problem) }
            let service = try RankingService(
                path: package, limits: servingLimits(configuration),
                calls: configuration.workers ?? ProcessInfo.processInfo.activeProcessorCount)
            let server = try HindsightServer(service, configuration)
            let scheme = configuration.tls == nil ? "http" : "https"
            let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
            try waiting {
                try await server.run { port in
                    FileHandle.standardOutput.write(Data("Serving \(package) at \(scheme)://\(host):\(port)\n".utf8))
                }
            }
        }
    }

    /// What the server lets in is what ranking may be asked for.
    private func servingLimits(_ configuration: ServerConfiguration) -> ServingLimits {
        var limits = ServingLimits()
        limits.candidates = configuration.limits.candidates
        limits.filterValues = configuration.limits.candidates
        limits.topK = max(configuration.limits.topK, limits.survivors)
        limits.searchThreads = searchThreads
        return limits
    }

    /// Blocks this thread, which is none of Swift's, until the work is done.
    private func waiting(_ work: @escaping @Sendable () async throws -> Void) throws {
        let isDone = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        Task {
            do { try await work() } catch { outcome.error.withLock { $0 = error } }
            isDone.signal()
        }
        isDone.wait()
        if let error = outcome.error.withLock({ $0 }) { throw error }
    }

    private final class Outcome: Sendable {
        let error = Mutex<(any Error)?>(nil)
    }
}
