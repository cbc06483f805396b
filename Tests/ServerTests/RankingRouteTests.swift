import Foundation
import Logs
import Testing

@testable import Serving

/// The same user as `user`, as JSON.
let userJSON = #"{"user_id": 3, "age": 7.5, "history_item": ["item 4", "item 9"], "history_gap": [5, 50]}"#

@Suite struct RankingRouteTests {
    @Test func aRankingIsTheOneOfTheLibrary() throws {
        let server = try ServerProcess.shared.get()
        let model = try ServedFolder.shared.get().model()
        let reply = try server.post(
            "/v1/rank",
            #"{"user": \#(userJSON), "k": 7, "coarse_k": 20, "exponents": {"ctr": 0.5, "price": -1}, "deny": ["item 3"], "stages": true}"#)
        #expect(reply.status == 200, "\(reply.text)")
        let expected = try model.rank(
            RankRequest(
                user: user, topK: 7, coarseTopK: 20, deny: ["item 3"], exponents: RankExponents(ctr: 0.5, price: -1)))
        let items = try #require(reply.json["items"] as? [[String: Any]])
        #expect(items.count == 7)
        for (item, theirs) in zip(items, expected.items) {
            #expect(item["id"] as? String == theirs.id)
            // The shortest text that reads back as the same number. Foundation's reader is a last bit off now and then.
            #expect(reply.text.contains("\"score\":\(theirs.score)"))
            #expect((item["coarse"] as? NSNumber)?.floatValue == theirs.coarse)
            #expect((item["ctr"] as? NSNumber)?.floatValue == theirs.ctr)
            #expect((item["cvr"] as? NSNumber)?.floatValue == theirs.cvr)
            #expect(item["price"] as? Double == theirs.price)
        }
        #expect(reply.json["version"] as? String == model.version)
        let stages = try #require(reply.json["stages"] as? [[String: Any]])
        #expect(stages.map { $0["name"] as? String } == ["encode", "user", "coarse", "fine"])
    }

    @Test func stagesComeOnlyWhenAsked() throws {
        let reply = try ServerProcess.shared.get().post("/v1/rank", #"{"user": \#(userJSON)}"#)
        #expect(reply.status == 200 && reply.json["stages"] == nil)
        #expect((reply.json["items"] as? [Any])?.count == 10)
    }

    @Test func candidatesAndCategoriesNarrowARanking() throws {
        let server = try ServerProcess.shared.get()
        func ids(_ options: String) throws -> Set<String> {
            let reply = try server.post("/v1/rank", #"{"user": \#(userJSON), "k": 30, \#(options)}"#)
            return Set((reply.json["items"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String })
        }
        #expect(try ids(#""candidates": ["item 3", "item 9", "item 3"]"#) == ["item 3", "item 9"])
        #expect(try ids(#""candidates": "all", "allow": ["item 5"]"#) == ["item 5"])
        #expect(try ids(#""categories": ["kind 2"]"#) == Set((0..<30).filter { $0 % 5 == 2 }.map { "item \($0)" }))
        let unknown = try server.post("/v1/rank", #"{"user": \#(userJSON), "candidates": ["item 3", "nobody", 17]}"#)
        #expect(unknown.json["unknown_candidates"] as? Int == 2)
    }

    @Test func scoresAreTheOnesOfTheLibraryBitForBit() throws {
        let server = try ServerProcess.shared.get()
        let model = try ServedFolder.shared.get().model()
        let candidates = (0..<5).map { #"{"item_id": "item \#($0)", "price": \#(Double($0) * 0.7), "tags": ["t\#($0)"]}"# }
        for head in ["model", "ctr", "cvr"] {
            let reply = try server.post(
                "/v1/score",
                #"{"head": "\#(head)", "requests": [{"user": \#(userJSON), "candidates": [\#(candidates.joined(separator: ","))]}, {"user": \#(userJSON), "candidates": []}]}"#)
            #expect(reply.status == 200, "\(reply.text)")
            let expected = try model.score(
                [ScoreRequest(user: user, candidates: items), ScoreRequest(user: user, candidates: [])],
                head: try #require(ScoreHead(rawValue: head)))
            let scores = try #require(reply.json["scores"] as? [[NSNumber]])
            #expect(scores.map { $0.map(\.floatValue) } == expected.scores)
        }
    }

    @Test func unknownValuesFallBackAndAreCounted() throws {
        let reply = try ServerProcess.shared.get().post(
            "/v1/rank", #"{"user": {"user_id": "never seen", "age": 30, "history_item": ["x", "item 4"], "history_gap": [1, 2]}}"#)
        #expect(reply.status == 200, "\(reply.text)")
        #expect(reply.json["unknown_values"] as? [String: Int] == ["user_id": 1, "history_item": 1])
    }

    @Test func requestIDsAreKeptWhenHarmlessAndMadeOtherwise() throws {
        let server = try ServerProcess.shared.get()
        let kept = try server.request("GET", "/v2/health/live", headers: ["X-Request-Id": "abc-1.2:3_X"])
        #expect(kept.headers["x-request-id"] == "abc-1.2:3_X")
        for bad in ["with space", "quote\"", String(repeating: "a", count: 129), "ä"] {
            let reply = try server.request("GET", "/v2/health/live", headers: ["X-Request-Id": bad])
            let made = try #require(reply.headers["x-request-id"])
            #expect(made != bad && made.count >= 16)
        }
        let (a, b) = (try server.get("/v2"), try server.get("/v2"))
        #expect(a.headers["x-request-id"] != b.headers["x-request-id"])
    }

    @Test func manyRequestsShareOneConnection() throws {
        let connection = try Connection(port: try ServerProcess.shared.get().port)
        var bodies: Set<[UInt8]> = []
        for i in 0..<50 {
            try connection.send(
                "POST", "/v1/score",
                Array(#"{"requests": [{"user": \#(userJSON), "candidates": [{"item_id": "item \#(i % 5)"}]}]}"#.utf8))
            let reply = try connection.reply()
            #expect(reply.status == 200, "\(reply.text)")
            bodies.insert(reply.body)
        }
        #expect(bodies.count == 5)
    }

    /// Its clients read until the connection ends, some without looking at the length.
    @Test(arguments: ["", "Connection: keep-alive\r\n"]) func anOldRequestEndsItsConnection(_ header: String) throws {
        let connection = try Connection(port: try ServerProcess.shared.get().port, timeoutSeconds: 10)
        connection.send(Array("GET /v2/health/live HTTP/1.0\r\n\(header)\r\n".utf8))
        #expect(String(decoding: connection.drain(), as: UTF8.self).hasSuffix(#"{"live":true}"#))
        #expect(connection.hasEnded)
    }

    @Test func headIsGetWithoutABody() throws {
        let server = try ServerProcess.shared.get()
        let connection = try Connection(port: server.port)
        try connection.send("HEAD", "/openapi.json", nil)
        let head = try connection.reply(hasBody: false)
        #expect(head.status == 200)
        #expect(head.headers["content-length"] == "\(try server.get("/openapi.json").body.count)")
        // The connection is where it should be: the next answer is a whole one.
        try connection.send("GET", "/v2/health/live", nil)
        #expect(try connection.reply().text == #"{"live":true}"#)
    }
}
