import Foundation
import Kernels

/// Floats that are zero until written, straight from the kernel: pages never touched cost nothing. The
/// owner does the locking.
final class ZeroedMemory: @unchecked Sendable {
    // SAFETY: the mapping lives as long as this object; whoever touches it holds the lock that guards it.
    let base: UnsafeMutablePointer<Float>
    let count: Int
    private let byteCount: Int
    private let mapping: (start: UnsafeMutableRawPointer, byteCount: Int)

    init(count: Int) {
        self.count = count
        byteCount = max(count, 1) * MemoryLayout<Float>.stride
        // Room to begin, and to end, at a huge page; address space costs nothing.
        let room = byteCount < HugePages.size ? byteCount : byteCount + 2 * HugePages.size
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let raw = mmap(nil, room, PROT_READ | PROT_WRITE, Int32(flags), -1, 0), raw != MAP_FAILED else {
            fatalError("no address space for \(byteCount) bytes of parameters: \(String(cString: strerror(errno)))")
        }
        mapping = (raw, room)
        let aligned = byteCount < HugePages.size ? raw : raw.alignedUp(toMultipleOf: HugePages.size)
        base = aligned.bindMemory(to: Float.self, capacity: count)
    }

    deinit { munmap(mapping.start, mapping.byteCount) }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count * MemoryLayout<Float>.stride) }

    /// Asks for huge pages, for memory that is read at random places and used to the greater part sooner or later: a
    /// first touch costs 2 MB.
    func preferHugePages() {
        guard byteCount >= HugePages.size else { return }
        HugePages.prefer(base, byteCount: (byteCount + HugePages.size - 1) / HugePages.size * HugePages.size)
    }

    /// Has the kernel find all of it a place now, in huge pages where they were asked for and can be had: later, each first
    /// touch would stop the one who touches, and where memory is scarce for long.
    func populate() {
        #if os(Linux)
        guard byteCount >= HugePages.size else { return }
        let (start, piece, count) = (UInt(bitPattern: base), 64 << 20, byteCount)
        DispatchQueue.concurrentPerform(iterations: (count + piece - 1) / piece) { index in
            let memory = UnsafeMutableRawPointer(bitPattern: start + UInt(index * piece))!
            // MADV_POPULATE_WRITE, which kernels before 5.14 do not know: then pages come when they are touched.
            madvise(memory, min(piece, count - index * piece), 23)
        }
        #endif
    }

    func bytes(of range: Range<Int>) -> UnsafeRawBufferPointer {
        let stride = MemoryLayout<Float>.stride
        return UnsafeRawBufferPointer(rebasing: bytes[range.lowerBound * stride..<range.upperBound * stride])
    }

    /// Copies floats in, aligned or not, leaving pages alone that already hold them: pages that are zero on
    /// both sides go on costing nothing.
    func load(_ source: UnsafeRawBufferPointer, at offset: Int) {
        let target = UnsafeMutableRawPointer(base + offset)
        precondition(offset * MemoryLayout<Float>.stride + source.count <= byteCount, "ZeroedMemory: too many bytes")
        let page = 4096
        for start in stride(from: 0, to: source.count, by: page) {
            let bytes = min(page, source.count - start)
            if memcmp(target + start, source.baseAddress! + start, bytes) != 0 {
                memcpy(target + start, source.baseAddress! + start, bytes)
            }
        }
    }
}
