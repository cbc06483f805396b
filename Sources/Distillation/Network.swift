import Kernels
import Layers
import Logs
import Rankers
import Schema

/// The sequence block with the embeddings that go into it; student and teacher may share one.
final class SequenceComponent<S: Scalar> {
    let owner: Owner
    private let events: InputBlock
    private let block: SequenceBlock<S>
    private var pooled: Matrix<S>?
    private var gradient: Matrix<S>?

    var width: Int { block.shape.width }

    init(
        _ sequence: BehaviourSequence, owner: Owner, plan: DistillationPlan, layout: inout ParameterLayout,
        registry: inout TableRegistry
    ) {
        self.owner = owner
        events = InputBlock(
            .event,
            sequence.fields.enumerated().map { number, field in
                (field, .sequenceField(number), owner)
            }, in: &registry)
        block = SequenceBlock("\(owner.rawValue).sequence", plan.sequenceShape(sequence), in: &layout)
    }

    func startStep() {
        pooled = nil
        gradient = nil
    }

    /// `[users, width]`, computed at the first call of a step.
    func forward(_ exchange: EmbeddingExchange<S>, _ batch: BoundBatch<S>, _ pass: Pass<S>) -> Matrix<S> {
        if let pooled { return pooled }
        guard let offsets = batch.sequenceOffsets else { preconditionFailure("SequenceComponent: batch has no sequence") }
        let x = events.gather(exchange, batch, arena: pass.arena)
        let result = block.forward(x, offsets: offsets, requests: batch.userCount, pass)
        pooled = result
        return result
    }

    /// Adds one network's gradient of the pooled vectors.
    func addGradient(_ dy: Matrix<S>) {
        if let gradient {
            S.axpy(1, dy.base, gradient.base, count: dy.count)
        } else {
            gradient = dy
        }
    }

    func backward(_ exchange: EmbeddingExchange<S>, _ pass: Pass<S>) {
        guard let gradient else { return }
        events.scatter(block.backward(gradient, pass), exchange) { _ in true }
    }
}

/// A student or a teacher: its input components and its ranker.
final class Network<S: Scalar> {
    private let user: InputBlock
    private let item: InputBlock
    private let sample: InputBlock
    let sequence: SequenceComponent<S>?
    private let ranker: any Ranker<S>

    /// - Parameter sequence: nil when the network has none (no sequence in the schema, or LUPI's teacher).
    init(
        user: InputBlock, item: InputBlock, sample: InputBlock, sequence: SequenceComponent<S>?,
        ranker: any Ranker<S>
    ) {
        self.user = user
        self.item = item
        self.sample = sample
        self.sequence = sequence
        self.ranker = ranker
    }

    static func widths(
        user: InputBlock, item: InputBlock, sample: InputBlock, sequence: SequenceComponent<S>?
    ) -> RankerInputWidths {
        RankerInputWidths(
            user: [user.width].filter { $0 > 0 } + (sequence.map { [$0.width] } ?? []),
            item: [item.width].filter { $0 > 0 }, sample: [sample.width].filter { $0 > 0 })
    }

    func forward(
        _ exchange: EmbeddingExchange<S>, _ batch: BoundBatch<S>, _ pass: Pass<S>
    ) -> [UnsafeMutablePointer<S>] {
        func gathered(_ block: InputBlock) -> [Matrix<S>] {
            block.slots.isEmpty ? [] : [block.gather(exchange, batch, arena: pass.arena)]
        }
        let pooled = sequence.map { [$0.forward(exchange, batch, pass)] } ?? []
        return ranker.forward(
            RankerInputs(
                batch: batch, user: gathered(user) + pooled, item: gathered(item), sample: gathered(sample)), pass)
    }

    /// Backward through the ranker and into the embeddings and sequences whose owner passes `filter`.
    func backward(
        _ gradients: [UnsafeMutablePointer<S>], _ exchange: EmbeddingExchange<S>, _ pass: Pass<S>,
        into filter: (Owner) -> Bool
    ) {
        let inputs = ranker.backward(gradients, pass)
        if !user.slots.isEmpty { user.scatter(inputs.user[0], exchange, where: filter) }
        if !item.slots.isEmpty { item.scatter(inputs.item[0], exchange, where: filter) }
        if !sample.slots.isEmpty { sample.scatter(inputs.sample[0], exchange, where: filter) }
        if let sequence, filter(sequence.owner) { sequence.addGradient(inputs.user[inputs.user.count - 1]) }
    }
}
