import Schema
import Testing

@testable import Server

@Suite struct ConfigurationTests {
    @Test func everyKeyIsReadAndNothingElseIs() throws {
        let configuration = try ServerConfiguration.parse(
            text: """
                host: 0.0.0.0
                port: 1
                name: retail-1.2
                workers: 3
                package_folder: packages
                limits:
                  {body_bytes: 2048, candidates: 5, k: 6, queue: 7, connections: 8, timeout_ms: 9, read_timeout_ms: 10, idle_timeout_ms: 11}
                tls: {certificate: a.pem, key: /b.pem}
                authorization: {token_environment: TOKEN, scope: all}
                drain: {delay_ms: 12, timeout_ms: 13}
                log: {level: warning, requests: failed}
                """, file: "serve.yaml", folder: "etc")
        var expected = ServerConfiguration()
        expected.host = "0.0.0.0"
        expected.port = 1
        expected.modelName = "retail-1.2"
        expected.workers = 3
        expected.packageFolder = "etc/packages"
        expected.limits.bodyBytes = 2048
        expected.limits.candidates = 5
        expected.limits.topK = 6
        expected.limits.queue = 7
        expected.limits.connections = 8
        expected.limits.timeoutMilliseconds = 9
        expected.limits.readMilliseconds = 10
        expected.limits.idleMilliseconds = 11
        expected.tls = .init(certificate: "etc/a.pem", key: "/b.pem")
        expected.authorization.token = .environment("TOKEN")
        expected.authorization.scope = .all
        expected.drain.delayMilliseconds = 12
        expected.drain.timeoutMilliseconds = 13
        expected.log.level = .warning
        expected.log.requests = .failed
        #expect(configuration == expected)
    }

    @Test(arguments: [
        ("prt: 1", "serve.yaml:1", "did you mean 'port'"),
        ("port: -1", "serve.yaml:1", "0 ... 65535"),
        ("port: x", "serve.yaml:1", "a whole number"),
        ("host: h\nlimits: {queue: -1}", "serve.yaml:2", "0 ... 100000"),
        ("workers: 0", "serve.yaml:1", "1 ... 1024"),
        ("name: a/b", "serve.yaml:1", "letters"),
        ("tls: {certificate: a}", "serve.yaml:1", "'key' is missing"),
        ("authorization: {scope: some}", "serve.yaml:1", "admin, all"),
        ("authorization: {scope: all}", "serve.yaml:1", "token_file"),
        ("authorization: {token_file: a, token_environment: B}", "serve.yaml:1", "keep one"),
        ("authorization: {token: secret}", "serve.yaml:1", "unknown key 'token'"),
        ("log: {level: loud}", "serve.yaml:1", "debug, info"),
        ("[1, 2]", "serve.yaml:1", "a mapping"),
    ]) func whatIsWrongIsToldWithItsLine(_ text: String, _ place: String, _ words: String) {
        #expect {
            try ServerConfiguration.parse(text: text, file: "serve.yaml")
        } throws: { error in
            let description = (error as? SchemaError)?.description ?? ""
            return description.contains(place) && description.contains(words)
        }
    }

    @Test(arguments: [
        ("/", Route.page), ("/metrics", .metrics), ("/v1/rank", .rank), ("/v2", .inferenceServer), ("/v2/", .inferenceServer),
        ("/v2/models/a", .inferenceModel(.init(name: "a"))), ("/v2/models/a%2Fb", .inferenceModel(.init(name: "a/b"))),
        ("/v2/models/a/ready", .inferenceModelReady(.init(name: "a"))),
        ("/v2/models/a/versions/7/infer", .infer(.init(name: "a", version: "7"))),
        ("/v2/models/versions/versions/versions", .inferenceModel(.init(name: "versions", version: "versions"))),
    ]) func pathsAreFound(_ path: String, _ route: Route) { #expect(Route(Substring(path)) == route) }

    @Test(arguments: [
        "", "/v1", "/v1/rank/", "//v1/rank", "/v2/models", "/v2/models/", "/v2/models//infer", "/v2/models/a/versions",
        "/v2/models/a/versions/", "/v2/models/a/infer/b", "/v2/models/a/versions/1/2", "/v2/models/%ff", "/V1/rank",
        "/v2/models/a/b/c/d/e/f/g/h/i/j",
    ]) func otherPathsAreNot(_ path: String) { #expect(Route(Substring(path)) == nil) }
}
