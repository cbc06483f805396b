import Foundation
import Logging
import Synchronization

/// Where log lines go: one `write` a line, so that lines of threads do not mix.
final class LogSink: Sendable {
    private let descriptor: Int32
    private let lock = Mutex<Void>(())

    static let standardError = LogSink(descriptor: 2)

    init(descriptor: Int32) { self.descriptor = descriptor }

    func write(_ line: [UInt8]) {
        lock.withLock { _ in
            var line = line
            line.append(UInt8(ascii: "\n"))
            line.withUnsafeBytes { bytes in
                var start = 0
                while start < bytes.count {
                    let written = Foundation.write(descriptor, bytes.baseAddress! + start, bytes.count - start)
                    // A log that cannot be written must not stop the server.
                    guard written > 0 else { return }
                    start += written
                }
            }
        }
    }

    /// `2026-11-25T04:00:48.123Z`
    static func time() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func padded(_ value: some BinaryInteger, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
        }
        return "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))T\(padded(parts.tm_hour, 2)):"
            + "\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2)).\(padded(now.tv_nsec / 1_000_000, 3))Z"
    }
}

/// A swift-log handler that writes one JSON object a line.
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel: Logger.Level
    let label: String
    let sink: LogSink

    init(label: String, level: Logger.Level, sink: LogSink) {
        self.label = label
        logLevel = level
        self.sink = sink
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        var writer = JSONWriter(capacity: 200)
        writer.object { writer in
            writer.field("time", LogSink.time())
            writer.field("level", event.level.rawValue)
            writer.field("logger", label)
            writer.field("message", "\(event.message)")
            for (key, value) in all.sorted(by: { $0.key < $1.key }) {
                writer.key(named: key)
                writer.value("\(value)")
            }
        }
        sink.write(writer.bytes)
    }
}

/// One line a request: what was asked, what was answered, how long it took. Of requests that were shed only so many a
/// second have a line; a line of their own tells how many had none.
struct AccessLog: Sendable {
    static let shedLinesPerSecond = 100

    let sink: LogSink
    let requests: ServerConfiguration.Log.Requests
    private let shedLines = LineAllowance(perSecond: shedLinesPerSecond)

    init(sink: LogSink, requests: ServerConfiguration.Log.Requests) {
        self.sink = sink
        self.requests = requests
    }

    struct Entry {
        var requestID: String
        var method: String
        var path: String
        var status: Int
        var milliseconds: Double
        var bytes: Int
        var code: APIError.Code?
        var version: String?
    }

    func write(_ entry: Entry) {
        switch requests {
        case .all: break
        case .failed: guard entry.status >= 400 else { return }
        case .none: return
        }
        tellOfHeldBack(shedLines.heldBack())
        if entry.code?.isShed == true, !shedLines.take() { return }
        var writer = JSONWriter(capacity: 256)
        writer.object { writer in
            writer.field("time", LogSink.time())
            writer.field("level", entry.status >= 500 ? "warning" : "info")
            writer.field("message", "request")
            writer.field("request_id", entry.requestID)
            writer.field("method", entry.method)
            writer.field("path", String(entry.path.prefix(200)))
            writer.field("status", entry.status)
            writer.field("milliseconds", (entry.milliseconds * 1_000).rounded() / 1_000)
            writer.field("bytes", entry.bytes)
            if let code = entry.code { writer.field("code", code.rawValue) }
            if let version = entry.version { writer.field("version", version) }
        }
        sink.write(writer.bytes)
    }

    /// To be called when no request will come any more.
    func end() { tellOfHeldBack(shedLines.heldBack(isEnd: true)) }

    private func tellOfHeldBack(_ requests: Int) {
        guard requests > 0 else { return }
        var writer = JSONWriter(capacity: 128)
        writer.object { writer in
            writer.field("time", LogSink.time())
            writer.field("level", "warning")
            writer.field("message", "requests were shed without a line each")
            writer.field("requests", requests)
        }
        sink.write(writer.bytes)
    }
}

/// Names of requests: the client's, when it is harmless, or ours.
struct RequestNames: Sendable {
    private let prefix: String
    private let counter = RequestCounter()

    private final class RequestCounter: Sendable { let value = Atomic<UInt64>(0) }

    init(seed: UInt64 = .random(in: 0 ... .max)) {
        let text = String(seed, radix: 16)
        prefix = String(repeating: "0", count: 16 - text.utf8.count) + text
    }

    func name(proposed: String?) -> String {
        if let proposed, Self.isHarmless(proposed) { return proposed }
        return "\(prefix)-\(counter.value.add(1, ordering: .relaxed).newValue)"
    }

    /// What cannot forge a log line or a header.
    static func isHarmless(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"):
                    true
                default: false
                }
            }
    }
}
