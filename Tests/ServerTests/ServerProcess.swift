import Foundation
import Glibc
import Synchronization

/// `hindsight serve` as its users run it: a process of its own, so that no test can starve it of threads.
final class ServerProcess: @unchecked Sendable {
    // SAFETY: only `stop` changes anything, and a server is stopped by the one test that made it.

    /// One that all tests share which neither change what it serves nor end it.
    static let shared = Result { try ServerProcess(try ServedFolder.shared.get().path) }
    private static let running = Mutex<[pid_t]>([])
    static let token = "a-token-for-the-tests-0123456789"

    let port: Int
    let program: Program
    private let folder: URL

    /// - Parameter yaml: the configuration file; the token is known to it by the file `token`.
    init(
        _ package: String, yaml: String = "authorization: {token_file: token}\nname: tiny\nlog: {requests: failed}\n",
        arguments: [String] = [], files: (URL) throws -> Void = { _ in }
    ) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("server-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(yaml.utf8).write(to: folder.appendingPathComponent("serve.yaml"))
        try Data((Self.token + "\n").utf8).write(to: folder.appendingPathComponent("token"))
        try files(folder)
        program = try Program(["serve", package, "--config", "serve.yaml", "--port", "0"] + arguments, in: folder.path)
        let pid = program.process.processIdentifier
        Self.running.withLock { running in
            // Whoever forgets to stop a server leaves it to the end of the tests.
            if running.isEmpty { atexit { ServerProcess.killAll() } }
            running.append(pid)
        }
        let program = program
        guard program.wait(within: 60, until: { program.out.contains("Serving") }),
            let port = program.out.split(separator: ":").last.flatMap({ Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) })
        else {
            program.kill(SIGKILL)
            throw Program.Hangs(description: "the server did not start: \(program.out)\(program.err)")
        }
        self.port = port
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var address: String { "http://127.0.0.1:\(port)" }

    /// A file in the server's folder.
    func file(_ name: String) -> String { folder.appendingPathComponent(name).path }

    private static func killAll() {
        for pid in running.withLock({ $0 }) { kill(pid, SIGKILL) }
    }

    /// SIGTERM, and what the process left.
    func stop(within seconds: Double = 30) -> Program.Output? {
        program.kill(SIGTERM)
        guard let output = program.end(within: seconds) else {
            program.kill(SIGKILL)
            return nil
        }
        Self.running.withLock { $0.removeAll { $0 == program.process.processIdentifier } }
        return output
    }

    // MARK: Requests

    func request(
        _ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:], admin: Bool = false
    ) throws -> Reply {
        let connection = try Connection(port: port)
        var headers = headers
        if admin { headers["Authorization"] = "Bearer \(Self.token)" }
        try connection.send(method, path, body.map { Array($0.utf8) }, headers: headers)
        return try connection.reply()
    }

    func post(_ path: String, _ body: String, headers: [String: String] = [:], admin: Bool = false) throws -> Reply {
        try request("POST", path, body, headers: headers, admin: admin)
    }

    func get(_ path: String) throws -> Reply { try request("GET", path) }
}

/// An HTTP response.
struct Reply {
    var status: Int
    /// By lower-case name.
    var headers: [String: String]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:] }
    var errorCode: String? { (json["error"] as? [String: Any])?["code"] as? String }
    var errorPlace: String? { (json["error"] as? [String: Any])?["where"] as? String }
    var errorMessage: String { (json["error"] as? [String: Any])?["message"] as? String ?? "" }
}

/// A TCP connection that does what it is told, well-formed or not.
final class Connection {
    struct Closed: Error { var received: [UInt8] }

    private let descriptor: Int32
    private var pending: [UInt8] = []
    /// Whether the other side has closed in good order.
    private(set) var hasEnded = false

    init(port: Int, timeoutSeconds: Int = 30) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var timeout = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
    }

    deinit { close(descriptor) }

    func closeWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// False when the other side has closed.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var start = 0
        while start < bytes.count {
            let sent = bytes[start...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return false }
            start += sent
        }
        return true
    }

    func send(_ method: String, _ path: String, _ body: [UInt8]?, headers: [String: String] = [:]) throws {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Length: \(body.count)\r\n" }
        guard send(Array((head + "\r\n").utf8) + (body ?? [])) else { throw Closed(received: []) }
    }

    /// The next response, 100 Continue left out.
    func reply(hasBody: Bool = true) throws -> Reply {
        while true {
            let head = try read(until: Array("\r\n\r\n".utf8))
            let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
            let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            if status == 100 { continue }
            var headers: [String: String] = [:]
            for line in lines.dropFirst() {
                guard let colon = line.firstIndex(of: ":") else { continue }
                headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            }
            let length = hasBody ? headers["content-length"].flatMap { Int($0) } ?? 0 : 0
            while pending.count < length { try receive() }
            defer { pending.removeFirst(length) }
            return Reply(status: status, headers: headers, body: Array(pending[..<length]))
        }
    }

    private func read(until end: [UInt8]) throws -> [UInt8] {
        var searched = 0
        while true {
            if pending.count >= end.count {
                for i in searched...(pending.count - end.count) where pending[i..<i + end.count].elementsEqual(end) {
                    defer { pending.removeFirst(i + end.count) }
                    return Array(pending[..<i])
                }
                searched = pending.count - end.count + 1
            }
            try receive()
        }
    }

    private func receive() throws {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        hasEnded = count == 0
        guard count > 0 else { throw Closed(received: pending) }
        pending += buffer[..<count]
    }

    /// Whatever comes until the other side closes.
    func drain() -> [UInt8] {
        while (try? receive()) != nil {}
        return pending
    }
}

/// Runs a program and gives what it said; throws when it fails.
@discardableResult
func runTool(_ arguments: [String], input: String? = nil, within seconds: Double = 120) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["timeout", "\(Int(seconds))"] + arguments
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tool-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (out, into) = (folder.appendingPathComponent("out"), folder.appendingPathComponent("in"))
    _ = FileManager.default.createFile(atPath: out.path, contents: nil)
    try Data((input ?? "").utf8).write(to: into)
    let handle = try FileHandle(forWritingTo: out)
    process.standardOutput = handle
    process.standardError = handle
    process.standardInput = try FileHandle(forReadingFrom: into)
    try process.run()
    process.waitUntilExit()
    let text = String(decoding: FileManager.default.contents(atPath: out.path) ?? Data(), as: UTF8.self)
    guard process.terminationStatus == 0 else {
        throw Program.Hangs(description: "\(arguments.joined(separator: " ")): exit status \(process.terminationStatus)\n\(text)")
    }
    return text
}

/// The Python that bootstrap made.
let python = ProcessInfo.processInfo.environment["HINDSIGHT_PYTHON"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent(".deps/venv/bin/python").path

/// A script beside the tests.
func script(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(name).path
}
