import Dispatch
import Foundation
import Kernels
import Synchronization
import TensorFiles

/// SHA-256 (FIPS 180-4), so that a package can name its content without a dependency. Not for secrets: nothing
/// here is constant in time.
public struct SHA256 {
    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    private var pending: [UInt8] = []
    private var length: UInt64 = 0

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        length &+= UInt64(bytes.count)
        var rest = bytes[...]
        if !pending.isEmpty {
            let taken = min(64 - pending.count, rest.count)
            pending.append(contentsOf: rest.prefix(taken))
            rest = rest.dropFirst(taken)
            guard pending.count == 64 else { return }
            pending.withUnsafeBytes { SHA256Blocks.fold($0, into: &state) }
            pending.removeAll(keepingCapacity: true)
        }
        let whole = rest.count / 64 * 64
        SHA256Blocks.fold(UnsafeRawBufferPointer(rebasing: rest.prefix(whole)), into: &state)
        pending.append(contentsOf: rest.dropFirst(whole))
    }

    /// The digest as 64 hexadecimal digits; the value must not be updated afterwards.
    public mutating func finish() -> String {
        let bits = length &* 8
        var tail = pending + [0x80]
        while tail.count % 64 != 56 { tail.append(0) }
        for shift in stride(from: 56, through: 0, by: -8) { tail.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift))) }
        tail.withUnsafeBytes { SHA256Blocks.fold($0, into: &state) }
        return state.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    public static func digest(of bytes: UnsafeRawBufferPointer) -> String {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }

    /// The digest of bytes too many for one core: SHA-256 over the digests (their 64 digits each) of its pieces of
    /// 4 MiB, which several threads take.
    ///
    /// One thread goes through memory at the speed of one core's SHA-256; a server that starts has all its cores idle.
    public static func treeDigest(of bytes: UnsafeRawBufferPointer, threads: Int) -> String {
        let pieces = (bytes.count + treePiece - 1) / treePiece
        let digests = Mutex<[String]>(Array(repeating: "", count: pieces))
        let parts = max(1, min(threads, pieces))
        // SAFETY: the bytes are only read.
        nonisolated(unsafe) let shared = bytes
        DispatchQueue.concurrentPerform(iterations: parts) { part in
            for piece in stride(from: part, to: pieces, by: parts) {
                let range = piece * treePiece..<min(shared.count, (piece + 1) * treePiece)
                let digest = digest(of: UnsafeRawBufferPointer(rebasing: shared[range]))
                digests.withLock { $0[piece] = digest }
            }
        }
        return digest(of: Data(digests.withLock { $0.joined() }.utf8))
    }

    private static let treePiece = 4 << 20

    public static func digest(of data: Data) -> String { data.withUnsafeBytes { digest(of: $0) } }

}
