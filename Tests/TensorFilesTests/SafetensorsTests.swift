import Foundation
import TensorFiles
import Testing

/// A file with a tensor of several sizes and types, and a name that needs escaping.
func writeSample(to path: String, metadata: [String: String] = ["format": "pt", "note": "a \"quote\"\n\u{1}é"]) throws {
    let writer = try SafetensorsWriter(
        path: path,
        tensors: [
            .init(name: "bytes", elementType: .uint8, shape: [3]),
            .init(name: "weights/Ω \"x\"\\", elementType: .float32, shape: [2, 3]),
            .init(name: "wide", elementType: .float64, shape: [2]),
            .init(name: "empty", elementType: .int32, shape: [0, 7]),
            .init(name: "ids", elementType: .int32, shape: [4]),
            .init(name: "hash", elementType: .uint64, shape: []),
            .init(name: "steps", elementType: .int64, shape: [1]),
            .init(name: "small", elementType: .int8, shape: [2, 1]),
            .init(name: "half", elementType: .bfloat16, shape: [1]),
        ], metadata: metadata)
    try writer.write("bytes", [1, 2, 255] as [UInt8])
    // Two chunks, and tensors out of order.
    try writer.write("weights/Ω \"x\"\\", [1, -2.5, .pi, 0] as [Float])
    try writer.write("ids", [0, 1, -1, .max] as [Int32])
    try writer.write("weights/Ω \"x\"\\", [.infinity, .leastNonzeroMagnitude] as [Float])
    try writer.write("wide", [0.1, -1e300])
    try writer.write("hash", [UInt64.max])
    try writer.write("steps", [Int64.min])
    try writer.write("small", [-128, 127] as [Int8])
    try [UInt16(0x3F80)].withUnsafeBytes { try writer.write("half", $0) }
    try writer.finish()
}

@Suite struct SafetensorsTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test func whatIsWrittenIsRead() throws {
        let path = folder("a.safetensors")
        try writeSample(to: path)
        let file = try SafetensorsFile(path: path)
        #expect(file.metadata == ["format": "pt", "note": "a \"quote\"\n\u{1}é"])
        #expect(file.tensors.count == 9)
        #expect(file["weights/Ω \"x\"\\"]?.shape == [2, 3])
        #expect(Array(try file.floats("weights/Ω \"x\"\\")) == [1, -2.5, .pi, 0, .infinity, .leastNonzeroMagnitude])
        #expect(Array(try file.elements("wide", as: Double.self)) == [0.1, -1e300])
        #expect(Array(try file.elements("ids", as: Int32.self)) == [0, 1, -1, .max])
        #expect(Array(try file.elements("hash", as: UInt64.self)) == [.max])
        #expect(try file.array("steps", as: Int64.self) == [.min])
        #expect(try file.array("small", as: Int8.self) == [-128, 127])
        #expect(try file.array("bytes", as: UInt8.self) == [1, 2, 255])
        #expect(try file.elements("empty", as: Int32.self).isEmpty)
        #expect(try file.withUnsafeBytes("half") { Array($0) } == [0x80, 0x3F])
    }

    @Test func everyTensorIsAlignedToItsElements() throws {
        let path = folder("a.safetensors")
        try writeSample(to: path)
        let file = try SafetensorsFile(path: path)
        for (index, tensor) in file.tensors.enumerated() {
            let address = UInt(bitPattern: try file.bytes(tensor.name).baseAddress)
            #expect(address % UInt(tensor.elementType.byteCount) == 0, "\(tensor)")
            if index == 0 { #expect(address % 64 == 0) }
        }
    }

    @Test func aFileWithoutTensorsIsAFile() throws {
        let path = folder("a.safetensors")
        try SafetensorsWriter(path: path, tensors: []).finish()
        #expect(try SafetensorsFile(path: path).tensors.isEmpty)
    }

    @Test func theSameTensorsGiveTheSameBytes() throws {
        try writeSample(to: folder("a"))
        try writeSample(to: folder("b"))
        #expect(FileManager.default.contents(atPath: folder("a")) == FileManager.default.contents(atPath: folder("b")))
    }

    @Test func askingForTheWrongThingSaysWhatIsThere() throws {
        let path = folder("a.safetensors")
        try writeSample(to: path)
        let file = try SafetensorsFile(path: path)
        #expect(throws: TensorFileError(.mismatch, file: path, tensor: "ids", expected: "F32", found: "I32")) {
            try file.floats("ids")
        }
        #expect(throws: TensorFileError(.missingTensor, file: path, tensor: "nowhere", expected: "the tensor", found: "9 others")) {
            try file.floats("nowhere")
        }
        let error = #expect(throws: TensorFileError.self) {
            try file.require(.init(name: "ids", elementType: .int32, shape: [2, 2]))
        }
        #expect(error?.description == "\(path): tensor 'ids': expected I32 [2, 2], found I32 [4]")
    }

    @Test func aMissingFileSaysSo() {
        let error = #expect(throws: TensorFileError.self) { try SafetensorsFile(path: folder("none")) }
        #expect(error?.problem == .system)
        #expect(error?.found == "No such file or directory")
    }

    @Test func aFolderIsNotATensorFile() {
        #expect(throws: TensorFileError.self) { try SafetensorsFile(path: folder.path) }
    }

    @Test func tooManyAndTooFewBytesAreRefused() throws {
        let writer = try SafetensorsWriter(
            path: folder("a"), tensors: [.init(name: "x", elementType: .float32, shape: [2])])
        try writer.write("x", [1] as [Float])
        #expect(throws: TensorFileError(.incomplete, file: folder("a"), tensor: "x", expected: "8 bytes", found: "4")) {
            try writer.finish()
        }
        #expect(throws: TensorFileError(.incomplete, file: folder("a"), tensor: "x", expected: "8 bytes", found: "12")) {
            try writer.write("x", [2, 3] as [Float])
        }
        #expect(!FileManager.default.fileExists(atPath: folder("a")))
    }

    @Test(arguments: [
        [("x", [1]), ("x", [1])], [("__metadata__", [1])], [("x", [-1])], [("x", [.max, 2])], [("x", [.max / 4]), ("y", [.max / 4])],
    ] as [[(String, [Int])]])
    func declarationsThatMakeNoFileAreRefused(tensors: [(String, [Int])]) {
        #expect(throws: TensorFileError.self) {
            try SafetensorsWriter(
                path: folder("a"), tensors: tensors.map { .init(name: $0.0, elementType: .float32, shape: $0.1) })
        }
    }
}
