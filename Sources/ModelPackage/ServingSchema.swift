import Schema

/// What a request may carry: regular features and the behaviour sequence. There is no place in it for a privileged
/// feature, a label or a weight.
public struct ServingSchema: Sendable, Codable, Equatable {
    public var regular: [RegularFeature]
    public var sequence: BehaviourSequence?

    public init(regular: [RegularFeature], sequence: BehaviourSequence?) {
        self.regular = regular
        self.sequence = sequence
    }

    /// The servable part of a schema.
    public init(_ schema: FeatureSchema) { self.init(regular: schema.regular, sequence: schema.sequence) }

    /// Indices into `regular` of the features of one side, in order.
    public func indices(_ side: Side) -> [Int] { regular.indices.filter { regular[$0].side == side } }

    /// As the logs' readers take it: without labels and privileged features.
    public var logSchema: FeatureSchema { FeatureSchema(regular: regular, sequence: sequence, labels: []) }

    /// Sizes and names that no sane schema has, so that later arithmetic on them cannot overflow.
    func problem() -> String? {
        let encodings = regular.map(\.encoding) + (sequence?.fields ?? [])
        guard encodings.count <= RunLimits.features else { return "\(encodings.count) features" }
        var names: Set<String> = []
        for encoding in encodings {
            guard names.insert(encoding.name).inserted else { return "two features named '\(encoding.name)'" }
            guard (1...RunLimits.dimension).contains(encoding.dimension) else {
                return "feature '\(encoding.name)' of dimension \(encoding.dimension)"
            }
        }
        if let sequence {
            guard (1...RunLimits.sequenceLength).contains(sequence.length) else {
                return "a sequence of length \(sequence.length)"
            }
            guard !sequence.fields.isEmpty else { return "a sequence without fields" }
        }
        guard encodings.reduce(0, { $0 + $1.dimension }) <= RunLimits.inputWidth else { return "too wide an input" }
        return nil
    }
}
