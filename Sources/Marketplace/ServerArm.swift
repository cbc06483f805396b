import Foundation
import Glibc
import Logs
import Serving
import Synchronization

/// A running `hindsight serve`, asked by HTTP: `POST /v1/rank` with the candidates' ids.
public final class ServerArm: Arm {
    public let name: String
    private let address: HTTPAddress
    private let idle = Mutex<[HTTPConnection]>([])
    private let priceExponent: Float

    /// - Parameter url: `http://host:port`.
    public init(name: String, url: String, priceExponent: Float = 0) throws {
        self.name = name
        self.priceExponent = priceExponent
        address = try HTTPAddress(url)
    }

    public func rank(_ page: ArmPage) throws -> [Int] {
        let body = try JSONSerialization.data(
            withJSONObject: [
                "user": page.user.features().mapValues(\.json), "candidates": page.candidates.map(String.init),
                "k": page.count, "coarse_k": page.candidates.count,
                "exponents": ["ctr": 1, "cvr": 1, "price": Double(priceExponent)],
            ] as [String: Any])
        let connection = try idle.withLock { $0.popLast() } ?? HTTPConnection(address)
        let (status, answer) = try connection.post("/v1/rank", body)
        idle.withLock { $0.append(connection) }
        guard status == 200, let object = try? JSONSerialization.jsonObject(with: answer) as? [String: Any],
            let items = object["items"] as? [[String: Any]]
        else {
            throw MarketError(
                .arm, name, expected: "200 and a list of items",
                found: "\(status) \(String(decoding: answer.prefix(300), as: UTF8.self))")
        }
        return try page.places(of: items.compactMap { $0["id"] as? String }, arm: name)
    }
}

/// `http://host:port`
struct HTTPAddress: Sendable {
    let host: String
    let port: String

    init(_ url: String) throws {
        guard let parts = URLComponents(string: url), parts.scheme == "http", let host = parts.host, !host.isEmpty,
            parts.path.isEmpty || parts.path == "/"
        else { throw MarketError(.arm, url, expected: "http://host:port", found: "another form of address") }
        self.host = host
        port = String(parts.port ?? 80)
    }
}

/// One connection that is kept open, for an answer at a time.
final class HTTPConnection: @unchecked Sendable {
    // SAFETY: a pool lends a connection to one call at a time.
    private var socket: Int32 = -1
    private let address: HTTPAddress

    init(_ address: HTTPAddress) throws {
        self.address = address
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, address.port, &hints, &found) == 0 else {
            throw failure("a host that has an address", "none")
        }
        defer { freeaddrinfo(found) }
        var next = found
        while let candidate = next {
            socket = Glibc.socket(candidate.pointee.ai_family, candidate.pointee.ai_socktype, 0)
            if socket >= 0, connect(socket, candidate.pointee.ai_addr, candidate.pointee.ai_addrlen) == 0 { break }
            if socket >= 0 { Glibc.close(socket) }
            socket = -1
            next = candidate.pointee.ai_next
        }
        guard socket >= 0 else { throw failure("a server that listens", String(cString: strerror(errno))) }
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var noDelay: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { if socket >= 0 { Glibc.close(socket) } }

    private func failure(_ expected: String, _ found: String) -> MarketError {
        MarketError(.arm, "http://\(address.host):\(address.port)", expected: expected, found: found)
    }

    /// Status and body. After an error the connection is not used again.
    func post(_ path: String, _ body: Data) throws -> (Int, Data) {
        let head = """
            POST \(path) HTTP/1.1\r\nHost: \(address.host):\(address.port)\r\nContent-Type: application/json\r\n\
            Content-Length: \(body.count)\r\n\r\n
            """
        try send(Data(head.utf8) + body)
        var received = Data()
        let separator = Data("\r\n\r\n".utf8)
        var end: Range<Data.Index>?
        while end == nil {
            try receive(into: &received)
            end = received.range(of: separator)
            guard received.count < 1 << 26 else { throw failure("an answer's head", "no end of it") }
        }
        let lines = String(decoding: received[..<end!.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]) else { throw failure("a status line", lines[0]) }
        let length = lines.dropFirst().lazy.compactMap { line -> Int? in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
            return Int(parts[1].trimmingCharacters(in: .whitespaces))
        }.first
        guard let length, length >= 0, length < 1 << 26 else { throw failure("a Content-Length below 64 MiB", "none") }
        while received.distance(from: end!.upperBound, to: received.endIndex) < length { try receive(into: &received) }
        return (status, Data(received[end!.upperBound..<end!.upperBound + length]))
    }

    private func send(_ data: Data) throws {
        var done = 0
        while done < data.count {
            let sent = data.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress! + done, data.count - done, Int32(MSG_NOSIGNAL))
            }
            if sent < 0, errno == EINTR { continue }
            guard sent > 0 else { throw failure("a request sent", String(cString: strerror(errno))) }
            done += sent
        }
    }

    private func receive(into data: inout Data) throws {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw failure("an answer", count == 0 ? "a closed connection" : String(cString: strerror(errno)))
            }
            data += buffer[..<count]
            return
        }
    }
}
