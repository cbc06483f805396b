import Foundation

/// Writes a safetensors file without ever holding it in memory: the header is fixed by the descriptions,
/// then the bytes of each tensor arrive in chunks, tensors in any order.
///
///     let writer = try SafetensorsWriter(path: "model.safetensors", tensors: [
///         TensorDescription(name: "bias", elementType: .float32, shape: [3])
///     ])
///     try writer.write("bias", [1, 2, 3] as [Float])
///     try writer.finish()
///
/// Nothing is visible at `path` until `finish` has returned; see `AtomicFile`. The tensors start on a
/// 64-byte boundary and lie by falling element size, so that each is aligned to its elements; with
/// `keepingOrder` they lie as given, which the caller must have chosen so that each is aligned. One thread
/// at a time.
public final class SafetensorsWriter {
    private struct Slot {
        let offset: Int
        let byteCount: Int
        var written = 0
    }
    private let file: AtomicFile
    private var slots: [String: Slot] = [:]
    public let path: String

    /// Refuses duplicate names, the reserved name `__metadata__`, and shapes whose bytes leave `Int`.
    public init(
        path: String, tensors: [TensorDescription], metadata: [String: String] = [:], keepingOrder: Bool = false
    ) throws(TensorFileError) {
        self.path = path
        // Sorting by element size aligns every tensor without holes, which the format forbids.
        let ordered =
            keepingOrder
            ? tensors
            : tensors.enumerated().sorted {
                ($1.element.elementType.byteCount, $0.offset) < ($0.element.elementType.byteCount, $1.offset)
            }.map(\.element)
        var header = SafetensorsHeader(tensors: [], metadata: metadata)
        var offset = 0
        for tensor in ordered {
            guard let bytes = tensor.byteCount, case let (end, overflow) = offset.addingReportingOverflow(bytes), !overflow
            else {
                throw TensorFileError(
                    .malformed, file: path, tensor: tensor.name, expected: "a shape whose bytes fit Int",
                    found: "\(tensor.shape)")
            }
            guard tensor.name != SafetensorsHeader.metadataKey, slots[tensor.name] == nil else {
                throw TensorFileError(
                    .malformed, file: path, tensor: tensor.name, expected: "a name used once and not reserved",
                    found: "'\(tensor.name)'")
            }
            precondition(
                bytes == 0 || offset % tensor.elementType.byteCount == 0,
                "SafetensorsWriter: '\(tensor.name)' at byte \(offset) is not aligned")
            slots[tensor.name] = Slot(offset: offset, byteCount: bytes)
            header.tensors.append(.init(description: tensor, bytes: offset..<end))
            offset = end
        }
        let encoded = header.encoded()
        guard encoded.count - 8 <= SafetensorsHeader.longest else {
            throw TensorFileError(
                .malformed, file: path, expected: "a header of at most \(SafetensorsHeader.longest) bytes",
                found: "\(encoded.count - 8)")
        }
        file = try AtomicFile(path: path)
        dataStart = encoded.count
        try encoded.withUnsafeBytesThrowing { (bytes) throws(TensorFileError) in try file.write(bytes, at: 0) }
    }
    private let dataStart: Int

    /// Appends `bytes` to tensor `name`. The name must have been declared (a trap otherwise), and the bytes
    /// must fit what was declared.
    public func write(_ name: String, _ bytes: UnsafeRawBufferPointer) throws(TensorFileError) {
        guard let slot = slots[name] else { preconditionFailure("SafetensorsWriter: '\(name)' was not declared") }
        guard bytes.count <= slot.byteCount - slot.written else {
            throw TensorFileError(
                .incomplete, file: path, tensor: name, expected: "\(slot.byteCount) bytes",
                found: "\(slot.written + bytes.count)")
        }
        try file.write(bytes, at: dataStart + slot.offset + slot.written)
        slots[name]!.written += bytes.count
    }

    /// Appends `elements` to tensor `name`.
    public func write<Element: TensorElement>(_ name: String, _ elements: [Element]) throws(TensorFileError) {
        try elements.withUnsafeBytesThrowing { (bytes) throws(TensorFileError) in try write(name, bytes) }
    }

    /// Checks that every tensor is whole, then makes the file durable and visible.
    public func finish() throws(TensorFileError) {
        for (name, slot) in slots where slot.written != slot.byteCount {
            throw TensorFileError(
                .incomplete, file: path, tensor: name, expected: "\(slot.byteCount) bytes", found: "\(slot.written)")
        }
        try file.commit()
    }
}

extension Array {
    /// `withUnsafeBytes` that keeps the type of the error.
    fileprivate func withUnsafeBytesThrowing(
        _ body: (UnsafeRawBufferPointer) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        let result = withUnsafeBytes { bytes in Result { () throws(TensorFileError) in try body(bytes) } }
        try result.get()
    }
}
