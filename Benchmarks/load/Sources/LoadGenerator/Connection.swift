import CEpoll
import Foundation

/// One connection to 127.0.0.1 that never blocks, with at most one request on it.
final class Connection {
  /// What an event on the socket led to.
  enum Outcome {
    case nothing
    case answered(Response)
    /// The server closed a connection that had no request.
    case closedIdle
    case failed(WritableKeyPath<LoadReport.Failures, Int>)
  }

  struct Exchange {
    var request: Int
    /// When the request arrived, which is not when it was sent.
    var arrival: UInt64
    var isMeasured: Bool
    var firstByteSent: UInt64?
  }

  let socket: Int32
  private(set) var exchange: Exchange?
  /// When it became free.
  var idleSince: UInt64 = 0
  private let epoll: Int32
  private var isConnected: Bool
  private var sent = 0
  private var parser = ResponseParser()
  private var watchesWriting = false

  /// Nil when the connection cannot be made.
  init?(port: UInt16, epoll: Int32) {
    socket = Glibc.socket(
      AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), Int32(IPPROTO_TCP))
    self.epoll = epoll
    isConnected = true
    guard socket >= 0 else { return nil }
    var on: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if status != 0 {
      guard errno == EINPROGRESS else {
        Glibc.close(socket)
        return nil
      }
      isConnected = false
    }
    watchesWriting = !isConnected
    control(EPOLL_CTL_ADD)
  }

  func close() { Glibc.close(socket) }

  private func control(_ operation: Int32) {
    var event = epoll_event()
    event.events = EPOLLIN.rawValue | (watchesWriting ? EPOLLOUT.rawValue : 0)
    event.data.fd = socket
    epoll_ctl(epoll, operation, socket, &event)
  }

  private func watch(writing: Bool) {
    guard writing != watchesWriting else { return }
    watchesWriting = writing
    control(EPOLL_CTL_MOD)
  }

  // MARK: A request

  func start(_ exchange: Exchange, _ requests: RequestSet, now: () -> UInt64) -> Outcome {
    precondition(self.exchange == nil, "Connection: two requests at once")
    self.exchange = exchange
    sent = 0
    parser.reset()
    return isConnected ? send(requests, now: now) : .nothing
  }

  private func send(_ requests: RequestSet, now: () -> UInt64) -> Outcome {
    guard let number = exchange?.request else {
      watch(writing: false)
      return .nothing
    }
    if exchange!.firstByteSent == nil { exchange!.firstByteSent = now() }
    return requests.withRequest(number) { bytes in
      while sent < bytes.count {
        let count = Glibc.send(socket, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
        if count > 0 {
          sent += count
        } else if errno == EAGAIN {
          watch(writing: true)
          return .nothing
        } else if errno != EINTR {
          return .failed(\.reset)
        }
      }
      watch(writing: false)
      return .nothing
    }
  }

  /// The socket has something to tell.
  func handle(_ events: UInt32, _ requests: RequestSet, scratch: UnsafeMutableRawBufferPointer, now: () -> UInt64) -> Outcome {
    if !isConnected, events & (EPOLLOUT.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
      var error: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length)
      guard error == 0 else { return .failed(\.connect) }
      isConnected = true
    }
    // What the server said is read before anything is sent: it may have refused and closed.
    if events & (EPOLLIN.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 {
      let outcome = receive(scratch)
      guard case .nothing = outcome else { return outcome }
    }
    return events & EPOLLOUT.rawValue != 0 ? send(requests, now: now) : .nothing
  }

  private func receive(_ scratch: UnsafeMutableRawBufferPointer) -> Outcome {
    while true {
      let count = recv(socket, scratch.baseAddress, scratch.count, 0)
      if count > 0 {
        guard exchange != nil else { return .failed(\.malformed) }
        switch parser.feed(UnsafeRawBufferPointer(rebasing: scratch[..<count])) {
        case .incomplete: if count < scratch.count { return .nothing }
        case .complete(let response): return .answered(response)
        case .malformed: return .failed(\.malformed)
        }
      } else if count == 0 {
        guard exchange != nil else { return .closedIdle }
        if !parser.isEmpty, case .complete(let response) = parser.close() { return .answered(response) }
        return .failed(\.reset)
      } else if errno == EAGAIN {
        return .nothing
      } else if errno != EINTR {
        return exchange == nil ? .closedIdle : .failed(\.reset)
      }
    }
  }

  /// The request is over, one way or the other.
  func finish() -> Exchange {
    defer { exchange = nil }
    return exchange!
  }
}
