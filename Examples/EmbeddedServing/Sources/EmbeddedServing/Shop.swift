import Foundation
import Hummingbird
import Logs
import NIOPosix
import Serving

/// A shop whose home pages are ranked for each customer, in the shop's own process.
struct Shop: Sendable {
    /// One for the process: it holds the model, and the next one while that is loaded.
    let service: RankingService
    let package: String
    /// The customers' regular features, which a real shop has in a store of its own.
    let profiles: [String: FeatureValues]

    init(package: String, profiles path: String) throws {
        self.package = package
        profiles = try Profiles.read(path)
        service = try RankingService(path: package)
    }

    struct Page: ResponseCodable {
        struct Item: Codable {
            var id: String
            var score: Double
        }
        var version: String
        var items: [Item]
    }

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("/home/:customer") { _, context in
            let customer = try context.parameters.require("customer")
            guard let profile = profiles[customer] else { throw HTTPError(.notFound, message: "no customer '\(customer)'") }
            return try await page(for: profile)
        }
        // For whoever deploys, on this machine alone: main.swift listens at 127.0.0.1.
        router.post("/reload") { _, _ in
            try await onOtherThreads { _ = try service.load(path: package) }
            return HTTPResponse.Status.ok
        }
        return router
    }

    private func page(for profile: FeatureValues) async throws -> Page {
        let answer: RankAnswer
        do {
            answer = try await onOtherThreads { try service.rank(RankRequest(user: profile, topK: 5)) }
        } catch let error as ServingError {
            // The profile is ours: a feature that the model does not know is our mistake and not the customer's.
            throw HTTPError(.internalServerError, message: "\(error)")
        }
        return Page(version: answer.version, items: answer.items.map { .init(id: $0.id, score: $0.score) })
    }

    /// Ranking computes and does not suspend; the threads of Swift's concurrency are for those that do.
    private func onOtherThreads<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await NIOThreadPool.singleton.runIfActive(work)
    }
}

/// `{"17841": {"user_id": 17841, "history_item_id": ["85123A"]}}`
enum Profiles {
    static func read(_ path: String) throws -> [String: FeatureValues] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        return try JSONDecoder().decode([String: [String: Value]].self, from: data).mapValues { $0.mapValues(\.value) }
    }

    private struct Value: Decodable {
        let value: FeatureValue

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                value = .missing
            } else if let truth = try? container.decode(Bool.self) {
                value = .truth(truth)
            } else if let integer = try? container.decode(Int64.self) {
                value = .integer(integer)
            } else if let number = try? container.decode(Double.self) {
                value = .number(number)
            } else if let text = try? container.decode(String.self) {
                value = .text(text)
            } else {
                value = .list(try container.decode([Value].self).map(\.value))
            }
        }
    }
}
