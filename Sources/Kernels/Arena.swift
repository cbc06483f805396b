import Foundation

/// Scratch memory of one worker: views are handed out in order and all taken back by `reset`, so that
/// a training step allocates nothing once the arena has grown to the size of a batch.
///
/// Not thread-safe: one arena a worker.
public final class Arena<Element> {
    private struct Block {
        let base: UnsafeMutablePointer<Element>
        let capacity: Int
    }
    private var blocks: [Block] = []
    private var current = 0
    private var used = 0
    /// Blocks allocated since the arena was made; constant from step to step in a steady state.
    public private(set) var allocations = 0

    public init() {}

    deinit { for block in blocks { block.base.deallocate() } }

    /// Takes back everything handed out. After growth, merges the blocks into one.
    public func reset() {
        if blocks.count > 1 {
            let total = blocks.reduce(0) { $0 + $1.capacity }
            for block in blocks { block.base.deallocate() }
            blocks = []
            grow(atLeast: total)
        }
        current = 0
        used = 0
    }

    /// `count` elements, 64-byte aligned, their values undefined.
    public func allocate(_ count: Int) -> UnsafeMutablePointer<Element> {
        let elementsPerLine = max(1, 64 / MemoryLayout<Element>.stride)
        let rounded = (count + elementsPerLine - 1) / elementsPerLine * elementsPerLine
        while current < blocks.count && used + rounded > blocks[current].capacity {
            current += 1
            used = 0
        }
        if current == blocks.count { grow(atLeast: max(rounded, 1 << 16)) }
        let pointer = blocks[current].base + used
        used += rounded
        return pointer
    }

    /// A matrix with undefined values.
    public func matrix(_ rows: Int, _ columns: Int) -> Matrix<Element> {
        Matrix(base: allocate(rows * columns), rows: rows, columns: columns)
    }

    /// A matrix with undefined values whose rows begin an odd number of cache lines apart: rows a power of two apart
    /// fall on a few of the first-level cache's 64 sets, and drive each other out of it.
    public func spreadMatrix(_ rows: Int, _ columns: Int) -> Matrix<Element> {
        let line = max(1, 64 / MemoryLayout<Element>.stride)
        let stride = ((columns + line - 1) / line | 1) * line
        return Matrix(base: allocate(rows * stride), rows: rows, columns: columns, stride: stride)
    }

    /// Where the arena stands, to be given to `release`.
    public struct Mark {
        fileprivate let block: Int
        fileprivate let used: Int
    }
    public var mark: Mark { Mark(block: current, used: used) }

    /// Takes back what was handed out since `mark`.
    public func release(to mark: Mark) {
        current = mark.block
        used = mark.used
    }

    private func grow(atLeast count: Int) {
        let bytes = count * MemoryLayout<Element>.stride
        let raw = HugePages.allocate(byteCount: bytes)
        blocks.append(Block(base: raw.bindMemory(to: Element.self, capacity: count), capacity: count))
        allocations += 1
    }
}

extension Arena where Element: Scalar {
    /// A matrix of zeros.
    public func zeros(_ rows: Int, _ columns: Int) -> Matrix<Element> {
        let result = matrix(rows, columns)
        // As bytes, since a generic assignment would go element by element.
        memset(result.base, 0, rows * columns * MemoryLayout<Element>.stride)
        return result
    }
}
