import CKernels

/// SHA-256's compression function: the inner loop of content hashes.
public enum SHA256Blocks {
    /// Folds whole blocks of 64 bytes into a state of 8 words.
    public static func fold(_ blocks: UnsafeRawBufferPointer, into state: inout [UInt32]) {
        precondition(
            state.count == 8 && blocks.count % 64 == 0, "SHA256Blocks: \(state.count) words, \(blocks.count) bytes")
        guard let base = blocks.baseAddress else { return }
        hs_sha256_blocks(&state, base.assumingMemoryBound(to: UInt8.self), blocks.count / 64)
    }

    /// The twin without the processor's SHA instructions, for tests.
    static func foldScalar(_ blocks: UnsafeRawBufferPointer, into state: inout [UInt32]) {
        guard let base = blocks.baseAddress else { return }
        hs_sha256_blocks_scalar(&state, base.assumingMemoryBound(to: UInt8.self), blocks.count / 64)
    }
}
