import Testing

@testable import Kernels

@Suite struct SHA256BlocksTests {
    /// The standard's examples are checked where whole digests are made (ModelPackageTests); here the two bodies agree.
    @Test func theProcessorsInstructionsAgreeWithTheTwin() {
        var bytes = [UInt8](repeating: 0, count: 64 * 33 + 1)
        var x: UInt32 = 1
        for i in bytes.indices {
            x = x &* 1_664_525 &+ 1_013_904_223
            bytes[i] = UInt8(truncatingIfNeeded: x >> 24)
        }
        for blocks in [0, 1, 2, 3, 33] {
            for start in [0, 1] {
                var (fast, slow): ([UInt32], [UInt32]) = (Array(1...8), Array(1...8))
                bytes.withUnsafeBytes { raw in
                    let range = UnsafeRawBufferPointer(rebasing: raw[start..<start + 64 * blocks])
                    SHA256Blocks.fold(range, into: &fast)
                    SHA256Blocks.foldScalar(range, into: &slow)
                }
                #expect(fast == slow && (blocks == 0) == (fast == Array(1...8)), "\(blocks) blocks from byte \(start)")
            }
        }
    }
}
