import Foundation

/// A safetensors file mapped into memory, checked in full before the first tensor is handed out.
///
/// Nothing is copied: tensor bytes are read from the disk when touched, and views stay valid while this
/// object lives. Any file, however corrupt, opens or throws. (A file that somebody truncates *after* it was
/// opened kills the reader by SIGBUS, as with every mapping; files written by `SafetensorsWriter` are
/// replaced, never changed.) Thread-safe.
public final class SafetensorsFile: Sendable {
    public let path: String
    public let metadata: [String: String]
    /// In the order of their bytes.
    public let tensors: [TensorDescription]
    private let places: [String: SafetensorsHeader.Entry]
    private let mapping: FileMapping
    private let dataStart: Int

    public init(path: String) throws(TensorFileError) {
        func malformed(_ expected: String, _ found: String, tensor: String? = nil) -> TensorFileError {
            TensorFileError(.malformed, file: path, tensor: tensor, expected: expected, found: found)
        }
        self.path = path
        mapping = try FileMapping(path: path)
        let bytes = mapping.bytes
        guard bytes.count >= 8 else { throw malformed("a header length of 8 bytes", "a file of \(bytes.count)") }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length >= 2, length <= UInt64(min(SafetensorsHeader.longest, bytes.count - 8)) else {
            throw malformed("a header that ends within the file of \(bytes.count) bytes", "a header of \(length)")
        }
        dataStart = 8 + Int(length)
        let header: SafetensorsHeader
        do throws(SafetensorsHeader.ParseError) {
            header = try SafetensorsHeader(parsing: UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]))
        } catch {
            throw malformed(error.expected, error.found, tensor: error.tensor)
        }
        let ordered = header.tensors.sorted {
            ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
        }
        var end = 0
        for tensor in ordered {
            guard tensor.bytes.lowerBound == end else {
                throw malformed(
                    "data that starts where the last ends, at \(end)", "data_offsets \(tensor.bytes)",
                    tensor: tensor.description.name)
            }
            end = tensor.bytes.upperBound
        }
        guard end == bytes.count - dataStart else {
            throw malformed("\(end) bytes of data", "\(bytes.count - dataStart)")
        }
        metadata = header.metadata
        tensors = ordered.map(\.description)
        places = Dictionary(uniqueKeysWithValues: ordered.map { ($0.description.name, $0) })
    }

    /// The description of tensor `name`, or nil.
    public subscript(name: String) -> TensorDescription? { places[name]?.description }

    /// The bytes of tensor `name`; valid while this object lives.
    public func bytes(_ name: String) throws(TensorFileError) -> UnsafeRawBufferPointer {
        guard let place = places[name] else {
            throw TensorFileError(
                .missingTensor, file: path, tensor: name, expected: "the tensor", found: "\(tensors.count) others")
        }
        return UnsafeRawBufferPointer(
            rebasing: mapping.bytes[dataStart + place.bytes.lowerBound..<dataStart + place.bytes.upperBound])
    }

    /// Calls `body` with the bytes of tensor `name`.
    public func withUnsafeBytes<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try body(try bytes(name))
    }

    /// Tensor `name` as elements of `type`, in place; valid while this object lives. Throws when the file has
    /// another type or (in files written elsewhere) another alignment; `array` reads those.
    public func elements<Element: TensorElement>(
        _ name: String, as type: Element.Type
    ) throws(TensorFileError) -> UnsafeBufferPointer<Element> {
        let raw = try bytes(name)
        try require(name, type)
        if raw.isEmpty { return UnsafeBufferPointer(start: nil, count: 0) }
        guard UInt(bitPattern: raw.baseAddress!) % UInt(MemoryLayout<Element>.alignment) == 0 else {
            throw TensorFileError(
                .mismatch, file: path, tensor: name, expected: "data aligned to \(MemoryLayout<Element>.alignment) bytes",
                found: "data at byte \(raw.baseAddress! - mapping.bytes.baseAddress!)")
        }
        return raw.bindMemory(to: Element.self)
    }

    /// Tensor `name` as `Float`, in place; valid while this object lives.
    public func floats(_ name: String) throws(TensorFileError) -> UnsafeBufferPointer<Float> {
        try elements(name, as: Float.self)
    }

    /// A copy of tensor `name`, whatever its alignment.
    public func array<Element: TensorElement>(
        _ name: String, as type: Element.Type
    ) throws(TensorFileError) -> [Element] {
        let raw = try bytes(name)
        try require(name, type)
        return [Element](unsafeUninitializedCapacity: raw.count / MemoryLayout<Element>.stride) { buffer, count in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: raw)
            count = raw.count / MemoryLayout<Element>.stride
        }
    }

    /// Throws unless the file has exactly this tensor.
    public func require(_ description: TensorDescription) throws(TensorFileError) {
        _ = try bytes(description.name)
        let found = places[description.name]!.description
        guard found == description else {
            throw TensorFileError(
                .mismatch, file: path, tensor: description.name,
                expected: "\(description.elementType.rawValue) \(description.shape)",
                found: "\(found.elementType.rawValue) \(found.shape)")
        }
    }

    private func require<Element: TensorElement>(_ name: String, _ type: Element.Type) throws(TensorFileError) {
        let found = places[name]!.description.elementType
        guard found == type.elementType else {
            throw TensorFileError(
                .mismatch, file: path, tensor: name, expected: type.elementType.rawValue, found: found.rawValue)
        }
    }
}

/// A whole file, read-only.
private final class FileMapping: @unchecked Sendable {
    // SAFETY: the pages are mapped read-only and unmapped when the last reference is gone.
    let bytes: UnsafeRawBufferPointer

    init(path: String) throws(TensorFileError) {
        func failure(_ expected: String) -> TensorFileError {
            TensorFileError(.system, file: path, expected: expected, found: String(cString: strerror(errno)))
        }
        // Without O_NONBLOCK a named pipe would wait for its other end.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("a file that can be read") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("a file with a size") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw TensorFileError(.system, file: path, expected: "a regular file", found: "something else")
        }
        guard status.st_size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let count = Int(status.st_size)
        guard let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
            throw failure("\(count) bytes to be mapped")
        }
        bytes = UnsafeRawBufferPointer(start: base, count: count)
    }

    deinit {
        if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
    }
}
