import Kernels
import Schema

/// What the rows of an input stand for.
public enum Entity: Sendable, Hashable {
    case user, item, sample, event
}

/// Some features of one entity as one matrix: "entities are represented by the concatenations of their
/// corresponding feature embeddings" (section 5.1).
public struct InputBlock: Sendable, Hashable {
    public struct Slot: Sendable, Hashable {
        public let occurrence: Int
        public let columns: Range<Int>
        /// nil: single-valued.
        public let bag: BagPooling?
    }
    public let entity: Entity
    public let slots: [Slot]
    public var width: Int { slots.last?.columns.upperBound ?? 0 }

    /// - Parameter inputs: the features in order, each with its source and the owner of its table.
    public init(
        _ entity: Entity, _ inputs: [(encoding: FeatureEncoding, source: InputSource, owner: Owner)],
        in registry: inout TableRegistry
    ) {
        self.entity = entity
        var start = 0
        var slots: [Slot] = []
        for (encoding, source, owner) in inputs {
            let columns = start..<(start + encoding.dimension)
            slots.append(
                Slot(
                    occurrence: registry.occurrence(encoding, owner: owner, source: source), columns: columns,
                    bag: encoding.bag))
            start = columns.upperBound
        }
        self.slots = slots
    }

    func rowCount<S>(_ batch: BoundBatch<S>) -> Int {
        switch entity {
        case .user: batch.userCount
        case .item: batch.itemCount
        case .sample: batch.count
        case .event: batch.events
        }
    }

    /// `[entities, width]`
    public func gather<S: Scalar>(_ exchange: EmbeddingExchange<S>, _ batch: BoundBatch<S>, arena: Arena<S>) -> Matrix<S> {
        // Events are narrow, and there are many of them.
        let x = entity == .event ? arena.matrix(rowCount(batch), width) : arena.spreadMatrix(rowCount(batch), width)
        for slot in slots {
            exchange.gather(slot.occurrence, bag: slot.bag != nil, mean: slot.bag == .mean, into: x.columns(slot.columns))
        }
        return x
    }

    /// Adds `dx` to the gradients of the tables whose owner passes `filter`.
    public func scatter<S: Scalar>(_ dx: Matrix<S>, _ exchange: EmbeddingExchange<S>, where filter: (Owner) -> Bool) {
        for slot in slots where filter(exchange.owner(of: slot.occurrence)) {
            exchange.scatter(dx.columns(slot.columns), slot.occurrence, bag: slot.bag != nil, mean: slot.bag == .mean)
        }
    }
}
