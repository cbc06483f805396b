import Kernels
import Layers
import Rankers
import Schema

/// Builds the networks of a plan, reserving their dense parameters and tables on the way.
struct NetworkBuilder<S: Scalar> {
    let plan: DistillationPlan
    var layout = ParameterLayout()
    var registry: TableRegistry
    private var sequences: [Owner: SequenceComponent<S>] = [:]

    init(_ plan: DistillationPlan) {
        self.plan = plan
        registry = TableRegistry(rows: plan.tableRows)
    }

    /// The student sees regular features only: nothing here can name a privileged one.
    mutating func student() -> Network<S> {
        let user = regularBlock(.user, for: .student)
        let item = regularBlock(.item, for: .student)
        let sample = regularBlock(.interaction, for: .student)
        let sequence = sequenceComponent(for: .student)
        let widths = Network.widths(user: user, item: item, sample: sample, sequence: sequence)
        let tasks = plan.tasks.map(\.name)
        let ranker: any Ranker<S>
        switch plan.task {
        case .ctr:
            ranker = InnerProductRanker("student", inputs: widths, shape: plan.innerProduct, tasks: tasks, in: &layout)
        case .cvr:
            ranker = MLPRanker(
                "student.mlp", inputs: widths, shape: plan.mlp(plan.networks.mlp), tasks: tasks, in: &layout)
        }
        return Network(user: user, item: item, sample: sample, sequence: sequence, ranker: ranker)
    }

    mutating func teacher() -> Network<S> {
        let regular = plan.teacherSeesRegular
        let user = regular ? regularBlock(.user, for: .teacher) : InputBlock(.user, [], in: &registry)
        let item = regular ? regularBlock(.item, for: .teacher) : InputBlock(.item, [], in: &registry)
        let sample = teacherSampleBlock()
        let sequence = regular ? sequenceComponent(for: .teacher) : nil
        let widths = Network.widths(user: user, item: item, sample: sample, sequence: sequence)
        let tasks = [plan.schema.labels[0].name]
        let ranker: any Ranker<S>
        switch plan.teacherNetwork {
        case .innerProduct:
            ranker = InnerProductRanker("teacher", inputs: widths, shape: plan.innerProduct, tasks: tasks, in: &layout)
        case .mlp(let layers):
            ranker = MLPRanker("teacher.mlp", inputs: widths, shape: plan.mlp(layers), tasks: tasks, in: &layout)
        }
        return Network(user: user, item: item, sample: sample, sequence: sequence, ranker: ranker)
    }

    private mutating func regularBlock(_ side: Side, for network: Owner) -> InputBlock {
        let entity: Entity =
            switch side {
            case .user: .user
            case .item: .item
            case .interaction: .sample
            }
        return InputBlock(entity, regularInputs(side, for: network), in: &registry)
    }

    private func regularInputs(
        _ side: Side, for network: Owner
    ) -> [(encoding: FeatureEncoding, source: InputSource, owner: Owner)] {
        plan.schema.regularIndices(side).map { index in
            let feature = plan.schema.regular[index]
            return (feature.encoding, .regular(index), plan.owner(of: feature.name, for: network))
        }
    }

    /// Interaction features (CVR) and, when the method uses them, the privileged features: only the teacher's.
    private mutating func teacherSampleBlock() -> InputBlock {
        var inputs = plan.teacherSeesRegular ? regularInputs(.interaction, for: .teacher) : []
        if plan.teacherSeesPrivileged {
            inputs += plan.schema.privileged.enumerated().map { index, feature in
                (feature.encoding, .privileged(index), .teacher)
            }
        }
        return InputBlock(.sample, inputs, in: &registry)
    }

    private mutating func sequenceComponent(for network: Owner) -> SequenceComponent<S>? {
        guard let sequence = plan.schema.sequence else { return nil }
        let owner = plan.sequenceOwner(for: network)
        if let known = sequences[owner] { return known }
        let component = SequenceComponent<S>(
            sequence, owner: owner, plan: plan, layout: &layout, registry: &registry)
        sequences[owner] = component
        return component
    }
}
