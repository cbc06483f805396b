import Foundation

/// Memory in pages of 2 MB where the kernel has them to give: a training step walks tens of megabytes, more than the
/// processor's table of 4 KB pages covers, and each miss of that table stalls a product.
public enum HugePages {
    public static let size = 1 << 21

    /// Memory for `byteCount` bytes, to be given back by `deallocate()`: aligned to a cache line, and where it is a huge
    /// page or more, to huge pages and in them.
    public static func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
        guard byteCount >= size else { return .allocate(byteCount: byteCount, alignment: 64) }
        // Whole pages, so that the last one can be huge too.
        let whole = (byteCount + size - 1) / size * size
        let memory = UnsafeMutableRawPointer.allocate(byteCount: whole, alignment: size)
        prefer(memory, byteCount: whole)
        return memory
    }

    /// Asks for them where an aligned piece of memory may have them. Where the kernel refuses, or knows none, nothing
    /// changes but the speed.
    public static func prefer(_ base: UnsafeMutableRawPointer, byteCount: Int) {
        #if os(Linux)
        madvise(base, byteCount, Int32(MADV_HUGEPAGE))
        #endif
    }
}
