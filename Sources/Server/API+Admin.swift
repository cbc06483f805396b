import Foundation
import Hummingbird
import ModelPackage
import NIOCore
import Serving

extension API {
    // MARK: Versions

    /// Loads a package beside the one that serves. One load at a time: a second is refused, not queued.
    func load(_ request: Request) async throws -> Answer {
        let body = try await body(of: request)
        let path = try BodyReader.read(body) { reader throws(APIError) in
            var path: String?
            try reader.object(of: ["path"]) { reader, _ throws(APIError) in path = try reader.text() }
            guard let path, !path.isEmpty else { throw APIError(.badRequest, "missing: the package's folder", at: "path") }
            return path
        }
        try checkFolder(path)
        return try await changingModel("loaded") { [service] in try service.load(path: path) }
    }

    func rollback(_ request: Request) async throws -> Answer {
        let body = try await body(of: request)
        if body.readableBytes > 0 {
            try BodyReader.read(body) { reader throws(APIError) in
                try reader.object(of: []) { _, _ throws(APIError) in }
            }
        }
        return try await changingModel("rolled_back") { [service] in try service.rollback() }
    }

    /// Where packages may lie, links resolved.
    private func checkFolder(_ path: String) throws(APIError) {
        guard let folder = configuration.packageFolder else { return }
        func resolved(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path }
        guard resolved(path).hasPrefix(resolved(folder) + "/") else {
            throw APIError(.forbidden, "expected a folder inside the server's package_folder", at: "path")
        }
    }

    /// Runs on a thread of its own: reading a package takes long, and neither ranking nor health may wait for it.
    private func changingModel(_ result: String, _ change: @escaping @Sendable () throws -> String) async throws -> Answer {
        guard isLoading.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged else {
            throw APIError(.overloaded, "another version is being loaded")
        }
        defer { isLoading.store(false, ordering: .releasing) }
        do {
            let version = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<String, any Error>) in
                Thread.detachNewThread { continuation.resume(with: Result { try change() }) }
            }
            metrics.loads.add(1, [result])
            logger.notice("model changed", metadata: ["version": "\(version)", "how": "\(result)"])
            _ = inferenceModel(service.current)
            var answer = Answer(statusJSON())
            answer.version = version
            return answer
        } catch {
            if result == "loaded" { metrics.loads.add(1, ["refused"]) }
            logger.warning("model not changed", metadata: ["error": "\(error)"])
            switch error {
            case let error as ServingError where error == .noPreviousVersion: throw APIError(error, in: .items)
            default: throw APIError(.badPackage, "\(error)", at: "path")
            }
        }
    }

    // MARK: Items

    func upsertItems(_ request: Request, since start: ContinuousClock.Instant) async throws -> Answer {
        try await work(request, since: start) { [self] body in
            let items = try ItemBody.upsert(body, limits)
            do throws(ServingError) {
                let version = try service.upsert(items: items)
                return Self.itemAnswer("upserted", items.count, version, service.current.itemCount)
            } catch {
                throw APIError(error, in: .items)
            }
        }
    }

    func removeItems(_ request: Request, since start: ContinuousClock.Instant) async throws -> Answer {
        try await work(request, since: start) { [self] body in
            let ids = try ItemBody.remove(body, limits)
            let model = service.current
            return Self.itemAnswer("removed", model.remove(ids: ids), model.version, model.itemCount)
        }
    }

    private static func itemAnswer(_ what: String, _ count: Int, _ version: String, _ items: Int) -> Answer {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("version", version)
            writer.key(named: what)
            writer.value(count)
            writer.field("items", items)
        }
        return Answer(writer.bytes)
    }

    // MARK: Status

    /// What the page shows, and what changes of the model are answered with.
    func statusJSON() -> [UInt8] {
        let now = snapshot()
        let recent = metrics.recent.summary()
        var writer = JSONWriter(capacity: 1_024)
        func optional(_ writer: inout JSONWriter, _ key: StaticString, _ value: Double?) {
            writer.key(key)
            writer.value(value ?? .nan)
        }
        func drift(_ writer: inout JSONWriter, _ report: ScoreDrift.Report) {
            writer.object { writer in
                writer.field("count", report.scores)
                optional(&writer, "mean", report.mean)
                optional(&writer, "drift_psi", report.packageIndex)
                writer.key("reference")
                if let source = report.packageSource { writer.value(source) } else { writer.null() }
                optional(&writer, "drift_psi_first", report.firstIndex)
            }
        }
        writer.object { writer in
            writer.field("model", now.modelName)
            writer.field("version", now.version)
            writer.key("previous_version")
            if let previous = now.previousVersion { writer.value(previous) } else { writer.null() }
            writer.field("task", service.current.package.student.task.rawValue)
            writer.field("items", now.items)
            writer.field("has_fine_ranker", service.current.hasFineRanker)
            writer.field("ready", now.isReady)
            writer.field("uptime_seconds", Date().timeIntervalSince(metrics.started))
            writer.field("loaded_seconds_ago", Date().timeIntervalSince(now.loadedAt))
            writer.field("workers", now.workers)
            writer.field("running", now.running)
            writer.field("waiting", now.waiting)
            writer.field("queue_limit", now.queueLimit)
            writer.field("shed", APIError.Code.allCases.filter(\.isShed).reduce(0) { $0 + metrics.shed.value([$1.rawValue]) })
            writer.key("last_minute")
            writer.object { writer in
                writer.field("requests", recent.requests)
                writer.field("per_second", recent.perSecond)
                optional(&writer, "p50_ms", recent.p50)
                optional(&writer, "p90_ms", recent.p90)
                optional(&writer, "p99_ms", recent.p99)
                optional(&writer, "worst_ms", recent.worst)
            }
            writer.key("score")
            writer.object { writer in
                writer.key("rank")
                drift(&writer, metrics.rankDrift.report)
                writer.key("score")
                drift(&writer, metrics.scoreDrift.report)
            }
            writer.key("features")
            writer.array { writer in
                for input in inferenceModel(service.current).inputs {
                    writer.object { writer in
                        writer.field("name", input.name)
                        writer.field("side", input.isUser ? "user" : "candidate")
                        writer.field("list", input.isList)
                        writer.field("number", input.isNumeric)
                    }
                }
            }
        }
        return writer.bytes
    }
}
