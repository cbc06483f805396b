import Foundation
import TensorFiles
import Testing

/// Python's `safetensors` is the format's own implementation: it must read ours, and we its.
/// Needs `HINDSIGHT_PYTHON`, or `.deps/venv/bin/python`, with `safetensors` and `numpy`.
@Suite(.enabled(if: Python.available != nil, "no Python with safetensors: set HINDSIGHT_PYTHON"))
struct PythonTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test func pythonReadsWhatWeWrite() throws {
        try writeSample(to: folder("ours"))
        let output = try Python.run(
            """
            import json, struct, sys, safetensors
            data = open(sys.argv[1], "rb").read()
            tensors = {n: [t["dtype"], t["shape"], bytes(t["data"]).hex()] for n, t in safetensors.deserialize(data)}
            with safetensors.safe_open(sys.argv[1], framework="np") as f:
                print(json.dumps([tensors, f.metadata(), f.get_tensor("wide").tolist()]))
            """, folder("ours"))
        let parts = try #require(try JSONSerialization.jsonObject(with: output) as? [Any])
        let tensors = try #require(parts[0] as? [String: [Any]])
        let file = try SafetensorsFile(path: folder("ours"))
        #expect(Set(tensors.keys) == Set(file.tensors.map(\.name)))
        for tensor in file.tensors {
            let found = try #require(tensors[tensor.name])
            #expect(found[0] as? String == tensor.elementType.rawValue)
            #expect(found[1] as? [Int] == tensor.shape)
            #expect(found[2] as? String == (try file.bytes(tensor.name).map { hex($0) }.joined()))
        }
        #expect(parts[1] as? [String: String] == file.metadata)
        #expect(parts[2] as? [Double] == [0.1, -1e300])
    }

    @Test func weReadWhatPythonWrites() throws {
        _ = try Python.run(
            """
            import sys, numpy as np, safetensors.numpy
            safetensors.numpy.save_file({
                "a/é\\n": np.arange(6, dtype=np.float32).reshape(2, 3) / 4, "b": np.array([-1, 2**62]),
                "c": np.array([True, False, True]), "d": np.zeros((0, 3), np.float64), "e": np.array(1.5, np.float16),
                "f": np.array([1, 2], np.uint16)}, sys.argv[1], metadata={"k": "v\\u2028"})
            """, folder("theirs"))
        let file = try SafetensorsFile(path: folder("theirs"))
        #expect(file.metadata == ["k": "v\u{2028}"])
        #expect(try file.array("a/é\n", as: Float.self) == [0, 0.25, 0.5, 0.75, 1, 1.25])
        #expect(file["a/é\n"]?.shape == [2, 3])
        #expect(try file.array("b", as: Int64.self) == [-1, 1 << 62])
        #expect(try Array(file.bytes("c")) == [1, 0, 1])
        #expect(file["d"]?.shape == [0, 3])
        #expect(file["e"]?.elementType == .float16)
        #expect(try file.array("f", as: UInt16.self) == [1, 2])
    }

    private func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}

enum Python {
    /// The interpreter, when it has what the tests need.
    static let available: String? = {
        let repository = URL(fileURLWithPath: #filePath).pathComponents.dropLast(3).joined(separator: "/").dropFirst()
        let path = ProcessInfo.processInfo.environment["HINDSIGHT_PYTHON"] ?? "\(repository)/.deps/venv/bin/python"
        guard FileManager.default.isExecutableFile(atPath: path) else { return nil }
        return (try? execute(path, ["-c", "import safetensors, numpy"])) == nil ? nil : path
    }()

    static func run(_ script: String, _ arguments: String...) throws -> Data {
        try execute(available!, ["-c", script] + arguments)
    }

    struct Failure: Error { let status: Int32 }

    private static func execute(_ path: String, _ arguments: [String]) throws -> Data {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
        return data
    }
}
