import Logs
import Schema
import Serving

/// A model as the Open Inference Protocol sees it: an input a feature, an output a score.
///
/// One row is one sample. A tensor has as many rows as there are samples, or one row that holds for all. Features with
/// one value are `[rows]` or `[rows, 1]`; bags and the fields of a sequence are `[rows, n]`, where missing elements
/// (empty BYTES, NaN) fill the ends of rows that are shorter.
struct InferenceModel: Sendable {
    struct Input: Sendable, Equatable {
        var name: String
        var isNumeric: Bool
        var isList: Bool
        var isUser: Bool
        var datatype: InferenceType { isNumeric ? .fp64 : .bytes }
    }

    let inputs: [Input]
    /// The student's score first.
    let outputs: [(name: String, head: ScoreHead)]

    init(_ model: RankingModel) {
        var inputs: [Input] = []
        func add(_ encoding: FeatureEncoding, isList: Bool, isUser: Bool) {
            guard !inputs.contains(where: { $0.name == encoding.name }) else { return }
            let isNumeric =
                switch encoding.encoding {
                case .boundaries, .quantiles: true
                case .vocabulary, .hash, .categories: false
                }
            inputs.append(Input(name: encoding.name, isNumeric: isNumeric, isList: isList, isUser: isUser))
        }
        for schema in [model.package.schema] + model.parts.sorted(by: { "\($0.key)" < "\($1.key)" }).map(\.value.schema) {
            for feature in schema.regular {
                add(feature.encoding, isList: feature.encoding.bag != nil, isUser: feature.side == .user)
            }
            for field in schema.sequence?.fields ?? [] { add(field, isList: true, isUser: true) }
        }
        self.inputs = inputs
        outputs = [("score", .model)] + model.heads.filter { $0 != .model }.map { ($0.rawValue, $0) }
    }

    /// Samples as requests: rows that share their user side become one.
    func requests(_ tensors: [InferenceTensor], limits: RequestLimits) throws(APIError) -> (requests: [ScoreRequest], samples: Int) {
        guard let samples = tensors.map({ $0.shape[0] }).max() else {
            throw APIError(.badRequest, "expected at least one tensor", at: "inputs")
        }
        guard samples <= limits.candidates else {
            throw APIError(.tooLarge, "expected at most \(limits.candidates) samples, found \(samples)", at: "inputs")
        }
        var columns: [Column] = []
        for tensor in tensors { columns.append(try column(tensor, samples: samples)) }
        let users = columns.filter(\.isUser), candidates = columns.filter { !$0.isUser }
        let isOneUser = users.allSatisfy { $0.rows == 1 }
        var requests: [ScoreRequest] = []
        var user: FeatureValues = [:]
        for sample in 0..<samples {
            if sample == 0 || !isOneUser {
                let next = values(users, sample)
                if sample == 0 || next != user {
                    user = next
                    requests.append(ScoreRequest(user: user, candidates: []))
                }
            }
            requests[requests.count - 1].candidates.append(values(candidates, sample))
        }
        return (requests, samples)
    }

    private struct Column {
        var name: String
        var isUser: Bool
        var rows: Int
        /// One value a row.
        var values: [FeatureValue]
    }

    private func column(_ tensor: InferenceTensor, samples: Int) throws(APIError) -> Column {
        let place = "inputs.\(tensor.name.prefix(200))"
        guard let input = inputs.first(where: { $0.name == tensor.name }) else {
            throw APIError(
                .unknownFeature,
                "'\(tensor.name.prefix(200))' is no regular feature of this model (a privileged feature is known only when training and cannot be served)",
                at: place)
        }
        let rows = tensor.shape[0]
        guard rows == samples || rows == 1 else {
            throw APIError(.badValue, "expected \(samples) rows as in other inputs, or 1, found \(rows)", at: place)
        }
        let width = rows == 0 ? 1 : tensor.values.count / rows
        if input.isList {
            guard tensor.shape.count == 2 else {
                throw APIError(.badValue, "expected the shape [rows, n], found \(tensor.shape)", at: place)
            }
            let lists = (0..<rows).map { row -> FeatureValue in
                let elements = tensor.values[row * width..<(row + 1) * width]
                // Only at the end: in the middle a missing element is an event without this field.
                let length = elements.lastIndex { $0 != .missing }.map { $0 + 1 - row * width } ?? 0
                return FeatureValue.list(Array(elements.prefix(length)))
            }
            return Column(name: tensor.name, isUser: input.isUser, rows: rows, values: lists)
        }
        guard tensor.shape.count == 1 || tensor.shape == [rows, 1] else {
            throw APIError(.badValue, "expected the shape [rows] or [rows, 1], found \(tensor.shape)", at: place)
        }
        return Column(name: tensor.name, isUser: input.isUser, rows: rows, values: tensor.values)
    }

    private func values(_ columns: [Column], _ sample: Int) -> FeatureValues {
        var values: FeatureValues = [:]
        for column in columns where column.rows > 0 {
            let value = column.values[column.rows == 1 ? 0 : sample]
            if value != .missing { values[column.name] = value }
        }
        return values
    }

    // MARK: Answers

    /// `/v2/models/NAME`
    func metadata(name: String, version: String) -> [UInt8] {
        var writer = JSONWriter(capacity: 1_024)
        func tensor(_ writer: inout JSONWriter, _ name: String, _ type: InferenceType, _ shape: [Int]) {
            writer.object { writer in
                writer.field("name", name)
                writer.field("datatype", type.rawValue)
                writer.key("shape")
                writer.array { writer in for dimension in shape { writer.value(dimension) } }
            }
        }
        writer.object { writer in
            writer.field("name", name)
            writer.key("versions")
            writer.array { $0.value(version) }
            writer.field("platform", "hindsight")
            writer.key("inputs")
            writer.array { writer in
                for input in inputs { tensor(&writer, input.name, input.datatype, input.isList ? [-1, -1] : [-1]) }
            }
            writer.key("outputs")
            writer.array { writer in for output in outputs { tensor(&writer, output.name, .fp32, [-1]) } }
        }
        return writer.bytes
    }
}

/// Scores as an answer of the protocol.
struct InferenceAnswer: Sendable {
    var modelName: String
    var version: String
    var id: String?
    var outputs: [(name: String, isBinary: Bool, scores: [Float])]

    /// The body, and how much of it is JSON when bytes follow.
    func encode() -> (body: [UInt8], headerLength: Int?) {
        var writer = JSONWriter(capacity: 256 + outputs.reduce(0) { $0 + $1.scores.count * 12 })
        writer.object { writer in
            writer.field("model_name", modelName)
            writer.field("model_version", version)
            if let id { writer.field("id", id) }
            writer.key("outputs")
            writer.array { writer in
                for output in outputs {
                    writer.object { writer in
                        writer.field("name", output.name)
                        writer.field("datatype", InferenceType.fp32.rawValue)
                        writer.key("shape")
                        writer.array { $0.value(output.scores.count) }
                        if output.isBinary {
                            writer.key("parameters")
                            writer.object { $0.field("binary_data_size", 4 * output.scores.count) }
                        } else {
                            writer.key("data")
                            writer.array { writer in for score in output.scores { writer.value(score) } }
                        }
                    }
                }
            }
        }
        guard outputs.contains(where: \.isBinary) else { return (writer.bytes, nil) }
        var body = writer.bytes
        let length = body.count
        for output in outputs where output.isBinary {
            for score in output.scores { withUnsafeBytes(of: score.bitPattern.littleEndian) { body.append(contentsOf: $0) } }
        }
        return (body, length)
    }
}
