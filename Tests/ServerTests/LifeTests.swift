import Foundation
import Glibc
import Testing

@testable import Serving

/// Beginning, change and end of a server.
@Suite struct LifeTests {
    private static let quiet = "authorization: {token_file: token}\nlog: {requests: none}\n"

    @Test func sigtermEndsItAfterTheRequestsUnderWayWithExitCodeZero() throws {
        let server = try ServerProcess(try ServedFolder.shared.get().path, yaml: Self.quiet + "drain: {delay_ms: 600}\n")
        // A request under way: its head and half of its body are there.
        let body = Array(#"{"user": \#(userJSON)}"#.utf8)
        let connection = try Connection(port: server.port)
        connection.send(Array("POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body.prefix(10))
        let idle = try Connection(port: server.port)
        try idle.send("GET", "/v2/health/ready", nil)
        #expect(try idle.reply().status == 200)
        server.program.kill(SIGTERM)
        // Not ready, and still there for those who did not hear of it.
        #expect(server.program.wait(within: 10) { (try? server.get("/v2/health/ready").status) == 503 })
        let late = try server.get("/v2/health/ready")
        #expect(late.headers["retry-after"] != nil && late.headers["connection"] == "close")
        connection.send(Array(body.dropFirst(10)))
        #expect(try connection.reply().status == 200)
        let end = try #require(server.program.end(within: 20))
        #expect(end.code == 0, "\(end.err)")
        #expect(idle.drain().isEmpty)
        #expect(end.err.contains(#""message":"draining""#) && end.err.contains(#""message":"stopped""#))
    }

    @Test func aRequestUnderWayAfterTheDelayIsStillAnswered() throws {
        let server = try ServerProcess(try ServedFolder.shared.get().path, yaml: Self.quiet)
        let body = Array(#"{"user": \#(userJSON)}"#.utf8)
        let connection = try Connection(port: server.port)
        connection.send(Array("POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body.prefix(10))
        #expect(try server.get("/v2/health/live").status == 200)
        server.program.kill(SIGTERM)
        // No new connections: the listener is closed, and yet the old request lives.
        #expect(server.program.wait(within: 10) { (try? Connection(port: server.port)) == nil })
        connection.send(Array(body.dropFirst(10)))
        #expect(try connection.reply().status == 200)
        #expect(server.program.end(within: 20)?.code == 0)
    }

    @Test func versionsAreSwappedRolledBackAndRefused() throws {
        let first = try ServedFolder.shared.get()
        let second = try ServedFolder(cvr: false)
        let (old, new) = (try first.model().version, try second.model().version)
        let server = try ServerProcess(first.path, yaml: Self.quiet)
        defer { _ = server.stop() }
        func version() throws -> String? { try server.post("/v1/rank", #"{"user": \#(userJSON)}"#).json["version"] as? String }
        func load(_ path: String) throws -> Reply { try server.post("/v1/models/load", #"{"path": "\#(path)"}"#, admin: true) }

        let none = try server.post("/v1/models/rollback", "", admin: true)
        #expect(none.status == 409 && none.errorCode == "no_previous_version")
        let loaded = try load(second.path)
        #expect(loaded.status == 200 && loaded.json["version"] as? String == new && loaded.json["previous_version"] as? String == old)
        #expect(try version() == new)
        let bad = second.sibling("damaged")
        try FileManager.default.copyItem(atPath: second.path, toPath: bad)
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: bad + "/weights.safetensors"))
        for path in [bad, "/nowhere", ""] {
            let reply = try load(path)
            #expect([400, 422].contains(reply.status), "\(path): \(reply.text)")
            #expect(try version() == new)
        }
        #expect(try server.post("/v1/models/rollback", "", admin: true).json["version"] as? String == old)
        #expect(try version() == old)
        let metadata = try server.get("/v2/models/served").json
        #expect(metadata["versions"] as? [String] == [old])
        let metrics = try server.get("/metrics").text
        for line in ["result=\"loaded\"} 1", "result=\"refused\"} 2", "result=\"rolled_back\"} 1", "role=\"previous\",version=\"\(new)\""] {
            #expect(metrics.contains(line), "\(line)")
        }
    }

    @Test func everyAnswerDuringSwapsIsWholeAndOfOneVersion() throws {
        let first = try ServedFolder.shared.get()
        let second = try ServedFolder(cvr: false)
        let (old, new) = (try first.model().version, try second.model().version)
        let server = try ServerProcess(first.path, yaml: Self.quiet)
        defer { _ = server.stop() }
        let connection = try Connection(port: server.port)
        var seen: Set<String> = []
        for swap in 0..<6 {
            let path = swap % 2 == 0 ? second.path : first.path
            let admin = try Connection(port: server.port)
            try admin.send(
                "POST", "/v1/models/load", Array(#"{"path": "\#(path)"}"#.utf8),
                headers: ["Authorization": "Bearer \(ServerProcess.token)"])
            for _ in 0..<20 {
                try connection.send("POST", "/v1/rank", Array(#"{"user": \#(userJSON)}"#.utf8))
                let reply = try connection.reply()
                #expect(reply.status == 200, "\(reply.text)")
                let version = try #require(reply.json["version"] as? String)
                let items = try #require(reply.json["items"] as? [[String: Any]])
                // Only the first has a conversion model.
                #expect(items.count == 10 && items.allSatisfy { ($0["cvr"] != nil) == (version == old) })
                seen.insert(version)
            }
            #expect(try admin.reply().status == 200)
        }
        #expect(seen == [old, new])
    }

    @Test func itemsComeAndGoWhileItServes() throws {
        let server = try ServerProcess(try ServedFolder.shared.get().path, yaml: Self.quiet)
        defer { _ = server.stop() }
        func ids() throws -> [String] {
            let reply = try server.post("/v1/rank", #"{"user": \#(userJSON), "k": 100}"#)
            return (reply.json["items"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
        }
        let item = #"{"id": "new", "features": {"item_id": "item 3", "price": 2.1, "tags": ["t1"]}, "price": 1.5, "category": "fresh"}"#
        let added = try server.post("/v1/items/upsert", #"{"items": [\#(item)]}"#, admin: true)
        #expect(added.status == 200 && added.json["items"] as? Int == 31, "\(added.text)")
        #expect(try ids().contains("new"))
        // All or nothing: the second has no price.
        let refused = try server.post(
            "/v1/items/upsert", #"{"items": [{"id": "a", "features": {}, "price": 1}, {"id": "b", "features": {}}]}"#, admin: true)
        #expect(refused.status == 400 && refused.errorMessage.contains("price"), "\(refused.text)")
        #expect(try ids().count == 31)
        let wrong = try server.post(
            "/v1/items/upsert", #"{"items": [{"id": "a", "features": {"dwell_secret": 1}, "price": 1}]}"#, admin: true)
        #expect(wrong.errorCode == "unknown_feature" && wrong.errorPlace == "items[0].features.dwell_secret", "\(wrong.text)")
        let removed = try server.post("/v1/items/remove", #"{"ids": ["new", "nobody", "item 1"]}"#, admin: true)
        #expect(removed.json["removed"] as? Int == 2)
        #expect(try ids().count == 29 && !ids().contains("new"))
    }

    @Test func aPackageOutsideItsFolderIsForbidden() throws {
        let folder = try ServedFolder.shared.get()
        let inside = URL(fileURLWithPath: folder.path).deletingLastPathComponent().path
        let server = try ServerProcess(folder.path, yaml: Self.quiet + "package_folder: \(inside)\n")
        defer { _ = server.stop() }
        func status(_ path: String) throws -> Int { try server.post("/v1/models/load", #"{"path": "\#(path)"}"#, admin: true).status }
        #expect(try status("/etc") == 403)
        #expect(try status("\(inside)/../../etc") == 403)
        #expect(try status(inside) == 403)
        #expect(try status("\(inside)/none") == 422)
        #expect(try status(folder.path) == 200)
    }

    /// A server with one worker and no queue, and a connection whose request keeps that worker busy for a while.
    private func overloaded(yaml: String = "") throws -> (ServerProcess, busy: Connection) {
        let server = try ServerProcess(
            try ServedFolder.shared.get().path,
            yaml: "limits: {queue: 0, candidates: 1000000, body_bytes: 100000000, timeout_ms: 60000}\nworkers: 1\n" + yaml)
        let many = Array(repeating: #"{"item_id": "item 1", "tags": ["a","b","c"]}"#, count: 60_000).joined(separator: ",")
        let busy = try Connection(port: server.port, timeoutSeconds: 120)
        try busy.send(
            "POST", "/v1/score", Array(#"{"requests": [{"user": \#(userJSON), "candidates": [\#(many)]}]}"#.utf8),
            headers: ["Authorization": "Bearer \(ServerProcess.token)"])
        #expect(
            server.program.wait(within: 60) {
                (try? server.request("GET", "/v1/status", admin: true).json["running"] as? Int) == 1
            })
        return (server, busy)
    }

    @Test func overloadIsShedWithAWordOnWhenToComeAgain() throws {
        let (server, busy) = try overloaded(yaml: "log: {requests: none}\n")
        defer { _ = server.stop() }
        let shed = try server.post("/v1/rank", #"{"user": \#(userJSON)}"#)
        #expect(shed.status == 429 && shed.errorCode == "overloaded" && shed.headers["retry-after"] == "1", "\(shed.text)")
        // Health and metrics answer meanwhile.
        #expect(try server.get("/v2/health/ready").status == 200)
        #expect(try server.get("/metrics").text.contains("hindsight_requests_shed_total{reason=\"overloaded\"} 1"))
        #expect(try busy.reply().status == 200)
        #expect(try server.post("/v1/rank", #"{"user": \#(userJSON)}"#).status == 200)
    }

    /// Refusals that never reach the request handler leave the connection as any answer does.
    @Test func whoeverIsRefusedMayComeAgainOnTheSameConnection() throws {
        let (server, busy) = try overloaded(yaml: "log: {requests: all}\n")
        let body = Array(#"{"user": \#(userJSON)}"#.utf8)
        let connection = try Connection(port: server.port)
        for number in 0..<20 {
            try connection.send("POST", "/v1/rank", body, headers: ["X-Request-Id": "again-\(number)"])
            let reply = try connection.reply()
            #expect(reply.status == 429 && reply.errorCode == "overloaded" && reply.headers["retry-after"] == "1", "\(reply.text)")
            #expect(reply.headers["x-request-id"] == "again-\(number)" && reply.headers["connection"] == nil)
            #expect(reply.headers["content-type"] == "application/json" && reply.headers["date"]?.hasSuffix("GMT") == true)
        }
        // The other ways of sending a request end the same.
        try connection.send("POST", "/v2/models/served/infer", body)
        let inference = try connection.reply()
        #expect(inference.status == 429 && inference.json["error"] is String, "\(inference.text)")
        let chunked = String(body.count, radix: 16) + "\r\n" + String(decoding: body, as: UTF8.self) + "\r\n0\r\n\r\n"
        connection.send(Array(("POST /v1/rank HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked).utf8))
        #expect(try connection.reply().status == 429)
        let closing = try Connection(port: server.port)
        try closing.send("POST", "/v1/rank", body, headers: ["Connection": "close"])
        #expect(try closing.reply().status == 429)
        #expect(closing.drain().isEmpty)
        // A body that comes late, and one that never comes whole.
        let halves = try Connection(port: server.port)
        halves.send(Array("POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body.prefix(10))
        usleep(50_000)
        halves.send(Array(body.dropFirst(10)))
        #expect(try halves.reply().status == 429)
        let short = try Connection(port: server.port)
        short.send(Array("POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body.prefix(10))
        short.closeWriting()
        _ = short.drain()
        let metrics = try server.get("/metrics").text
        #expect(metrics.contains("hindsight_requests_shed_total{reason=\"overloaded\"} 24\n"), "\(metrics)")
        #expect(metrics.contains("hindsight_http_requests_total{route=\"/v1/rank\",status=\"429\"} 23\n"), "\(metrics)")
        #expect(try busy.reply().status == 200)
        try connection.send("POST", "/v1/rank", body)
        #expect(try connection.reply().status == 200)
        let log = try #require(server.stop()).err
        #expect(log.contains(#""request_id":"again-19""#) && log.contains(#""code":"overloaded""#))
    }

    @Test func answersKeepTheOrderOfTheirRequestsUnderOverload() throws {
        let (server, busy) = try overloaded(yaml: "log: {requests: none}\n")
        defer { _ = server.stop() }
        // A second request behind the one that keeps the worker busy must not be answered before it.
        try busy.send("POST", "/v1/rank", Array(#"{"user": \#(userJSON)}"#.utf8))
        let first = try busy.reply()
        #expect(first.status == 200 && first.json["scores"] != nil, "\(first.text.prefix(200))")
        #expect(try busy.reply().json["items"] != nil)
    }

    @Test func overloadTellsNobodyMoreThanTheyMayKnow() throws {
        let (server, busy) = try overloaded(yaml: "authorization: {token_file: token, scope: all}\nlog: {requests: none}\n")
        defer { _ = server.stop() }
        let body = #"{"user": \#(userJSON)}"#
        #expect(try server.post("/v1/rank", body).status == 401)
        #expect(try server.post("/v1/rank", body, admin: true).status == 429)
        #expect(try server.post("/v1/nothing", body, admin: true).status == 404)
        #expect(try server.request("GET", "/v1/rank", admin: true).status == 405)
        #expect(try busy.reply().status == 200)
    }

    @Test func aTimeThatIsOverIsTold() throws {
        let server = try ServerProcess.shared.get()
        let connection = try Connection(port: server.port)
        let body = Array(#"{"user": \#(userJSON)}"#.utf8)
        connection.send(
            Array("POST /v1/rank HTTP/1.1\r\nHost: x\r\nX-Request-Timeout-Ms: 1\r\nContent-Length: \(body.count)\r\n\r\n".utf8))
        usleep(100_000)
        connection.send(body)
        let reply = try connection.reply()
        #expect(reply.status == 503 && reply.errorCode == "deadline" && reply.headers["retry-after"] == "1", "\(reply.text)")
        let bad = try server.post("/v1/rank", "{}", headers: ["X-Request-Timeout-Ms": "soon"])
        #expect(bad.status == 400 && bad.errorPlace == "X-Request-Timeout-Ms")
    }

    @Test func logsAreOneJSONObjectALine() throws {
        let server = try ServerProcess(try ServedFolder.shared.get().path, yaml: "log: {requests: all}\n")
        _ = try server.request("GET", "/v2/health/live", headers: ["X-Request-Id": "find-me"])
        _ = try server.request("GET", "/a\"b%0A\\c", headers: [:])
        let end = try #require(server.stop())
        let lines = try end.err.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
        }
        #expect(lines.contains { $0["request_id"] as? String == "find-me" && $0["status"] as? Int == 200 })
        #expect(lines.contains { ($0["path"] as? String)?.contains("a\"b") == true && $0["status"] as? Int == 404 })
        #expect(lines.contains { $0["message"] as? String == "listening" && $0["port"] as? String == "\(server.port)" })
        #expect(lines.allSatisfy { $0["time"] is String && $0["level"] is String })
        #expect(!end.err.contains(ServerProcess.token))
    }
}
