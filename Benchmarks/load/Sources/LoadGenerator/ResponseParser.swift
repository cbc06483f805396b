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

  /// Reads bytes, not text: what the generator takes of the cores, the server does not have.
  private static func head(_ bytes: ArraySlice<UInt8>, end: Int) -> Head? {
    var lines = bytes.split(separator: 10).map { $0.last == 13 ? $0.dropLast() : $0 }.makeIterator()
    guard let first = lines.next() else { return nil }
    let parts = first.split(separator: UInt8(ascii: " "), maxSplits: 2)
    guard parts.count >= 2, parts[0].starts(with: "HTTP/1.".utf8), parts[1].count == 3, let status = number(parts[1])
    else { return nil }
    var head = Head(status: status, keepsAlive: parts[0].elementsEqual("HTTP/1.1".utf8), body: .untilClose, end: end)
    while let line = lines.next() {
      if line.isEmpty { continue }
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
      let name = line[..<colon]
      let value = trimmed(line[(colon + 1)...])
      if isWord(name, "content-length") {
        guard let length = number(value), length <= bodyLimit else { return nil }
        head.body = .length(length)
      } else if isWord(name, "transfer-encoding") {
        guard isWord(value, "chunked") else { return nil }
        head.body = .chunks
      } else if isWord(name, "connection") {
        head.keepsAlive = isWord(value, "keep-alive") || (head.keepsAlive && !isWord(value, "close"))
      }
    }
    if status == 204 || status == 304 { head.body = .length(0) }
    return head
  }

  /// Digits alone, few enough not to overflow.
  private static func number(_ text: ArraySlice<UInt8>) -> Int? {
    guard !text.isEmpty, text.count <= 12 else { return nil }
    var value = 0
    for byte in text {
      let digit = byte &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      value = value * 10 + Int(digit)
    }
    return value
  }

  private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = text
    while let first = text.first, first == 32 || first == 9 { text.removeFirst() }
    while let last = text.last, last == 32 || last == 9 { text.removeLast() }
    return text
  }

  /// Whether `text` is `word`, which is in small letters, in any case.
  private static func isWord(_ text: ArraySlice<UInt8>, _ word: StaticString) -> Bool {
    guard text.count == word.utf8CodeUnitCount else { return false }
    return word.withUTF8Buffer { word in
      zip(text, word).allSatisfy { byte, letter in
        (UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 32 : byte) == letter
      }
    }
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
