import Logs
import NIOCore

/// A request of the Open Inference Protocol, in JSON or with the binary tensor extension: JSON first, and after it the
/// bytes of the tensors that say how many they are.
struct InferenceRequest: Sendable {
    struct Output: Sendable, Equatable {
        var name: String
        var isBinary: Bool
    }

    var id: String?
    var inputs: [InferenceTensor] = []
    /// Empty: the server chooses.
    var outputs: [Output] = []
    /// For outputs that do not say.
    var prefersBinary = false

    private static let largestRank = 8

    /// - Parameter headerLength: `Inference-Header-Content-Length`: bytes of JSON; nil when all of it is JSON.
    init(_ buffer: ByteBuffer, headerLength: Int?, limits: RequestLimits) throws(APIError) {
        let length = headerLength ?? buffer.readableBytes
        guard length >= 0, length <= buffer.readableBytes, let json = buffer.getSlice(at: buffer.readerIndex, length: length) else {
            throw APIError(
                .badRequest, "expected at most the body's \(buffer.readableBytes) bytes, found \(length)",
                at: "Inference-Header-Content-Length")
        }
        var drafts: [Draft] = []
        var outputs: [(name: String, isBinary: Bool?)] = []
        var id: String?
        var prefersBinary = false
        try BodyReader.read(json) { reader throws(APIError) in
            try reader.object(of: ["id", "inputs", "outputs", "parameters"]) { reader, key throws(APIError) in
                switch key {
                case "id":
                    let text = try reader.text()
                    guard text.utf8.count <= 1_024 else { throw APIError(.tooLarge, "expected at most 1024 bytes") }
                    id = text
                case "inputs":
                    drafts = try reader.array("a list of tensors", limit: 4_096) { reader throws(APIError) in
                        try Draft(&reader, limits)
                    }
                case "outputs":
                    outputs = try reader.array("a list of outputs", limit: 64) { reader throws(APIError) in
                        try Self.output(&reader)
                    }
                default:
                    try Self.parameters(&reader) { reader, key throws(APIError) in
                        guard key == "binary_data_output" else { return false }
                        prefersBinary = try reader.truth()
                        return true
                    }
                }
            }
        }
        self.id = id
        self.prefersBinary = prefersBinary
        // Each output is a pass of its own over all samples: said sixty times, it would cost sixty times as much.
        for (i, output) in outputs.enumerated() where outputs[..<i].contains(where: { $0.name == output.name }) {
            throw APIError(.badRequest, "said twice", at: "outputs.\(output.name.prefix(60))")
        }
        self.outputs = outputs.map { Output(name: $0.name, isBinary: $0.isBinary ?? prefersBinary) }
        inputs = try Self.finish(drafts, buffer, from: length)
    }

    /// Reads parameters: `known` those it knows, passes over the others, and refuses what asks for another transport.
    private static func parameters(
        _ reader: inout BodyReader, _ known: (inout BodyReader, String) throws(APIError) -> Bool
    ) throws(APIError) {
        do throws(APIError) {
            try reader.object("an object of parameters") { reader, key throws(APIError) in
                if try known(&reader, key) { return }
                guard !key.hasPrefix("shared_memory"), key != "classification" else {
                    throw APIError(.unsupported, "this server has no such extension")
                }
                try reader.skip()
            }
        } catch {
            throw error
        }
    }

    private static func output(_ reader: inout BodyReader) throws(APIError) -> (name: String, isBinary: Bool?) {
        var name: String?
        var isBinary: Bool?
        try reader.object(of: ["name", "parameters"]) { reader, key throws(APIError) in
            guard key == "parameters" else {
                name = try reader.text()
                return
            }
            try parameters(&reader) { reader, key throws(APIError) in
                guard key == "binary_data" else { return false }
                isBinary = try reader.truth()
                return true
            }
        }
        guard let name else { throw APIError(.badRequest, "missing", at: "name") }
        return (name, isBinary)
    }

    /// A tensor whose bytes may still be to come.
    private struct Draft {
        var name: String
        var type: InferenceType
        var shape: [Int]
        var count: Int
        var values: [FeatureValue]?
        var binaryBytes: Int?

        init(_ reader: inout BodyReader, _ limits: RequestLimits) throws(APIError) {
            var name: String?
            var word: String?
            var shape: [Int]?
            var data: [FeatureValue]?
            var binaryBytes: Int?
            try reader.object(of: ["name", "datatype", "shape", "data", "parameters"]) { reader, key throws(APIError) in
                switch key {
                case "name": name = try reader.text()
                case "datatype": word = try reader.text()
                case "shape":
                    shape = try reader.array("a shape", limit: InferenceRequest.largestRank) { reader throws(APIError) in
                        try reader.integer(0...1 << 32)
                    }
                case "data": data = try reader.tensorElements(depth: InferenceRequest.largestRank)
                default:
                    try InferenceRequest.parameters(&reader) { reader, key throws(APIError) in
                        guard key == "binary_data_size" else { return false }
                        binaryBytes = try reader.integer(0...limits.bodyBytes)
                        return true
                    }
                }
            }
            guard let name else { throw APIError(.badRequest, "missing", at: "name") }
            guard let word else { throw APIError(.badRequest, "missing", at: "datatype") }
            guard let type = InferenceType(rawValue: word) else {
                let known = InferenceType.allCases.map(\.rawValue).joined(separator: ", ")
                throw APIError(.badValue, "expected one of \(known), found \"\(word.prefix(60))\"", at: "datatype")
            }
            guard let shape, !shape.isEmpty else { throw APIError(.badRequest, "missing", at: "shape") }
            guard let count = InferenceTensor.count(shape, limit: limits.bodyBytes) else {
                throw APIError(.tooLarge, "expected no more elements than a body can hold", at: "shape")
            }
            guard (data == nil) != (binaryBytes == nil) else {
                throw APIError(.badRequest, "expected data, or parameters.binary_data_size, and not both", at: name)
            }
            self.name = name
            self.type = type
            self.shape = shape
            self.count = count
            self.binaryBytes = binaryBytes
            if let data { values = try Self.convert(data, type, count) }
        }

        private static func convert(
            _ data: [FeatureValue], _ type: InferenceType, _ count: Int
        ) throws(APIError) -> [FeatureValue] {
            guard data.count == count else {
                throw APIError(.badValue, "expected \(count) elements as the shape says, found \(data.count)", at: "data")
            }
            var values = data
            for (i, value) in data.enumerated() {
                guard let converted = InferenceTensor.convert(value, to: type) else {
                    throw APIError(.badValue, "expected \(type.rawValue), found \(value.words)", at: "data[\(i)]")
                }
                values[i] = converted
            }
            return values
        }
    }

    private static func finish(
        _ drafts: [Draft], _ buffer: ByteBuffer, from start: Int
    ) throws(APIError) -> [InferenceTensor] {
        var tensors: [InferenceTensor] = []
        var names: Set<String> = []
        var at = buffer.readerIndex + start
        for draft in drafts {
            guard names.insert(draft.name).inserted else { throw APIError(.badRequest, "said twice", at: "inputs.\(draft.name)") }
            var values = draft.values ?? []
            if let bytes = draft.binaryBytes {
                guard let slice = buffer.getSlice(at: at, length: bytes) else {
                    throw APIError(
                        .truncated, "expected \(bytes) bytes, found \(buffer.writerIndex - at)", at: "inputs.\(draft.name)")
                }
                at += bytes
                let decoded: Result<[FeatureValue], APIError> = slice.withUnsafeReadableBytes { raw in
                    do throws(APIError) {
                        return .success(try InferenceTensor.decode(draft.type, count: draft.count, raw))
                    } catch {
                        return .failure(error.inside("inputs.\(draft.name)"))
                    }
                }
                values = try decoded.get()
            }
            tensors.append(InferenceTensor(name: draft.name, type: draft.type, shape: draft.shape, values: values))
        }
        guard at == buffer.writerIndex else {
            throw APIError(.badRequest, "expected the end of the body after the last tensor, found \(buffer.writerIndex - at) bytes more")
        }
        return tensors
    }
}

extension FeatureValue {
    /// For error messages.
    var words: String {
        switch self {
        case .missing: "null"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .truth(let value): "\(value)"
        case .text(let text): "\"\(text.prefix(60))\""
        case .list: "a list"
        }
    }
}

extension BodyReader {
    /// The elements of a tensor in row-major order, however deep they are nested.
    mutating func tensorElements(depth: Int) throws(APIError) -> [FeatureValue] {
        var elements: [FeatureValue] = []
        try tensorElements(depth: depth, into: &elements)
        return elements
    }

    private mutating func tensorElements(depth: Int, into elements: inout [FeatureValue]) throws(APIError) {
        guard depth > 0 else { throw APIError(.badValue, "expected at most 8 dimensions") }
        _ = try array("a list of elements", limit: .max) { reader throws(APIError) in
            if reader.isArray {
                try reader.tensorElements(depth: depth - 1, into: &elements)
            } else {
                elements.append(try reader.scalar("an element"))
            }
        }
    }
}
