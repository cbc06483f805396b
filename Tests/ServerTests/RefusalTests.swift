import Foundation
import Testing

@Suite struct RefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var path: String
        var body: String
        var status: Int
        var code: String
        var place: String?
        var testDescription: String { "\(path) \(body.prefix(80))" }
    }

    static let wide = String(repeating: "[", count: 100_000)
    static let deep = String(repeating: #"{"a":"#, count: 100_000)

    static let cases: [Case] = [
        .init(path: "/v1/rank", body: "", status: 400, code: "bad_json"),
        .init(path: "/v1/rank", body: "{", status: 400, code: "bad_json"),
        .init(path: "/v1/rank", body: "[]", status: 400, code: "bad_value"),
        .init(path: "/v1/rank", body: "nonsense", status: 400, code: "bad_value"),
        .init(path: "/v1/rank", body: #"{"user": {}} trailing"#, status: 400, code: "bad_json"),
        .init(path: "/v1/rank", body: "{}", status: 400, code: "bad_request", place: "user"),
        .init(path: "/v1/rank", body: #"{"user": 3}"#, status: 400, code: "bad_value", place: "user"),
        .init(path: "/v1/rank", body: #"{"usr": {}}"#, status: 400, code: "bad_request", place: "usr"),
        .init(path: "/v1/rank", body: #"{"user": \#(userJSON), "user": {}}"#, status: 400, code: "bad_request", place: "user"),
        .init(path: "/v1/rank", body: #"{"user": {"age": 3, "age": 4}}"#, status: 400, code: "bad_request", place: "user.age"),
        // The privileged feature of these logs, by name.
        .init(
            path: "/v1/rank", body: #"{"user": {"age": 3, "dwell_secret": 12}}"#, status: 400, code: "unknown_feature",
            place: "user.dwell_secret"),
        .init(
            path: "/v1/score",
            body: #"{"requests": [{"user": \#(userJSON), "candidates": [{}, {"dwell_secret": 12}]}]}"#, status: 400,
            code: "unknown_feature", place: "requests[0].candidates[1].dwell_secret"),
        .init(path: "/v1/rank", body: #"{"user": {"age": 3, "item_id": "x"}}"#, status: 400, code: "bad_request", place: "user.item_id"),
        // `missing: error` in the schema.
        .init(path: "/v1/rank", body: #"{"user": {"user_id": 3}}"#, status: 400, code: "bad_value", place: "user.age"),
        .init(path: "/v1/rank", body: #"{"user": {"age": null}}"#, status: 400, code: "bad_value", place: "user.age"),
        .init(path: "/v1/rank", body: #"{"user": {"age": "old"}}"#, status: 400, code: "bad_value", place: "user.age"),
        .init(path: "/v1/rank", body: #"{"user": {"age": [1]}}"#, status: 400, code: "bad_value", place: "user.age"),
        .init(path: "/v1/rank", body: #"{"user": {"age": {"a": 1}}}"#, status: 400, code: "bad_value", place: "user.age"),
        .init(path: "/v1/rank", body: #"{"user": {"age": NaN}}"#, status: 400, code: "bad_json", place: "user.age"),
        .init(path: "/v1/rank", body: #"{"user": {"age": "NaN"}}"#, status: 400, code: "bad_value", place: "user.age"),
        .init(path: "/v1/rank", body: #"{"user": {"age": "inf"}}"#, status: 400, code: "bad_value", place: "user.age"),
        .init(path: "/v1/rank", body: #"{"user": {"age": 1e999}}"#, status: 400, code: "bad_value", place: "user.age"),
        .init(path: "/v1/rank", body: #"{"user": {"age": 01}}"#, status: 400, code: "bad_json", place: "user.age"),
        .init(path: "/v1/rank", body: "{\"user\": {\"age\": \"\u{1}\"}}", status: 400, code: "bad_json", place: "user.age"),
        .init(
            path: "/v1/rank", body: #"{"user": {"age": 3, "history_item": ["a"], "history_gap": [1, 2]}}"#, status: 400,
            code: "bad_value", place: "user.history_gap"),
        .init(path: "/v1/rank", body: #"{"user": {"age": 3, "history_item": [["a"]]}}"#, status: 400, code: "bad_value", place: "user.history_item[0]"),
        .init(path: "/v1/rank", body: #"{"user": {"age": \#(wide)"#, status: 400, code: "bad_value", place: "user.age[0]"),
        .init(path: "/v1/rank", body: #"{"user": \#(wide)"#, status: 400, code: "bad_value", place: "user"),
        .init(path: "/v1/rank", body: wide, status: 400, code: "bad_value"),
        .init(path: "/v1/rank", body: deep, status: 400, code: "bad_request", place: "a"),
        .init(path: "/v1/rank", body: #"{"user": \#(deep)"#, status: 400, code: "bad_value", place: "user.a"),
        .init(path: "/v1/score", body: #"{"requests": \#(wide)"#, status: 400, code: "bad_value", place: "requests[0]"),
        .init(path: "/v1/score", body: #"{"requests": [{"user": {"age": 3}, "candidates": [{"tags": \#(wide)"#, status: 400, code: "bad_value", place: "requests[0].candidates[0].tags[0]"),
        .init(path: "/v1/rank", body: #"{"user": \#(userJSON), "k": 0}"#, status: 400, code: "bad_value", place: "k"),
        .init(path: "/v1/rank", body: #"{"user": \#(userJSON), "k": 1.5}"#, status: 400, code: "bad_value", place: "k"),
        .init(path: "/v1/rank", body: #"{"user": \#(userJSON), "k": 99999999999999999999}"#, status: 400, code: "bad_value", place: "k"),
        .init(path: "/v1/rank", body: #"{"user": \#(userJSON), "k": 9, "coarse_k": 3}"#, status: 400, code: "bad_value", place: "coarse_k"),
        .init(path: "/v1/rank", body: #"{"user": \#(userJSON), "candidates": "some"}"#, status: 400, code: "bad_value", place: "candidates"),
        .init(path: "/v1/rank", body: #"{"user": \#(userJSON), "candidates": [1.5]}"#, status: 400, code: "bad_value", place: "candidates[0]"),
        .init(path: "/v1/rank", body: #"{"user": \#(userJSON), "exponents": {"ctr": 1e9}}"#, status: 400, code: "bad_value", place: "exponents.ctr"),
        .init(path: "/v1/rank", body: #"{"user": \#(userJSON), "exponents": {"x": 1}}"#, status: 400, code: "bad_request", place: "exponents.x"),
        .init(path: "/v1/rank", body: #"{"user": \#(userJSON), "stages": "yes"}"#, status: 400, code: "bad_value", place: "stages"),
        .init(path: "/v1/score", body: #"{"requests": 1}"#, status: 400, code: "bad_value", place: "requests"),
        .init(path: "/v1/score", body: #"{"requests": [{}]}"#, status: 400, code: "bad_request", place: "requests[0].user"),
        .init(path: "/v1/score", body: #"{"requests": [], "head": "teacher"}"#, status: 400, code: "bad_value", place: "head"),
        .init(path: "/v1/nothing", body: "{}", status: 404, code: "not_found"),
        .init(path: "/v1/models/load", body: #"{"path": "/nowhere"}"#, status: 401, code: "unauthorized", place: "Authorization"),
        .init(path: "/v1/items/remove", body: #"{"ids": []}"#, status: 401, code: "unauthorized", place: "Authorization"),
    ]

    @Test(arguments: cases) func whatIsWrongIsToldWithItsPlace(_ one: Case) throws {
        let reply = try ServerProcess.shared.get().post(one.path, one.body)
        #expect(reply.status == one.status, "\(reply.text)")
        #expect(reply.errorCode == one.code, "\(reply.text)")
        if let place = one.place { #expect(reply.errorPlace == place, "\(reply.text)") }
        #expect(reply.headers["content-type"] == "application/json")
        #expect(!reply.errorMessage.isEmpty && reply.body.count < 2_000, "\(reply.text.prefix(300))")
    }

    /// Parameters that a server does not know are passed over, as the protocol wants; not for ever.
    @Test func deepParametersOfTheProtocolAreRefused() throws {
        let reply = try ServerProcess.shared.get().post("/v2/models/tiny/infer", #"{"parameters": {"x": \#(Self.wide)"#)
        #expect(reply.status == 400 && (reply.json["error"] as? String)?.contains("parameters") == true, "\(reply.text)")
    }

    @Test func whatIsMissingIsTheDefaultWhereTheSchemaSaysSo() throws {
        let server = try ServerProcess.shared.get()
        func scores(_ user: String, _ candidate: String) throws -> [[Double]] {
            let reply = try server.post("/v1/score", #"{"requests": [{"user": \#(user), "candidates": [\#(candidate)]}]}"#)
            #expect(reply.status == 200 && (reply.json["unknown_values"] as? [String: Int])?.isEmpty == true, "\(reply.text)")
            return try #require(reply.json["scores"] as? [[Double]])
        }
        let absent = try scores(#"{"age": 3}"#, "{}")
        #expect(absent.count == 1 && absent[0].count == 1)
        let empty = #"{"age": 3, "user_id": null, "history_item": [], "history_gap": null}"#
        #expect(try scores(empty, #"{"item_id": null, "price": null, "tags": []}"#) == absent)
        #expect(try scores(#"{"age": 3, "user_id": ""}"#, #"{"item_id": ""}"#) == absent)
        #expect(try scores(#"{"age": 3, "user_id": 3}"#, "{}") != absent)
    }

    @Test func hugeNumbersThatFitAreValuesAndThoseThatDoNotAreToldSo() throws {
        let server = try ServerProcess.shared.get()
        for huge in ["1e308", "-1e308", "9223372036854775807", "5e-324", "99999999999999999999"] {
            let number = try server.post("/v1/rank", #"{"user": {"age": \#(huge)}}"#)
            #expect(number.status == 200, "\(huge): \(number.text)")
            let id = try server.post("/v1/rank", #"{"user": {"age": 3, "user_id": \#(huge)}}"#)
            #expect(id.status == 200 && (id.json["unknown_values"] as? [String: Int])?["user_id"] == 1, "\(huge): \(id.text)")
        }
        for endless in ["1e309", String(repeating: "9", count: 500)] {
            let reply = try server.post("/v1/rank", #"{"user": {"age": \#(endless)}}"#)
            #expect(reply.status == 400 && reply.errorPlace == "user.age", "\(reply.text.prefix(300))")
        }
    }

    @Test func aPrivilegedFeatureIsToldWhatItIs() throws {
        let reply = try ServerProcess.shared.get().post("/v1/rank", #"{"user": {"age": 3, "dwell_secret": 12}}"#)
        #expect(reply.errorMessage.contains("dwell_secret") && reply.errorMessage.contains("privileged"))
    }

    @Test func methodsAreToldApart() throws {
        let server = try ServerProcess.shared.get()
        let get = try server.get("/v1/rank")
        #expect(get.status == 405 && get.headers["allow"] == "POST")
        let post = try server.post("/metrics", "{}")
        #expect(post.status == 405 && post.headers["allow"] == "GET, HEAD")
        #expect(try server.request("BREW", "/").status >= 400)
    }

    @Test func aBodyTooLongIsRefusedBeforeItIsRead() throws {
        let connection = try Connection(port: try ServerProcess.shared.get().port)
        connection.send(Array("POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n".utf8))
        let reply = try connection.reply()
        #expect(reply.status == 413 && reply.errorCode == "too_large")
    }

    @Test func aBodyInChunksThatGrowsTooLongIsRefused() throws {
        let server = try ServerProcess(
            try ServedFolder.shared.get().path, yaml: "limits: {body_bytes: 4096}\nlog: {requests: none}\n")
        defer { _ = server.stop() }
        let connection = try Connection(port: server.port)
        connection.send(Array("POST /v1/rank HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".utf8))
        let chunk = Array("400\r\n".utf8) + [UInt8](repeating: 32, count: 1024) + Array("\r\n".utf8)
        for _ in 0..<8 { connection.send(chunk) }
        connection.send(Array("0\r\n\r\n".utf8))
        #expect(try connection.reply().status == 413)
    }

    @Test func aCompressedBodyIsRefused() throws {
        let reply = try ServerProcess.shared.get().post("/v1/rank", "{}", headers: ["Content-Encoding": "gzip"])
        #expect(reply.status == 415 && reply.errorCode == "unsupported_media")
    }

    @Test func aBodyCutShortIsToldSo() throws {
        let connection = try Connection(port: try ServerProcess.shared.get().port)
        connection.send(Array("POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"user\": {}".utf8))
        connection.closeWriting()
        let reply = try connection.reply()
        #expect(reply.status == 400 && reply.errorCode == "truncated", "\(reply.text)")
    }

    @Test func bytesThatAreNoHTTPAreAnsweredAndTheServerLives() throws {
        let server = try ServerProcess.shared.get()
        for garbage in ["\u{0}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "POST /v1/rank HTTP/1.1\r\nContent-Length: minus\r\n\r\n"] {
            let connection = try Connection(port: server.port)
            connection.send(Array(garbage.utf8))
            let answer = String(decoding: connection.drain(), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 4"), "\(garbage.debugDescription) -> \(answer.debugDescription)")
        }
        #expect(try server.get("/v2/health/live").status == 200)
    }

    @Test func aSlowClientIsToldThatItsTimeIsOver() throws {
        let server = try ServerProcess(
            try ServedFolder.shared.get().path,
            yaml: "limits: {read_timeout_ms: 300, idle_timeout_ms: 600}\nlog: {requests: none}\n")
        defer { _ = server.stop() }
        let slow = try Connection(port: server.port)
        slow.send(Array("POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{".utf8))
        let reply = try slow.reply()
        #expect(reply.status == 408 && reply.errorCode == "timeout", "\(reply.text)")
        #expect(slow.drain().isEmpty)
        // A head in pieces, each of which comes soon enough; and one behind a request that was answered.
        let dripping = try Connection(port: server.port)
        for byte in "POST /v1/rank HTTP/1.1\r\nX-Patience: \(String(repeating: "a", count: 200))".utf8 {
            guard dripping.send([byte]) else { break }
            usleep(10_000)
        }
        #expect(try dripping.reply().errorCode == "timeout")
        let second = try Connection(port: server.port)
        try second.send("GET", "/v2/health/live", nil)
        #expect(try second.reply().status == 200)
        second.send(Array("GET /v2/hea".utf8))
        #expect(try second.reply().status == 408)
        // Not even a byte: closed without a word.
        let silent = try Connection(port: server.port)
        #expect(silent.drain().isEmpty)
        #expect(try server.get("/v2/health/live").status == 200)
        #expect(try server.get("/metrics").text.contains("hindsight_requests_refused_total{code=\"timeout\"} 3"))
    }

    /// Whoever asks for ever and listens to nothing keeps the server's memory small, and a connection only for a while.
    @Test func aClientThatTakesNoAnswerIsLetGo() throws {
        let server = try ServerProcess(
            try ServedFolder.shared.get().path, yaml: "limits: {idle_timeout_ms: 500}\nlog: {requests: none}\n")
        defer { _ = server.stop() }
        let deaf = try Connection(port: server.port)
        // Some ten times what the buffers between the two can hold.
        let asked = 2_000
        let request = Array("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        deaf.send((0..<asked).flatMap { _ in request })
        let refused = "hindsight_requests_refused_total{code=\"timeout\"} 1"
        #expect(server.program.wait(within: 30) { (try? server.get("/metrics").text.contains(refused)) == true })
        let answer = try server.get("/openapi.json").body.count
        #expect(deaf.drain().count < asked * answer)
    }

    @Test func aClientThatAsksFirstIsToldToContinue() throws {
        let connection = try Connection(port: try ServerProcess.shared.get().port)
        let body = #"{"user": \#(userJSON)}"#
        connection.send(
            Array("POST /v1/rank HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n\r\n".utf8))
        usleep(50_000)
        connection.send(Array(body.utf8))
        #expect(try connection.reply().status == 200)
    }
}
