import Testing

@testable import LoadGenerator

@Suite struct ResponseParserTests {
  private static let answers: [(text: String, status: Int, body: String, keepsAlive: Bool)] = [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true),
    ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
    ("HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\nCONTENT-LENGTH:0\r\n\r\n", 429, "", false),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na;x=1\r\n0123456789\r\n0\r\n\r\n", 200, "hello0123456789", true),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true),
    ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false),
  ]

  private func feed(_ text: String, pieces size: Int) -> (ResponseParser.Progress, ResponseParser) {
    var parser = ResponseParser()
    var last = ResponseParser.Progress.incomplete
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
      last = bytes[start..<min(bytes.count, start + size)].withUnsafeBytes { parser.feed($0) }
      if last != .incomplete { break }
    }
    return (last, parser)
  }

  @Test(arguments: 0..<6)
  func `An answer is the same in whatever pieces it comes`(number: Int) {
    let answer = Self.answers[number]
    for size in 1...answer.text.utf8.count {
      let (progress, _) = feed(answer.text, pieces: size)
      let expected = Response(status: answer.status, keepsAlive: answer.keepsAlive, body: Array(answer.body.utf8))
      #expect(progress == .complete(expected), "pieces of \(size)")
    }
  }

  @Test func `Without a length the body ends with the connection`() {
    var (progress, parser) = feed("HTTP/1.1 200 OK\r\n\r\nall of it", pieces: 7)
    #expect(progress == .incomplete)
    progress = parser.close()
    #expect(progress == .complete(Response(status: 200, keepsAlive: false, body: Array("all of it".utf8))))
  }

  @Test(arguments: [
    "SMTP ready\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
  ])
  func `What is no answer is malformed`(text: String) {
    #expect(feed(text, pieces: text.utf8.count).0 == .malformed)
  }

  @Test func `An answer that is cut off is malformed`() {
    for text in ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "HTTP/1.1 200 OK\r\nConte"] {
      var (progress, parser) = feed(text, pieces: 64)
      #expect(progress == .incomplete)
      progress = parser.close()
      #expect(progress == .malformed)
    }
  }
}
