import Foundation
import Logs
import NIOCore
import Testing

@testable import Server
@testable import Serving

@Suite struct GarbageTests {
    private static let bodies: [(path: String, body: String)] = [
        ("/v1/rank", #"{"user": \#(userJSON), "candidates": ["item 1", 7], "k": 3, "deny": ["a"], "exponents": {"ctr": 0.5}, "stages": true}"#),
        ("/v1/score", #"{"requests": [{"user": \#(userJSON), "candidates": [{"item_id": "item 1", "price": 1.5, "tags": ["a"]}]}], "head": "cvr"}"#),
        (
            "/v2/models/tiny/infer",
            #"{"id": "a", "inputs": [{"name": "age", "datatype": "FP64", "shape": [1], "data": [7.5]}, {"name": "tags", "datatype": "BYTES", "shape": [1, 2], "data": [["a", "b"]]}], "outputs": [{"name": "score"}]}"#
        ),
    ]

    private static func mutate(_ bytes: [UInt8], _ generator: inout SplitMix) -> [UInt8] {
        var bytes = bytes
        let pieces = ["{", "}", "[", "]", ",", ":", "\"", "\\u", "\\ud800", "null", "1e999", "-", "NaN", "\u{0}", "ÿ", "99999999999999999999", "{\"a\":"]
        for _ in 0...Int.random(in: 0..<4, using: &generator) {
            let at = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: if at < bytes.count { bytes[at] = .random(in: 0...255, using: &generator) }
            case 1: bytes.insert(contentsOf: pieces.randomElement(using: &generator)!.utf8, at: at)
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 0..<20, using: &generator)))
            case 3: bytes = Array(bytes[..<at])
            case 4: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 30)], at: at)
            default: if at < bytes.count { bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator) }
            }
        }
        return bytes
    }

    /// Thousands of damaged bodies over real sockets: each gets an answer, and afterwards the server is what it was.
    @Test func noBodyStopsTheServer() throws {
        let server = try ServerProcess.shared.get()
        var generator = SplitMix(state: 20_261_125)
        let before = try server.post("/v1/rank", Self.bodies[0].body).json["items"] as? NSArray
        var statuses: [Int: Int] = [:]
        var connection = try Connection(port: server.port)
        for round in 0..<3_000 {
            let (path, body) = Self.bodies[round % Self.bodies.count]
            let damaged = Self.mutate(Array(body.utf8), &generator)
            try connection.send("POST", path, damaged)
            let reply = try connection.reply()
            statuses[reply.status, default: 0] += 1
            #expect(reply.status == 200 || (400..<500).contains(reply.status), "round \(round): \(String(decoding: damaged, as: UTF8.self))")
            #expect(reply.headers["content-type"] == "application/json")
            if reply.headers["connection"] == "close" { connection = try Connection(port: server.port) }
        }
        #expect(statuses[400, default: 0] > 1_000 && statuses[200, default: 0] > 10, "\(statuses)")
        #expect(try server.post("/v1/rank", Self.bodies[0].body).json["items"] as? NSArray == before)
    }

    /// Damaged HTTP: heads cut, mixed up and endless, and connections dropped in the middle.
    @Test func noBytesStopTheServer() throws {
        let server = try ServerProcess.shared.get()
        var generator = SplitMix(state: 7)
        for _ in 0..<400 {
            let (path, body) = Self.bodies.randomElement(using: &generator)!
            let whole = Array("POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
            let connection = try Connection(port: server.port, timeoutSeconds: 1)
            let damaged = Self.mutate(whole, &generator)
            connection.send(damaged)
            if Bool.random(using: &generator) {
                connection.closeWriting()
                _ = connection.drain()
            }
        }
        let endless = try Connection(port: server.port, timeoutSeconds: 5)
        endless.send(Array("GET / HTTP/1.1\r\n".utf8))
        let line = Array("X-A: \(String(repeating: "a", count: 1_000))\r\n".utf8)
        for _ in 0..<200 where endless.send(line) {}
        #expect(String(decoding: endless.drain(), as: UTF8.self).hasPrefix("HTTP/1.1 4"))
        #expect(try server.get("/v2/health/live").status == 200)
        #expect(try server.post("/v1/rank", Self.bodies[0].body).status == 200)
    }

    /// The decoders alone, where many more fit into a second: whatever comes, they answer or throw.
    @Test func decodersTakeOrRefuse() {
        var generator = SplitMix(state: 11)
        var taken = 0
        for round in 0..<60_000 {
            let (_, body) = Self.bodies[round % 3]
            let buffer = ByteBuffer(bytes: Self.mutate(Array(body.utf8), &generator))
            do throws(APIError) {
                switch round % 3 {
                case 0: _ = try RankingBody.rank(buffer, RequestLimits())
                case 1: _ = try RankingBody.score(buffer, RequestLimits())
                default: _ = try InferenceRequest(buffer, headerLength: nil, limits: RequestLimits())
                }
                taken += 1
            } catch {
                #expect((400..<500).contains(error.code.status))
            }
        }
        #expect(taken > 500)
    }
}
