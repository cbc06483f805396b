import Foundation

/// A server of a few lines that behaves as a test wants: one thread a connection, blocking.
final class ToyServer: @unchecked Sendable {
  /// What to send for the n-th request of the whole server, counted from 0; the connection is closed after an
  /// answer that says so. Nil: the connection is closed without an answer.
  typealias Behaviour = @Sendable (_ number: Int, _ request: String) -> String?

  let port: UInt16
  private let listener: Int32
  private let behaviour: Behaviour
  // Guarded by the lock, which is why the class may call itself Sendable.
  private let lock = NSLock()
  private let ended = DispatchSemaphore(value: 0)
  private var count = 0
  private var seen: [String] = []

  init(_ behaviour: @escaping Behaviour) {
    self.behaviour = behaviour
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.listener = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, length) == 0 && listen(listener, 512) == 0
          && getsockname(listener, pointer, &length) == 0
      }
    }
    precondition(status, "ToyServer: cannot listen")
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [self] in
      while true {
        let connection = accept(listener, nil, nil)
        if connection < 0 { break }
        Thread.detachNewThread { [self] in serve(connection) }
      }
      ended.signal()
    }
  }

  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    // Closed only when nobody accepts any more: the next server may get the same number.
    ended.wait()
    close(listener)
  }

  /// Bodies of the requests so far.
  var bodies: [String] { lock.withLock { seen } }

  static func answer(_ status: Int = 200, _ body: String = "{}", headers: String = "") -> String {
    "HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
  }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    while let body = readRequest(connection) {
      let number = lock.withLock {
        defer { count += 1 }
        seen.append(body)
        return count
      }
      guard let answer = behaviour(number, body) else { return }
      let bytes = Array(answer.utf8)
      var sent = 0
      while sent < bytes.count {
        let more = bytes.withUnsafeBytes {
          send(connection, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
        guard more > 0 else { return }
        sent += more
      }
      if answer.contains("Connection: close") { return }
    }
  }

  /// One request's body, read a byte at a time: slow, and simple.
  private func readRequest(_ connection: Int32) -> String? {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    func more() -> Bool {
      guard recv(connection, &byte, 1, 0) == 1 else { return false }
      bytes.append(byte)
      return true
    }
    while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) { guard more() else { return nil } }
    let head = String(decoding: bytes, as: UTF8.self)
    let length = head.components(separatedBy: "\r\n").first { $0.hasPrefix("Content-Length: ") }.flatMap { Int($0.dropFirst(16)) }
    bytes = []
    while bytes.count < length ?? 0 { guard more() else { return nil } }
    return String(decoding: bytes, as: UTF8.self)
  }
}
