import Foundation

/// Requests in the bytes that go over the wire, made before the first is sent.
public struct RequestSet: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  public var count: Int { ends.count }

  /// - Parameter bodies: JSON, one a line.
  public init(path: String, port: UInt16, bodies: Data) throws(LoadError) {
    for body in bodies.split(separator: UInt8(ascii: "\n")) {
      bytes += Array(
        """
        POST \(path) HTTP/1.1\r
        Host: 127.0.0.1:\(port)\r
        Content-Type: application/json\r
        Content-Length: \(body.count)\r
        \r\n
        """.utf8)
      bytes += body
      ends.append(bytes.count)
    }
    guard !ends.isEmpty else { throw LoadError("expected request bodies, one a line; found none") }
  }

  func withRequest<Result>(_ number: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let start = number == 0 ? 0 : ends[number - 1]
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<ends[number]])) }
  }
}

public struct LoadError: Error, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}
