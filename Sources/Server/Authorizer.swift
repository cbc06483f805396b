import Foundation

/// Compares bearer tokens in time that does not depend on where they differ.
struct Authorizer: Sendable {
    let scope: ServerConfiguration.Authorization.Scope
    private let token: [UInt8]?

    /// Tokens are at least so long: shorter ones are guessed.
    static let shortest = 16

    init(_ authorization: ServerConfiguration.Authorization) throws(ServerError) {
        scope = authorization.scope
        switch authorization.token {
        case nil: token = nil
        case .file(let path):
            guard let data = FileManager.default.contents(atPath: path), data.count <= 4_096 else {
                throw ServerError(.token, path, expected: "a file with the token", found: "none that can be read")
            }
            token = try Self.checked(String(decoding: data, as: UTF8.self), place: path)
        case .environment(let name):
            guard let text = ProcessInfo.processInfo.environment[name] else {
                throw ServerError(.token, name, expected: "an environment variable with the token", found: "none")
            }
            token = try Self.checked(text, place: name)
        }
    }

    private static func checked(_ text: String, place: String) throws(ServerError) -> [UInt8] {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.utf8.count >= shortest, text.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw ServerError(
                .token, place, expected: "a token of at least \(shortest) visible ASCII characters",
                found: "\(text.utf8.count) bytes")
        }
        return Array(text.utf8)
    }

    /// - Parameter header: `Authorization`, as it came.
    func check(_ header: String?, isAdmin: Bool) throws(APIError) {
        guard isAdmin || scope == .all else { return }
        guard let token else {
            throw APIError(.forbidden, "this server has no token configured, so nobody may change what it serves")
        }
        guard let header, header.lowercased().hasPrefix("bearer "),
            Self.areEqual(Array(header.utf8.dropFirst(7)), token)
        else { throw APIError(.unauthorized, "expected the server's bearer token", at: "Authorization") }
    }

    static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        var difference = UInt8(a.count == b.count ? 0 : 1)
        for i in b.indices { difference |= b[i] ^ (i < a.count ? a[i] : 0) }
        return difference == 0
    }
}
