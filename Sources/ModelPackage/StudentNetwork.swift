import Kernels
import Layers
import Logs
import Schema

/// The student in inference: the layers of `InnerProductRanker` and `MLPRanker` under the names they have there,
/// with the two mappings reachable one by one, which serving needs and training does not. Embeddings come straight
/// from the tables' memory.
///
/// Belongs to one thread at a time: layers remember what they saw. Weights and tables are only read.
public final class StudentNetwork {
    /// The dense parameters in one flat buffer.
    public let layout: ParameterLayout
    public let description: StudentDescription
    private let schema: ServingSchema
    private let sequence: SequenceBlock<Float>?
    private let userMapping: Mapping?
    private let itemMapping: Mapping?
    private let mlp: JoinedStack<Float>?
    private let learned: (scale: ParameterSlot, bias: ParameterSlot)?

    private struct Mapping {
        let stack: JoinedStack<Float>
        let normalise: L2Normalise<Float>

        init(_ name: String, inputs: [Int], layers: [Int], _ activation: ActivationShape, in layout: inout ParameterLayout) {
            stack = JoinedStack(name, inputWidths: inputs, widths: layers, activation: activation, in: &layout)
            normalise = L2Normalise(width: layers[layers.count - 1])
        }

        func forward(_ parts: [InputPart<Float>], count: Int, _ pass: Pass<Float>) -> Matrix<Float> {
            normalise.forward(stack.forward(parts, count: count, pass), pass).matrix
        }
    }

    /// - Parameters: a description and a schema that were checked against each other.
    public init(_ description: StudentDescription, _ schema: ServingSchema) {
        self.description = description
        self.schema = schema
        var layout = ParameterLayout()
        let activation = ActivationShape(batchNorm: description.batchNorm, leakySlope: description.leakySlope)
        func width(_ side: Side) -> Int {
            schema.regular.reduce(0) { $1.side == side ? $0 + $1.encoding.dimension : $0 }
        }
        if let sequence = schema.sequence, let attention = description.attention {
            self.sequence = SequenceBlock(
                "sequence",
                SequenceShape(
                    width: sequence.width, heads: attention.heads, headDimension: attention.headDimension,
                    feedForward: attention.feedForward), in: &layout)
        } else {
            sequence = nil
        }
        let user = [width(.user)].filter { $0 > 0 } + (schema.sequence.map { [$0.width] } ?? [])
        let item = [width(.item)].filter { $0 > 0 }
        let sample = [width(.interaction)].filter { $0 > 0 }
        var learned: (scale: ParameterSlot, bias: ParameterSlot)?
        switch description.task {
        case .ctr:
            userMapping = Mapping("user", inputs: user, layers: description.layers, activation, in: &layout)
            itemMapping = Mapping("item", inputs: item, layers: description.layers, activation, in: &layout)
            mlp = nil
            if description.learnedScale {
                let scale = layout.add("scale", columns: 1, .constant(description.scale))
                learned = (scale, layout.add("bias", columns: 1, .constant(0)))
            }
        case .cvr:
            userMapping = nil
            itemMapping = nil
            mlp = JoinedStack(
                "mlp", inputWidths: user + item + sample, widths: description.layers + [1], activation: activation,
                in: &layout)
        }
        self.learned = learned
        self.layout = layout
    }

    /// What one forward pass reads and where its results live, until the arenas are reset.
    public struct Inputs {
        let regular: RegularInputs
        let tables: [EmbeddingRows]
        let pass: Pass<Float>
        let integers: Arena<Int32>

        /// - Parameters:
        ///   - regular: row ids that lie inside their tables; see `problem(_:)`.
        ///   - tables: parallel to `StudentDescription.tables`; never written.
        ///   - weights: the flat buffer of `layout`; never written.
        public init(
            _ regular: RegularInputs, tables: [EmbeddingRows], weights: UnsafeMutablePointer<Float>, arena: Arena<Float>,
            integers: Arena<Int32>
        ) {
            self.regular = regular
            self.tables = tables
            self.integers = integers
            pass = Pass(weights: weights, gradients: weights, arena: arena, mode: .evaluation)
        }

        func pointer(_ values: [Int32]) -> UnsafePointer<Int32> {
            let pointer = integers.allocate(max(1, values.count))
            values.withUnsafeBufferPointer { if let base = $0.baseAddress { pointer.update(from: base, count: $0.count) } }
            return UnsafePointer(pointer)
        }
    }

    /// `[users, vectorWidth]`, each of length 1. Only of a CTR student.
    public func userVectors(_ inputs: Inputs) -> Matrix<Float> {
        guard let userMapping else { preconditionFailure("userVectors: a CVR student has no user mapping") }
        return userMapping.forward(userParts(inputs).map { InputPart($0) }, count: inputs.regular.userCount, inputs.pass)
    }

    /// `[items, vectorWidth]`, each of length 1. Only of a CTR student.
    public func itemVectors(_ inputs: Inputs) -> Matrix<Float> {
        guard let itemMapping else { preconditionFailure("itemVectors: a CVR student has no item mapping") }
        return itemMapping.forward(parts(.item, inputs).map { InputPart($0) }, count: inputs.regular.itemCount, inputs.pass)
    }

    /// `[count]` logits.
    public func logits(_ inputs: Inputs) -> UnsafeMutablePointer<Float> {
        let regular = inputs.regular
        let userIndex = regular.userCount == regular.count ? nil : inputs.pointer(regular.userIndex)
        let itemIndex = regular.itemCount == regular.count ? nil : inputs.pointer(regular.itemIndex)
        if let mlp {
            let joined =
                userParts(inputs).map { InputPart($0, index: userIndex) }
                + parts(.item, inputs).map { InputPart($0, index: itemIndex) }
                + parts(.interaction, inputs).map { InputPart($0) }
            return mlp.forward(joined, count: regular.count, inputs.pass).base
        }
        let users = userVectors(inputs)
        let items = itemVectors(inputs)
        let logits = inputs.pass.arena.allocate(max(1, regular.count))
        Float.pairDot(
            users, userIndex, items, itemIndex, scale: learned == nil ? Float(description.scale) : 1, count: regular.count,
            into: logits)
        guard let learned else { return logits }
        return scaled(logits, count: regular.count, learned, inputs.pass)
    }

    /// The factor and the offset between the inner product of two vectors and the logit.
    public func scaleAndBias(weights: UnsafePointer<Float>) -> (scale: Float, bias: Float) {
        guard let learned else { return (Float(description.scale), 0) }
        return (weights[learned.scale.offset], weights[learned.bias.offset])
    }

    private func scaled(
        _ cosines: UnsafeMutablePointer<Float>, count: Int, _ slots: (scale: ParameterSlot, bias: ParameterSlot),
        _ pass: Pass<Float>
    ) -> UnsafeMutablePointer<Float> {
        let logits = pass.arena.zeros(count, 1)
        Float.axpy(pass.weight(slots.scale)[0, 0], cosines, logits.base, count: count)
        Float.addRow(pass.weight(slots.bias).base, to: logits)
        return logits.base
    }

    private func userParts(_ inputs: Inputs) -> [Matrix<Float>] {
        parts(.user, inputs) + (sequence.map { [pooled($0, inputs)] } ?? [])
    }

    /// The embeddings of one side's features side by side; none when there are no such features.
    private func parts(_ side: Side, _ inputs: Inputs) -> [Matrix<Float>] {
        let features = schema.indices(side)
        guard !features.isEmpty else { return [] }
        let regular = inputs.regular
        let rows =
            switch side {
            case .user: regular.userCount
            case .item: regular.itemCount
            case .interaction: regular.count
            }
        let x = inputs.pass.arena.matrix(rows, features.reduce(0) { $0 + schema.regular[$1].encoding.dimension })
        var start = 0
        for feature in features {
            let encoding = schema.regular[feature].encoding
            gather(
                regular.columns[feature], inputs.tables[description.featureTables[feature]], mean: encoding.bag == .mean,
                into: x.columns(start..<start + encoding.dimension), inputs)
            start += encoding.dimension
        }
        return [x]
    }

    private func pooled(_ block: SequenceBlock<Float>, _ inputs: Inputs) -> Matrix<Float> {
        guard let events = inputs.regular.sequence, let fields = schema.sequence?.fields else {
            preconditionFailure("StudentNetwork: inputs without the sequence")
        }
        let count = Int(events.offsets[events.offsets.count - 1])
        let x = inputs.pass.arena.matrix(count, block.shape.width)
        var start = 0
        for (number, field) in fields.enumerated() {
            gather(
                EncodedColumn(ids: events.fields[number]), inputs.tables[description.fieldTables[number]], mean: false,
                into: x.columns(start..<start + field.dimension), inputs)
            start += field.dimension
        }
        return block.forward(
            x, offsets: inputs.pointer(events.offsets), requests: inputs.regular.userCount, inputs.pass)
    }

    private func gather(
        _ column: EncodedColumn, _ table: EmbeddingRows, mean: Bool, into y: Matrix<Float>, _ inputs: Inputs
    ) {
        let ids = inputs.pointer(column.ids)
        if let offsets = column.offsets {
            table.bag(ids, offsets: inputs.pointer(offsets), mean: mean, into: y, scratch: inputs.pass.arena)
        } else {
            table.gather(ids, into: y)
        }
    }
}
