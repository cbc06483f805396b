import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

extension API {
    /// Bodies up to so many bytes are read and dropped when their request is shed; longer ones are refused where they
    /// need not be read.
    private static let dropped = 64 << 10

    /// What refuses a ranking or a scoring that there is no place for, counts it and logs it as any other answer; nil
    /// when there is a place, or when there is another reason to refuse, which the long way finds. Any thread, at once.
    func shed(_ head: HTTPRequest) -> (@Sendable () -> Refusal)? {
        guard pool.isFull, isReady, head.method == .post, head.headerFields[.expect] == nil,
            // Closing a connection after its answer is the long way's business.
            head.headerFields[.connection].map({ $0.lowercased() == "keep-alive" }) ?? true,
            let length = head.headerFields[.contentLength].flatMap({ Int($0) }), length <= Self.dropped,
            let path = head.path?.prefix(while: { $0 != "?" && $0 != "#" }), let route = Route(path)
        else { return nil }
        switch route {
        case .rank, .score: break
        case .infer(let model): if (try? check(model)) == nil { return nil }
        default: return nil
        }
        if !route.isOpen, (try? authorizer.check(head.headerFields[.authorization], isAdmin: false)) == nil { return nil }
        let start = ContinuousClock.now
        return { [self] in
            let id = names.name(proposed: head.headerFields[.requestID])
            let overload = route.isInference ? overload.inference : overload.own
            finish(route, overload.answer, overload.error.code, head.method, path, since: start, id: id)
            return overload.refusal(requestID: id)
        }
    }
}

/// The answer to requests for which there is no place, made once: under overload it is what is said most.
struct Overload: Sendable {
    let error: APIError
    let answer: Answer
    private let head: HTTPResponse
    private let body: ByteBuffer

    init(_ pool: ScoringPool, isInference: Bool) {
        error = pool.overloaded
        answer = Answer(error, isInference: isInference)
        var head = answer.response(requestID: "", isHead: false, closes: false).head
        head.headerFields[.requestID] = nil
        self.head = head
        body = ByteBuffer(bytes: answer.body)
    }

    func refusal(requestID: String) -> Refusal {
        var head = head
        head.headerFields.append(HTTPField(name: .requestID, value: requestID))
        head.headerFields.append(HTTPField(name: .date, value: HTTPDate.now()))
        return Refusal(head: head, body: body)
    }
}

/// `Wed, 25 Nov 2026 04:00:48 GMT`, in whatever language the process runs.
enum HTTPDate {
    private static let last = Mutex<(seconds: time_t, text: String)>((-1, ""))

    /// The present; written out once a second.
    static func now() -> String {
        let seconds = time(nil)
        return last.withLock { last in
            if last.seconds != seconds { last = (seconds, text(seconds)) }
            return last.text
        }
    }

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    static func text(_ seconds: time_t) -> String {
        var (seconds, parts) = (seconds, tm())
        gmtime_r(&seconds, &parts)
        func padded(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(days[Int(parts.tm_wday)]), \(padded(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900) "
            + "\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec)) GMT"
    }
}
