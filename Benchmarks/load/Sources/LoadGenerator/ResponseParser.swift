import Foundation

/// An HTTP/1.1 answer.
struct Response: Equatable {
  var status: Int
  /// Whether the connection may be used again.
  var keepsAlive: Bool
  var body: [UInt8]
}

/// Puts one answer together from the pieces that a socket delivers.
///
/// Understands a `Content-Length`, chunks, and a body that ends with the connection; no pipelining: bytes after the
/// answer are an error.
struct ResponseParser {
  enum Progress: Equatable {
    case incomplete
    case complete(Response)
    case malformed
  }

  private enum Body { case length(Int), chunks, untilClose }
  private struct Head {
    var status: Int
    var keepsAlive: Bool
    var body: Body
    var end: Int
  }

  static let headLimit = 64 << 10
  static let bodyLimit = 64 << 20

  private var bytes: [UInt8] = []
  private var head: Head?
  /// Up to where `bytes` was searched for the head's end, or decoded as chunks.
  private var position = 0
  private var decoded: [UInt8] = []

  init() {}

  /// Whether nothing has come yet.
  var isEmpty: Bool { bytes.isEmpty }

  mutating func reset() {
    bytes.removeAll(keepingCapacity: true)
    decoded.removeAll(keepingCapacity: true)
    head = nil
    position = 0
  }

  mutating func feed(_ piece: UnsafeRawBufferPointer) -> Progress {
    bytes.append(contentsOf: piece)
    while head == nil {
      guard let end = headEnd() else { return bytes.count > Self.headLimit ? .malformed : .incomplete }
      guard let parsed = Self.head(bytes[..<end], end: end) else { return .malformed }
      if parsed.status / 100 == 1 {
        // An interim answer (100 Continue): the real one follows.
        bytes.removeFirst(end)
        position = 0
      } else {
        head = parsed
        position = end
      }
    }
    return progress(head!)
  }

  /// The server closed the connection.
  mutating func close() -> Progress {
    guard let head, case .untilClose = head.body else { return .malformed }
    return .complete(response(head, Array(bytes[head.end...])))
  }

  private mutating func progress(_ head: Head) -> Progress {
    switch head.body {
    case .untilClose: return bytes.count - head.end > Self.bodyLimit ? .malformed : .incomplete
    case .length(let length):
      let have = bytes.count - head.end
      guard have >= length else { return .incomplete }
      return have == length ? .complete(response(head, Array(bytes[head.end...]))) : .malformed
    case .chunks: return chunks(head)
    }
  }

  private func response(_ head: Head, _ body: [UInt8]) -> Response {
    var keepsAlive = head.keepsAlive
    if case .untilClose = head.body { keepsAlive = false }
    return Response(status: head.status, keepsAlive: keepsAlive, body: body)
  }

  /// Just past the empty line.
  private mutating func headEnd() -> Int? {
    var i = max(0, position - 3)
    while i + 3 < bytes.count {
      if bytes[i] == 13, bytes[i + 1] == 10, bytes[i + 2] == 13, bytes[i + 3] == 10 { return i + 4 }
      i += 1
    }
    position = bytes.count
    return nil
  }

  private static func head(_ bytes: ArraySlice<UInt8>, end: Int) -> Head? {
    let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
    let parts = lines[0].split(separator: " ", maxSplits: 2)
    guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), parts[1].count == 3, let status = Int(parts[1]) else {
      return nil
    }
    var head = Head(status: status, keepsAlive: parts[0] == "HTTP/1.1", body: .untilClose, end: end)
    for line in lines.dropFirst() where !line.isEmpty {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces).lowercased()
      switch line[..<colon].lowercased() {
      case "content-length":
        guard let length = Int(value), (0...bodyLimit).contains(length) else { return nil }
        head.body = .length(length)
      case "transfer-encoding":
        guard value == "chunked" else { return nil }
        head.body = .chunks
      case "connection": head.keepsAlive = value == "keep-alive" || (head.keepsAlive && value != "close")
      default: break
      }
    }
    if status == 204 || status == 304 { head.body = .length(0) }
    return head
  }

  private mutating func chunks(_ head: Head) -> Progress {
    while true {
      guard let lineEnd = lineEnd(from: position) else {
        return bytes.count - position > 1024 ? .malformed : .incomplete
      }
      let line = String(decoding: bytes[position..<lineEnd], as: UTF8.self)
      guard let size = Int(line.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces), radix: 16),
        size >= 0, decoded.count + size <= Self.bodyLimit
      else { return .malformed }
      let start = lineEnd + 2
      if size == 0 {
        guard bytes.count >= start + 2 else { return .incomplete }
        // No trailers: nobody asked for any.
        guard bytes.count == start + 2, bytes[start] == 13, bytes[start + 1] == 10 else { return .malformed }
        return .complete(response(head, decoded))
      }
      guard bytes.count >= start + size + 2 else { return .incomplete }
      guard bytes[start + size] == 13, bytes[start + size + 1] == 10 else { return .malformed }
      decoded += bytes[start..<start + size]
      position = start + size + 2
    }
  }

  private func lineEnd(from start: Int) -> Int? {
    var i = start
    while i + 1 < bytes.count {
      if bytes[i] == 13, bytes[i + 1] == 10 { return i }
      i += 1
    }
    return nil
  }
}
