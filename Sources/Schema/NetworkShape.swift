/// Multiply-adds of one forward pass, by how often they are needed when samples are computed together.
///
/// Samples of one request share every user-side input and the sequence; samples of one item share its inputs.
public struct MultiplyAdds: Sendable, Equatable {
    public var perRequest: Double
    public var perItem: Double
    public var perSample: Double

    public init(perRequest: Double = 0, perItem: Double = 0, perSample: Double = 0) {
        self.perRequest = perRequest
        self.perItem = perItem
        self.perSample = perSample
    }

    public static func + (a: Self, b: Self) -> Self {
        Self(
            perRequest: a.perRequest + b.perRequest, perItem: a.perItem + b.perItem,
            perSample: a.perSample + b.perSample)
    }

    /// For one sample, when every request has `samplesPerRequest` samples and every item of a batch
    /// `samplesPerItem`; both 1: nothing is deduplicated.
    public func aSample(samplesPerRequest: Double = 1, samplesPerItem: Double = 1) -> Double {
        perRequest / max(1, samplesPerRequest) + perItem / max(1, samplesPerItem) + perSample
    }
}

/// Whose inputs decide how often a value is computed.
public enum Grain: String, Sendable, CaseIterable {
    case request, item, sample
}

/// Widths of the parts of a network's input.
public struct InputWidths: Sendable, Equatable {
    /// User features and the pooled sequence.
    public var user = 0
    public var item = 0
    /// Regular interactions.
    public var interaction = 0
    public var privileged = 0

    public init(user: Int = 0, item: Int = 0, interaction: Int = 0, privileged: Int = 0) {
        self.user = user
        self.item = item
        self.interaction = interaction
        self.privileged = privileged
    }

    public init(_ schema: FeatureSchema) {
        func width(_ side: Side) -> Int {
            schema.regular.reduce(0) { $1.side == side ? $0 + $1.encoding.dimension : $0 }
        }
        user = width(.user) + (schema.sequence?.width ?? 0)
        item = width(.item)
        interaction = width(.interaction)
        privileged = schema.privileged.reduce(0) { $0 + $1.encoding.dimension }
    }

    public var regularOnly: Self { Self(user: user, item: item, interaction: interaction) }
    public var privilegedOnly: Self { Self(privileged: privileged) }
    public var total: Int { user + item + interaction + privileged }
}

/// One layer: its weights and what it costs.
public struct LayerShape: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// `[inputs, outputs]`, with `outputs` biases or none.
        case linear(inputs: Int, outputs: Int, bias: Bool)
        /// Scale and shift a column: `[2, width]`.
        case batchNorm(width: Int)
        /// Scale and shift a column: `[2, width]`.
        case layerNorm(width: Int)
        /// Softmax(Q K') V of `length` events in `heads` subspaces: no weights.
        case attention(length: Int, heads: Int, headDimension: Int)
        /// `scale * <u, i>` of vectors of this width; with a learned scale and bias two weights.
        case innerProduct(width: Int, learned: Bool)
    }

    public var name: String
    public var kind: Kind
    public var multiplyAdds: MultiplyAdds

    public var parameters: Int {
        switch kind {
        case .linear(let inputs, let outputs, let bias): inputs * outputs + (bias ? outputs : 0)
        case .batchNorm(let width), .layerNorm(let width): 2 * width
        case .attention: 0
        case .innerProduct(_, let learned): learned ? 2 : 0
        }
    }

    /// `[512, 256] + 256`, as a reader would write it.
    public var shape: String {
        switch kind {
        case .linear(let inputs, let outputs, let bias): "[\(inputs), \(outputs)]" + (bias ? " + \(outputs)" : "")
        case .batchNorm(let width), .layerNorm(let width): "2 x \(width)"
        case .attention(let length, let heads, let headDimension): "\(length) events, \(heads) x \(headDimension)"
        case .innerProduct(let width, let learned): "<\(width), \(width)>" + (learned ? " + 2" : "")
        }
    }
}

/// The layers of one network of sections 5.1-5.3, in the order of its forward pass.
///
/// Activations, pooling and l2-normalisation have no weights and are not listed.
public struct NetworkShape: Sendable, Equatable {
    public var name: String
    public var layers: [LayerShape]

    public var parameters: Int { layers.reduce(0) { $0 + $1.parameters } }
    public var multiplyAdds: MultiplyAdds { layers.reduce(MultiplyAdds()) { $0 + $1.multiplyAdds } }

    /// One layer of multi-head self-attention over the behaviour sequence (section 5.1), n = `sequence.width`:
    /// Q, K, V `[n, heads x d]` and output `[heads x d, n]` without bias, layer norm, feed-forward
    /// `[n, m n]`-ReLU-`[m n, n]` with bias, layer norm; skips around both and a mean over the events.
    public static func sequenceBlock(
        _ sequence: BehaviourSequence, _ attention: AttentionConfiguration
    ) -> NetworkShape {
        let n = sequence.width
        let subspace = attention.heads * attention.headDimension
        let hidden = attention.feedForwardMultiple * n
        var network = NetworkShape(name: "self-attention over \(sequence.name)", layers: [])
        func add(_ name: String, _ kind: LayerShape.Kind, _ anEvent: Double) {
            let cost = MultiplyAdds(perRequest: anEvent * Double(sequence.length))
            network.layers.append(LayerShape(name: name, kind: kind, multiplyAdds: cost))
        }
        func linear(_ name: String, _ inputs: Int, _ outputs: Int, bias: Bool) {
            add(name, .linear(inputs: inputs, outputs: outputs, bias: bias), Double(inputs) * Double(outputs))
        }
        for name in ["query", "key", "value"] { linear(name, n, subspace, bias: false) }
        // Q K' and its product with V: each event meets each other in every subspace.
        add(
            "attention",
            .attention(length: sequence.length, heads: attention.heads, headDimension: attention.headDimension),
            2 * Double(sequence.length) * Double(subspace))
        linear("output", subspace, n, bias: false)
        add("layer norm 1", .layerNorm(width: n), 0)
        linear("feed-forward 1", n, hidden, bias: true)
        linear("feed-forward 2", hidden, n, bias: true)
        add("layer norm 2", .layerNorm(width: n), 0)
        return network
    }

    /// The inner-product model (Eq. 3, section 5.2): two mappings, and scale x cosine of their outputs.
    ///
    /// Privileged widths, if any, are appended to the user mapping's input (the teacher of PFD), which is then
    /// computed once a sample but for the user part of its first layer.
    public static func innerProduct(_ widths: InputWidths, _ networks: NetworkConfiguration) -> NetworkShape {
        var network = NetworkShape(name: "inner-product model", layers: [])
        let itemWidths = InputWidths(item: widths.item)
        var userWidths = widths
        userWidths.item = 0
        network.addMapping("user mapping", userWidths, networks.mapping, networks)
        network.addMapping("item mapping", itemWidths, networks.mapping, networks)
        network.addInnerProduct("inner product", networks)
        return network
    }

    /// Hidden layers with batch norm, then one logit (sections 5.2 and 5.3).
    public static func mlp(
        _ widths: InputWidths, hidden: [Int], _ networks: NetworkConfiguration
    ) -> NetworkShape {
        var network = NetworkShape(name: "\(hidden.count)-layer MLP", layers: [])
        let width = network.addHidden("hidden", widths, hidden, networks)
        network.addLinear("logit", width, 1, bias: true)
        return network
    }

    /// MTL with hard sharing (section 5.3): a shared first layer, then an MLP a task.
    public static func multiTask(
        _ widths: InputWidths, labels: [String], _ networks: NetworkConfiguration
    ) -> NetworkShape {
        var network = NetworkShape(name: "multi-task MLP", layers: [])
        let shared = network.addHidden("shared", widths, [networks.multiTaskShared], networks)
        for label in labels {
            let width = network.addHidden(label, InputWidths(interaction: shared), networks.multiTaskHead, networks)
            network.addLinear("\(label) logit", width, 1, bias: true)
        }
        return network
    }

    /// MTL for the inner-product model: both mappings share their first layer, and each task has the rest of
    /// both mappings. (The paper has no MTL for CTR; this is its hard sharing, applied to Eq. 3.)
    public static func multiTaskInnerProduct(
        _ widths: InputWidths, labels: [String], _ networks: NetworkConfiguration
    ) -> NetworkShape {
        var network = NetworkShape(name: "multi-task inner-product model", layers: [])
        let first = [networks.multiTaskShared]
        let user = network.addHidden("shared user", InputWidths(user: widths.user), first, networks)
        let item = network.addHidden("shared item", InputWidths(item: widths.item), first, networks)
        for label in labels {
            let head = networks.multiTaskHead
            network.addMapping("\(label) user mapping", InputWidths(user: user), head, networks)
            network.addMapping("\(label) item mapping", InputWidths(item: item), head, networks)
            network.addInnerProduct("\(label) inner product", networks)
        }
        return network
    }
}

extension NetworkShape {
    /// Linear layers with batch norm (and activation) between them: the last has neither, so it has a bias.
    private mutating func addMapping(
        _ name: String, _ widths: InputWidths, _ sizes: [Int], _ networks: NetworkConfiguration
    ) {
        addChain(name, widths, sizes, networks, lastIsHidden: false)
    }

    /// Linear layers each followed by batch norm (and activation). Returns the last width.
    private mutating func addHidden(
        _ name: String, _ widths: InputWidths, _ sizes: [Int], _ networks: NetworkConfiguration
    ) -> Int {
        addChain(name, widths, sizes, networks, lastIsHidden: true)
        return sizes.last ?? widths.total
    }

    /// The products of the first layer are summed over the parts of its input, so each part is computed as often
    /// as its own inputs change; the layers above follow what changes most often.
    private mutating func addChain(
        _ name: String, _ widths: InputWidths, _ sizes: [Int], _ networks: NetworkConfiguration, lastIsHidden: Bool
    ) {
        let perSample = widths.interaction + widths.privileged
        let grain: Grain =
            if perSample > 0 || (widths.user > 0 && widths.item > 0) { .sample } else if widths.item > 0 { .item } else
            {
                .request
            }
        var inputs = widths.total
        for (i, outputs) in sizes.enumerated() {
            let isHidden = lastIsHidden || i < sizes.count - 1
            let normalised = isHidden && networks.batchNorm
            let cost =
                i == 0
                ? MultiplyAdds(
                    perRequest: Double(widths.user) * Double(outputs), perItem: Double(widths.item) * Double(outputs),
                    perSample: Double(perSample) * Double(outputs))
                : MultiplyAdds(Double(inputs) * Double(outputs), grain)
            layers.append(
                LayerShape(
                    name: "\(name) \(i + 1)", kind: .linear(inputs: inputs, outputs: outputs, bias: !normalised),
                    multiplyAdds: cost))
            if normalised {
                layers.append(
                    LayerShape(
                        name: "\(name) \(i + 1) batch norm", kind: .batchNorm(width: outputs),
                        multiplyAdds: MultiplyAdds()))
            }
            inputs = outputs
        }
    }

    private mutating func addLinear(_ name: String, _ inputs: Int, _ outputs: Int, bias: Bool) {
        layers.append(
            LayerShape(
                name: name, kind: .linear(inputs: inputs, outputs: outputs, bias: bias),
                multiplyAdds: MultiplyAdds(perSample: Double(inputs) * Double(outputs))))
    }

    /// Joins the two mappings that were added last.
    private mutating func addInnerProduct(_ name: String, _ networks: NetworkConfiguration) {
        guard case .linear(_, let width, _)? = layers.last?.kind else { return }
        layers.append(
            LayerShape(
                name: name, kind: .innerProduct(width: width, learned: networks.learnedScale),
                multiplyAdds: MultiplyAdds(perSample: Double(width))))
    }
}

extension MultiplyAdds {
    init(_ count: Double, _ grain: Grain) {
        self.init()
        switch grain {
        case .request: perRequest = count
        case .item: perItem = count
        case .sample: perSample = count
        }
    }
}

/// The networks that a run trains, and what student and teacher share.
public struct RunNetworks: Sendable, Equatable {
    public var student: NetworkShape
    /// nil: no teacher is trained.
    public var teacher: NetworkShape?
    /// The student's self-attention over the behaviour sequence, if there is a sequence.
    public var sequence: NetworkShape?
    /// Whether the teacher reads regular features, and with them the sequence.
    public var teacherReadsRegular: Bool
    /// Whether the teacher reads the student's sequence block instead of one of its own.
    public var sharesSequence: Bool
    /// Tables of which both student and teacher keep one.
    public var doubledTables: Set<String>

    public init(_ run: RunConfiguration) {
        let widths = InputWidths(run.schema)
        let networks = run.networks
        let method = run.distillation.method
        let labels = run.schema.labels.map(\.name)
        sequence = run.schema.sequence.map { .sequenceBlock($0, networks.attention) }

        student =
            switch (run.task, method) {
            case (.ctr, .mtl): .multiTaskInnerProduct(widths.regularOnly, labels: labels, networks)
            case (.cvr, .mtl): .multiTask(widths.regularOnly, labels: labels, networks)
            case (.ctr, _): .innerProduct(widths.regularOnly, networks)
            case (.cvr, _): .mlp(widths.regularOnly, hidden: networks.mlp, networks)
            }
        // Without its privileged features a teacher keeps its network: self-distillation.
        let teacherWidths = run.distillation.control == .selfDistillation ? widths.regularOnly : widths
        teacher = run.trainsTeacher ? Self.teacher(run.task, method, teacherWidths, networks) : nil
        teacherReadsRegular = teacher != nil && method != .lupi

        let regular = run.schema.regular.map(\.encoding) + (run.schema.sequence?.fields ?? [])
        switch run.distillation.manner.inputs {
        case .independent:
            doubledTables = Set(regular.map(\.table))
            sharesSequence = false
        case .shared(let except):
            let except = Set(except)
            let keepsSequence = run.schema.sequence.map { except.contains($0.name) } ?? false
            doubledTables = Set(
                run.schema.regular.filter { except.contains($0.name) }.map(\.encoding.table)
                    + (keepsSequence ? run.schema.sequence!.fields.map(\.table) : []))
            sharesSequence = !keepsSequence
        }
        if !teacherReadsRegular {
            doubledTables = []
            sharesSequence = false
        }
    }

    /// Sections 5.2 and 5.3.
    private static func teacher(
        _ task: RankingTask, _ method: Method, _ widths: InputWidths, _ networks: NetworkConfiguration
    ) -> NetworkShape? {
        switch (task, method) {
        case (_, .baseline), (_, .mtl): nil
        case (_, .lupi): .mlp(widths.privilegedOnly, hidden: networks.mlp, networks)
        case (.ctr, .md): .mlp(widths.regularOnly, hidden: networks.mlp, networks)
        case (.ctr, .pfd): .innerProduct(widths, networks)
        case (.ctr, .pfdMD), (.cvr, .pfd): .mlp(widths, hidden: networks.mlp, networks)
        case (.cvr, .md): .mlp(widths.regularOnly, hidden: networks.deepTeacher, networks)
        case (.cvr, .pfdMD): .mlp(widths, hidden: networks.deepTeacher, networks)
        }
    }

    /// The teacher's own self-attention, when it reads the sequence and doesn't share the student's.
    public var teacherSequence: NetworkShape? { teacherReadsRegular && !sharesSequence ? sequence : nil }

    /// Every network that is trained, with who owns it.
    public var all: [(owner: String, network: NetworkShape)] {
        var all: [(String, NetworkShape)] = []
        if let sequence {
            all.append((teacherReadsRegular && sharesSequence ? "shared" : "student", sequence))
        }
        all.append(("student", student))
        if let teacherSequence { all.append(("teacher", teacherSequence)) }
        if let teacher { all.append(("teacher", teacher)) }
        return all
    }

    public var parameters: Int { all.reduce(0) { $0 + $1.network.parameters } }
}
