import Foundation
import Testing

@testable import Server

@Suite struct SecurityTests {
    @Test func theTokenOpensWhatItShould() throws {
        let server = try ServerProcess(
            try ServedFolder.shared.get().path, yaml: "authorization: {token_file: token, scope: all}\nlog: {requests: none}\n")
        defer { _ = server.stop() }
        for path in ["/v2/health/live", "/v2/health/ready", "/", "/openapi.json"] {
            #expect(try server.get(path).status == 200, "\(path)")
        }
        for path in ["/metrics", "/v1/status", "/v2", "/v2/models/served"] {
            let closed = try server.get(path)
            #expect(closed.status == 401 && closed.headers["www-authenticate"] == "Bearer", "\(path)")
            #expect(try server.request("GET", path, admin: true).status == 200, "\(path)")
        }
        for wrong in ["Bearer", "Bearer ", "Bearer x", "Basic \(ServerProcess.token)", ServerProcess.token, "Bearer \(ServerProcess.token)x"] {
            #expect(try server.request("GET", "/metrics", headers: ["Authorization": wrong]).status == 401, "\(wrong)")
        }
        #expect(try server.request("GET", "/metrics", headers: ["Authorization": "bearer \(ServerProcess.token)"]).status == 200)
    }

    @Test func withoutATokenNobodyChangesWhatIsServed() throws {
        let server = try ServerProcess(try ServedFolder.shared.get().path, yaml: "log: {requests: none}\n")
        defer { _ = server.stop() }
        for path in ["/v1/models/load", "/v1/models/rollback", "/v1/items/upsert", "/v1/items/remove"] {
            let reply = try server.post(path, "{}", headers: ["Authorization": "Bearer anything-at-all-1234"])
            #expect(reply.status == 403 && reply.errorCode == "forbidden", "\(path)")
        }
    }

    @Test func aTokenComesFromAnEnvironmentVariableOrNotAtAll() throws {
        var authorization = ServerConfiguration.Authorization()
        authorization.token = .environment("HINDSIGHT_NO_SUCH_VARIABLE")
        #expect { try Authorizer(authorization) } throws: { ($0 as? ServerError)?.problem == .token }
        authorization.token = .file("/nowhere/token")
        #expect { try Authorizer(authorization) } throws: { ($0 as? ServerError)?.problem == .token }
        let short = FileManager.default.temporaryDirectory.appendingPathComponent("token-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: short) }
        for bad in ["short", "", "sixteen chars and a space", "ä234567890123456"] {
            try Data(bad.utf8).write(to: short)
            authorization.token = .file(short.path)
            #expect { try Authorizer(authorization) } throws: { ($0 as? ServerError)?.problem == .token }
        }
        // PATH is in every environment, and long enough to be one.
        authorization.token = .environment("PATH")
        let path = try #require(ProcessInfo.processInfo.environment["PATH"])
        if path.utf8.count >= 16, path.utf8.allSatisfy({ (33...126).contains($0) }) {
            try Authorizer(authorization).check("Bearer \(path)", isAdmin: true)
            #expect(throws: APIError.self) { try Authorizer(authorization).check("Bearer \(path)/", isAdmin: true) }
        }
    }

    @Test func tokensAreEqualOnlyWhenTheyAre() {
        func same(_ a: String, _ b: String) -> Bool { Authorizer.areEqual(Array(a.utf8), Array(b.utf8)) }
        #expect(same("abc", "abc") && !same("abd", "abc") && !same("ab", "abc") && !same("abcd", "abc") && !same("", "abc"))
    }

    @Test func itServesOverTLSAndNothingElse() throws {
        let server = try ServerProcess(
            try ServedFolder.shared.get().path, yaml: "tls: {certificate: cert.pem, key: key.pem}\nlog: {requests: none}\n"
        ) { folder in
            try runTool([
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "\(folder.path)/key.pem", "-out",
                "\(folder.path)/cert.pem",
            ])
        }
        defer { _ = server.stop() }
        #expect(server.program.out.contains("https://"))
        let ask = """
            import ssl, sys, urllib.request
            context = ssl.create_default_context(cafile=sys.argv[2])
            print(urllib.request.urlopen(f"https://localhost:{sys.argv[1]}/v2/health/live", context=context, timeout=20).read().decode())
            """
        let certificate = server.file("cert.pem")
        #expect(try runTool([python, "-c", ask, "\(server.port)", certificate]).contains(#"{"live":true}"#))
        // Plain HTTP gets no answer at all.
        let plain = try Connection(port: server.port)
        try plain.send("GET", "/v2/health/live", nil)
        #expect(!String(decoding: plain.drain(), as: UTF8.self).contains("live"))
    }

    @Test func whatItCannotStartWithIsToldWithCode65() throws {
        let package = try ServedFolder.shared.get().path
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bad-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func run(_ yaml: String, _ arguments: [String] = []) throws -> Program.Output {
            try Data(yaml.utf8).write(to: folder.appendingPathComponent("serve.yaml"))
            return try Program.run(["serve", package, "--config", "serve.yaml", "--port", "0"] + arguments, in: folder.path)
        }
        let key = try run("limits: {que: 3}\n")
        #expect(key.code == 65 && key.err.contains("serve.yaml:1") && key.err.contains("did you mean 'queue'"), "\(key.err)")
        let tls = try run("tls: {certificate: no.pem, key: no.pem}\n")
        #expect(tls.code == 65 && tls.err.contains("no.pem"), "\(tls.err)")
        let token = try run("authorization: {token_file: none}\n")
        #expect(token.code == 65 && token.err.contains("token"), "\(token.err)")
        let range = try run("port: 70000\n")
        #expect(range.code == 65 && range.err.contains("serve.yaml:1:1") && range.err.contains("65535"), "\(range.err)")
        let address = try run("host: 203.0.113.7\n")
        #expect(address.code == 70 && address.err.contains("203.0.113.7"), "\(address.err)")
        let workers = try run("port: 0\n", ["--workers", "0"])
        #expect(workers.code == 64, "\(workers.err)")
    }
}
