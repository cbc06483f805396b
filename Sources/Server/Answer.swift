import HTTPTypes
import Hummingbird
import NIOCore

/// An answer before it is an HTTP response.
struct Answer: Sendable {
    var status = 200
    var contentType = "application/json"
    var body: [UInt8] = []
    /// Bytes of JSON before the tensors of an inference answer.
    var headerLength: Int?
    var headers = HTTPFields()
    /// The version that answered, for the log.
    var version: String?

    init(_ body: [UInt8], status: Int = 200, contentType: String = "application/json") {
        self.body = body
        self.status = status
        self.contentType = contentType
    }

    init(_ error: APIError, isInference: Bool) {
        self.init(isInference ? error.inferenceJSON : error.json, status: error.code.status)
        if let seconds = error.code.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        if error.code == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
    }

    func response(requestID: String, isHead: Bool, closes: Bool) -> Response {
        var headers = headers
        headers[.contentType] = headerLength == nil ? contentType : "application/octet-stream"
        headers[.requestID] = requestID
        headers[.contentTypeOptions] = "nosniff"
        if let headerLength { headers[.inferenceHeaderLength] = String(headerLength) }
        if closes { headers[.connection] = "close" }
        let response = Response(
            status: .init(code: status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
        return isHead ? response.createHeadResponse() : response
    }
}

extension HTTPField.Name {
    static let requestID = Self("X-Request-Id")!
    static let timeoutMilliseconds = Self("X-Request-Timeout-Ms")!
    static let inferenceHeaderLength = Self("Inference-Header-Content-Length")!
    static let contentTypeOptions = Self("X-Content-Type-Options")!
}
