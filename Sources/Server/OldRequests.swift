import NIOCore
import NIOHTTP1

/// Ends a connection with the answer to a request of HTTP/1.0, as its clients expect: `ab` and many a health check read
/// until then. Stands between the decoder and all that knows no versions.
final class OldRequests: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    /// Behind the decoder of a pipeline that has one.
    static func add(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(OldRequests(), position: .after(decoder))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data), head.version != .http1_1 else {
            context.fireChannelRead(data)
            return
        }
        // Even those who would rather stay: that would take a header of its own in the answer.
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}
