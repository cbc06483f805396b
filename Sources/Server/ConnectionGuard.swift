import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTPTypes
import NIOSSL

/// Watches one connection for what a request handler cannot see: clients that send too slowly or do not take their
/// answer, bytes that are no HTTP, those who ask before they send, and requests that there is no place for.
///
/// The last are answered here, on the event loop: a server is overloaded when time is scarce, and a refusal that goes
/// through tasks, streams and other threads takes several times as much of it.
///
/// One timer runs from a request's first byte to its last, unless all came at once. When it fires before an answer has begun, the client is
/// told 408; the connection is closed in any case, which also ends bodies that are sent for ever. Another runs while
/// more of an answer waits than the channel wants to hold: whoever asks and does not listen would keep a connection for
/// ever, and there are not many.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let readTimeout: TimeAmount
    private let writeTimeout: TimeAmount
    private let onTimeout: @Sendable () -> Void
    private let shed: @Sendable (HTTPRequest) -> (@Sendable () -> Refusal)?
    /// What answers the request that is being read and that nobody else will see.
    private var refusal: (@Sendable () -> Refusal)?
    private var timer: Scheduled<Void>?
    /// Between the first byte of a request and its last.
    private var isReading = false
    private var writeTimer: Scheduled<Void>?
    /// Requests whose answer has not ended, and whether the newest of them has begun to be answered.
    private var owed = 0
    private var hasBegun = false
    private var isClosed = false

    /// - Parameter shed: what refuses a request that there is no place for, called when its body is through; nil for
    ///   all others.
    init(
        readTimeout: TimeAmount, writeTimeout: TimeAmount,
        shed: @escaping @Sendable (HTTPRequest) -> (@Sendable () -> Refusal)?,
        onTimeout: @escaping @Sendable () -> Void
    ) {
        self.readTimeout = readTimeout
        self.writeTimeout = writeTimeout
        self.shed = shed
        self.onTimeout = onTimeout
    }

    /// Bytes are seen before they are HTTP: a head may come slowly too.
    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        let tls = try? pipeline.handler(type: NIOSSLServerHandler.self)
        let watch = ByteWatch { [self] in
            // Those of a request behind one that is not answered yet may have to wait.
            if owed == 0 { beginReading() }
        }
        try? pipeline.addHandler(watch, position: tls.map { .after($0) } ?? .first)
        try? OldRequests.add(to: pipeline)
    }

    private func beginReading() {
        guard !isReading else { return }
        isReading = true
        if owed == 0 { hasBegun = false }
    }

    private func endReading() {
        isReading = false
        timer?.cancel()
        timer = nil
    }

    /// Most requests come whole in what was read, and need no timer.
    func channelReadComplete(context: ChannelHandlerContext) {
        if isReading, timer == nil {
            timer = context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: readTimeout) { [self] in
                expire(context)
            }
        }
        context.fireChannelReadComplete()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            // Answers come in the order of their requests: a connection that owes one cannot refuse the next yet.
            refusal = owed == 0 ? shed(head) : nil
            if refusal == nil { owed += 1 }
            hasBegun = false
            if refusal == nil, head.headerFields[.expect]?.lowercased() == "100-continue" {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
            beginReading()
        case .body: break
        case .end:
            endReading()
            if let refusal {
                self.refusal = nil
                if !isClosed { answer(context, refusal()) }
                return
            }
        }
        if refusal == nil { context.fireChannelRead(data) }
    }

    private func answer(_ context: ChannelHandlerContext, _ refusal: Refusal) {
        context.write(wrapOutboundOut(.head(refusal.head)), promise: nil)
        context.write(wrapOutboundOut(.body(refusal.body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func expire(_ context: ChannelHandlerContext) {
        endReading()
        onTimeout()
        refuse(
            context,
            APIError(.timeout, "the request was not complete after \(readTimeout.nanoseconds / 1_000_000) ms"),
            unless: hasBegun)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        writeTimer?.cancel()
        writeTimer = nil
        if !context.channel.isWritable {
            writeTimer = context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: writeTimeout) { [self] in
                writeTimer = nil
                onTimeout()
                isClosed = true
                context.close(promise: nil)
            }
        }
        context.fireChannelWritabilityChanged()
    }

    private func refuse(_ context: ChannelHandlerContext, _ error: APIError, unless isAnswered: Bool) {
        guard !isClosed else { return }
        isClosed = true
        if !isAnswered {
            let body = ByteBuffer(bytes: error.json)
            let head = HTTPResponse(
                status: .init(code: error.code.status),
                headerFields: [
                    .contentType: "application/json", .contentLength: "\(body.readableBytes)", .connection: "close",
                ])
            answer(context, Refusal(head: head, body: body))
        }
        context.close(promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // What was refused here is not answered a second time.
        guard !isClosed else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head: hasBegun = true
        case .body: break
        case .end: owed -= 1
        }
        context.write(data, promise: promise)
    }

    /// Bytes that are no HTTP, before or between requests.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if owed == 0, !(error is ChannelError) {
            refuse(context, APIError(.badRequest, "expected HTTP/1.1: \(error)"), unless: false)
        } else {
            context.fireErrorCaught(error)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { stopTimers() }

    private func stopTimers() {
        endReading()
        writeTimer?.cancel()
        writeTimer = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopTimers()
        context.fireChannelInactive()
    }
}

/// Tells of bytes that arrive.
private final class ByteWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let onBytes: () -> Void

    init(_ onBytes: @escaping () -> Void) { self.onBytes = onBytes }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        onBytes()
        context.fireChannelRead(data)
    }
}

/// An answer that is ready before its request has been read.
struct Refusal: Sendable {
    var head: HTTPResponse
    var body: ByteBuffer
}
