import Foundation
import NIOCore
import Testing

@testable import Server
@testable import Serving

@Suite struct OpenInferenceTests {
    @Test func theRealTritonClientAgrees() throws {
        let server = try ServerProcess.shared.get()
        let model = try ServedFolder.shared.get().model()
        let request = [ScoreRequest(user: user, candidates: items)]
        let expected: [String: Any] = [
            "name": "tiny", "version": model.version,
            "user": ["user_id": 3, "age": 7.5, "history_item": ["item 4", "item 9"], "history_gap": [5, 50]],
            "items": (0..<5).map { ["item_id": "item \($0)", "price": Double($0) * 0.7, "tags": ["t\($0)"]] },
            "scores": try model.score(request).scores[0].map { Double($0) },
            "conversions": try model.score(request, head: .cvr).scores[0].map { Double($0) },
        ]
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("expected-\(UUID().uuidString).json")
        try JSONSerialization.data(withJSONObject: expected).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let said = try runTool([python, script("triton_judge.py"), "\(server.port)", file.path])
        #expect(said.contains("agreed on 14 checks"), "\(said)")
    }

    @Test func errorsAreToldInTheProtocolsWay() throws {
        let reply = try ServerProcess.shared.get().post("/v2/models/tiny/infer", #"{"inputs": [{"name": "age"}]}"#)
        #expect(reply.status == 400)
        #expect((reply.json["error"] as? String)?.contains("inputs[0].datatype") == true, "\(reply.text)")
    }

    @Test(arguments: InferenceType.allCases.filter { $0.width != nil })
    func numbersInBinaryAreTheNumbersInJSON(_ type: InferenceType) throws {
        let numbers: [Int64] = type == .bool ? [0, 1, 1] : "\(type)".hasPrefix("u") ? [0, 1, 100] : [-100, 0, 100]
        var bytes: [UInt8] = []
        for number in numbers {
            func add(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.littleEndian) { bytes += Array($0) } }
            switch type {
            case .fp16: add(Float16(number).bitPattern)
            case .fp32: add(Float(number).bitPattern)
            case .fp64: add(Double(number).bitPattern)
            default: withUnsafeBytes(of: number.littleEndian) { bytes += Array($0.prefix(type.width!)) }
            }
        }
        let json = #"{"inputs": [{"name": "x", "datatype": "\#(type.rawValue)", "shape": [3], "data": \#(numbers)}]}"#
        let head = #"{"inputs": [{"name": "x", "datatype": "\#(type.rawValue)", "shape": [3], "parameters": {"binary_data_size": \#(bytes.count)}}]}"#
        let one = try InferenceRequest(ByteBuffer(string: json), headerLength: nil, limits: RequestLimits())
        let other = try InferenceRequest(
            ByteBuffer(bytes: Array(head.utf8) + bytes), headerLength: head.utf8.count, limits: RequestLimits())
        #expect(one.inputs == other.inputs && one.inputs[0].values.count == 3)
    }

    /// Each is what a hostile or broken client might send; none may be taken, and none may trap.
    @Test(arguments: [
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [1]}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [4294967296, 4294967296, 4294967296], "data": []}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1], "data": []}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [], "data": [1]}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": ["1"]}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "INT8", "shape": [1], "data": [128]}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": [1]}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "BF16", "shape": [1], "data": [1]}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1], "parameters": {"binary_data_size": 4}}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": 4}}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "parameters": {"shared_memory_region": "a"}}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [[[[[[[[[1]]]]]]]]]}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}, {"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}]}"#,
        #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}], "outputs": [{"name": "a"}, {"name": "a"}]}"#,
    ]) func tensorsThatLieAreRefused(_ json: String) {
        #expect(throws: APIError.self) {
            try InferenceRequest(ByteBuffer(string: json), headerLength: nil, limits: RequestLimits())
        }
    }

    @Test func outputsThatDifferAreTaken() throws {
        let json = #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}], "outputs": [{"name": "a"}, {"name": "b"}]}"#
        #expect(try InferenceRequest(ByteBuffer(string: json), headerLength: nil, limits: RequestLimits()).outputs.map(\.name) == ["a", "b"])
    }

    @Test func bytesThatLieAreRefused() {
        func request(_ shape: Int, _ bytes: [UInt8], size: Int? = nil, headerLength: Int? = nil) throws {
            let head = #"{"inputs": [{"name": "x", "datatype": "BYTES", "shape": [\#(shape)], "parameters": {"binary_data_size": \#(size ?? bytes.count)}}]}"#
            _ = try InferenceRequest(
                ByteBuffer(bytes: Array(head.utf8) + bytes), headerLength: headerLength ?? head.utf8.count, limits: RequestLimits())
        }
        #expect(throws: Never.self) { try request(1, [2, 0, 0, 0, 65, 66]) }
        #expect(throws: APIError.self) { try request(1, [255, 255, 255, 255, 65]) }
        #expect(throws: APIError.self) { try request(1, [2, 0, 0, 0, 65]) }
        #expect(throws: APIError.self) { try request(1, [2, 0]) }
        #expect(throws: APIError.self) { try request(1_000_000, [0, 0, 0, 0]) }
        #expect(throws: APIError.self) { try request(1, [1, 0, 0, 0, 0xFF]) }
        #expect(throws: APIError.self) { try request(1, [1, 0, 0, 0, 65, 66]) }
        #expect(throws: APIError.self) { try request(1, [1, 0, 0, 0, 65], size: 6) }
        #expect(throws: APIError.self) { try request(1, [1, 0, 0, 0, 65], size: 4) }
        #expect(throws: APIError.self) { try request(1, [1, 0, 0, 0, 65], headerLength: 1 << 40) }
        #expect(throws: APIError.self) { try request(1, [1, 0, 0, 0, 65], headerLength: 3) }
    }
}
