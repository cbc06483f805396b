import Foundation
import FoundationNetworking
import Logs
import ModelPackage
import Serving

/// A running `hindsight serve`, for one question at a time.
struct AskedServer {
    let url: URL
    private let token: String?
    private let session: URLSession
    /// How often a server that is busy is asked again.
    private static let attempts = 10

    init(_ address: String, tokenFile: String? = nil) throws {
        guard let url = URL(string: address), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false else {
            throw PackageError(.malformed, path: "--server", expected: "http://host:port or https://host:port", found: address)
        }
        self.url = url
        do {
            token = try tokenFile.map {
                try String(contentsOfFile: $0, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
            }
        } catch {
            throw PackageError(.unreadable, path: tokenFile ?? "", expected: "a file with the server's token", found: "none that can be read")
        }
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = 60
        session = URLSession(configuration: configuration)
    }

    /// The answer's JSON object; anything but 200 is an error. A server that is busy is asked again when it says so.
    func post(_ path: String, _ body: Data) throws -> [String: Any] {
        var request = URLRequest(url: url.appendingPathComponent(path))
        request.httpMethod = "POST"
        request.httpBody = body
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        for attempt in 1... {
            let (status, data, retryAfter) = try send(request)
            if [429, 503].contains(status), attempt < Self.attempts {
                Thread.sleep(forTimeInterval: min(retryAfter ?? 1, 10))
                continue
            }
            guard status == 200, let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
                throw PackageError(
                    .malformed, path: request.url?.absoluteString ?? path, expected: "200 and a JSON object",
                    found: "\(status) \(String(decoding: data.prefix(300), as: UTF8.self))")
            }
            return object
        }
        preconditionFailure("the last attempt returns or throws")
    }

    private func send(_ request: URLRequest) throws -> (status: Int, body: Data, retryAfter: Double?) {
        final class Outcome: @unchecked Sendable {
            // SAFETY: written before the semaphore is signalled, read after it was waited for.
            var result: Result<(Int, Data, Double?), any Error> = .failure(URLError(.unknown))
        }
        let outcome = Outcome()
        let isDone = DispatchSemaphore(value: 0)
        session.dataTask(with: request) { data, response, error in
            if let response = response as? HTTPURLResponse {
                let wait = response.value(forHTTPHeaderField: "Retry-After").flatMap { Double($0) }
                outcome.result = .success((response.statusCode, data ?? Data(), wait))
            } else {
                outcome.result = .failure(error ?? URLError(.badServerResponse))
            }
            isDone.signal()
        }.resume()
        isDone.wait()
        do {
            return try outcome.result.get()
        } catch {
            throw PackageError(
                .unreadable, path: url.absoluteString, expected: "a server that answers", found: error.localizedDescription)
        }
    }
}

/// The server among those that are compared: it is sent the raw requests as JSON.
struct ServerContender {
    private(set) var row = ParityRow(contender: "the running server", tolerance: 1e-6)
    private let server: AskedServer
    private let version: String
    /// Candidates of one call, well below what servers let in.
    private static let chunk = 1_000

    /// - Parameter path: the package that it should be serving.
    init(_ server: AskedServer, serving path: String) throws {
        self.server = server
        version = try ServedDirectory(path: path).version
    }

    mutating func add(_ batch: RawRequests.Batch, against expected: [Float]) throws {
        var scores: [Float] = []
        var chunk: [ScoreRequest] = []
        var size = 0
        for request in batch.requests {
            for start in stride(from: 0, to: request.candidates.count, by: Self.chunk) {
                let part = Array(request.candidates[start..<min(start + Self.chunk, request.candidates.count)])
                if size + part.count > Self.chunk {
                    scores += try ask(chunk)
                    (chunk, size) = ([], 0)
                }
                chunk.append(ScoreRequest(user: request.user, candidates: part))
                size += part.count
            }
        }
        if !chunk.isEmpty { scores += try ask(chunk) }
        row.add(batch.inOrder(scores), against: expected)
    }

    private func ask(_ requests: [ScoreRequest]) throws -> [Float] {
        let body = try JSONSerialization.data(
            withJSONObject: [
                "requests": requests.map { request in
                    ["user": request.user.mapValues(\.json), "candidates": request.candidates.map { $0.mapValues(\.json) }]
                        as [String: Any]
                }
            ])
        let answer = try server.post("v1/score", body)
        guard answer["version"] as? String == version else {
            throw PackageError(
                .otherVersion, path: server.url.absoluteString, expected: "a server of version \(version)",
                found: "\(answer["version"] ?? "none")")
        }
        guard let scores = answer["scores"] as? [[NSNumber]] else {
            throw PackageError(.malformed, path: server.url.absoluteString, expected: "lists of scores", found: "none")
        }
        // The server writes the shortest text that is this float and no other.
        return scores.flatMap { $0.map { Float($0.doubleValue) } }
    }
}
