import Schema

/// Blocks of a split in file order, again and again.
protocol BlockSource: AnyObject {
    func next() throws -> EncodedBlock?
    func rewind() throws
}

/// Cuts blocks into batches: in file order, or shuffled within each block.
final class BatchReader: BatchSource {
    private let blocks: any BlockSource
    private let schema: FeatureSchema
    private let batchSize: Int
    private let seed: UInt64
    private let shuffles: Bool
    private let deduplicates: Bool
    private let requestGroup: Int?
    private let permutePrivileged: UInt64?
    private var epoch = 0
    private var blockNumber = 0
    private var current: Opened?

    private struct Opened {
        let block: EncodedBlock
        /// nil: file order.
        let order: [Int32]?
        /// Whose privileged features each row of the block is given; nil: its own.
        let donors: [Int32]?
        var position: Int
    }
    private var gatherer: BatchGatherer

    init(
        blocks: any BlockSource, schema: FeatureSchema, batchSize: Int, seed: UInt64, shuffles: Bool, deduplicates: Bool,
        requestGroup: Int, permutePrivileged: UInt64? = nil
    ) {
        precondition(batchSize > 0, "batches: batchSize \(batchSize) must be positive")
        self.blocks = blocks
        self.schema = schema
        self.batchSize = batchSize
        self.seed = seed
        self.shuffles = shuffles
        self.deduplicates = deduplicates
        self.requestGroup = schema.requestColumn == nil ? nil : requestGroup
        self.permutePrivileged = permutePrivileged
        gatherer = BatchGatherer(schema: schema, deduplicates: deduplicates)
    }

    func next() throws -> Batch? {
        var pieces: [BatchGatherer.Piece] = []
        var needed = batchSize
        while needed > 0 {
            if current == nil, try !advance() { break }
            let (block, position) = (current!.block, current!.position)
            let taken = min(needed, block.count - position)
            if taken > 0 {
                let rows =
                    current!.order.map { $0[position..<position + taken] }
                    ?? (Int32(position)..<Int32(position + taken)).map { $0 }[...]
                let donors = current!.donors.map { donors in rows.map { donors[Int($0)] } }
                pieces.append(.init(block: block, rows: rows, donors: donors))
            }
            needed -= taken
            if position + taken < block.count { current!.position += taken } else { current = nil }
        }
        return pieces.isEmpty ? nil : gatherer.gather(pieces)
    }

    func seek(epoch: Int, batches: Int) throws {
        try blocks.rewind()
        self.epoch = epoch
        blockNumber = 0
        current = nil
        var skipped = batches * batchSize
        while skipped > 0 {
            guard let block = try blocks.next() else { return }
            if skipped >= block.count {
                skipped -= block.count
                blockNumber += 1
            } else {
                open(block, at: skipped)
                skipped = 0
            }
        }
    }

    private func advance() throws -> Bool {
        guard let block = try blocks.next() else { return false }
        open(block, at: 0)
        return true
    }

    private func open(_ block: EncodedBlock, at position: Int) {
        let blockSeed = StableHash.mix(StableHash.mix(StableHash.mix(seed) &+ UInt64(epoch)) &+ UInt64(blockNumber))
        let order = shuffles ? block.shuffledRows(seed: blockSeed, requestGroup: requestGroup) : nil
        current = Opened(block: block, order: order, donors: donors(block), position: position)
        blockNumber += 1
    }

    /// A permutation of the block's rows that the epoch does not change: a teacher sees each sample with the same
    /// wrong features again.
    private func donors(_ block: EncodedBlock) -> [Int32]? {
        permutePrivileged.map { seed in
            var generator = SeededGenerator(seed: StableHash.mix(StableHash.mix(~seed) &+ UInt64(blockNumber)))
            return (0..<Int32(block.count)).shuffled(using: &generator)
        }
    }
}

/// Gathers a batch from rows of one block, or of neighbouring blocks where it straddles them.
struct BatchGatherer {
    struct Piece {
        var block: EncodedBlock
        var rows: ArraySlice<Int32>
        /// The rows that privileged features are taken from; nil: `rows`.
        var donors: [Int32]?
    }

    let schema: FeatureSchema
    let deduplicates: Bool
    // stamps[side of the block] == generation: already in this batch, at `local`.
    private var userMap = StampedMap()
    private var itemMap = StampedMap()

    init(schema: FeatureSchema, deduplicates: Bool) {
        self.schema = schema
        self.deduplicates = deduplicates
    }

    /// The entities of a batch, as rows of the blocks' side arrays: one list a piece.
    private struct Entities {
        var index: [Int32] = []
        var lists: [[Int32]] = []
        var count = 0
    }

    mutating func gather(_ pieces: [Piece]) -> Batch {
        let count = pieces.reduce(0) { $0 + $1.rows.count }
        let users = entities(pieces, count, &userMap, \.userOf, \.userKeys, \.userCount)
        let items = entities(pieces, count, &itemMap, \.itemOf, \.itemKeys, \.itemCount)
        let samples = Entities(lists: pieces.map { Array($0.rows) }, count: count)

        let columns = schema.regular.enumerated().map { i, feature in
            switch feature.side {
            case .user: Self.column(pieces, users) { $0.regular[i] }
            case .item: Self.column(pieces, items) { $0.regular[i] }
            case .interaction: Self.column(pieces, samples) { $0.regular[i] }
            }
        }
        let donors = Entities(lists: pieces.map { $0.donors ?? Array($0.rows) }, count: count)
        let privileged = schema.privileged.indices.map { i in Self.column(pieces, donors) { $0.privileged[i] } }
        let sequence = schema.sequence.map { Self.sequence(pieces, users, fields: $0.fields.count) }
        let targets = Targets(
            labels: schema.labels.indices.map { i in Self.values(pieces, count) { $0.labels[i] } },
            weights: Self.values(pieces, count) { $0.weights },
            softLabels: schema.softLabelColumn == nil ? nil : Self.values(pieces, count) { $0.softLabels! },
            requests: Self.values(pieces, count) { $0.requests }, groups: Self.values(pieces, count) { $0.groups })
        return Batch(
            regular: RegularInputs(
                count: count, userCount: users.count, itemCount: items.count, userIndex: users.index,
                itemIndex: items.index, columns: columns, sequence: sequence),
            privileged: PrivilegedInputs(columns: privileged), targets: targets)
    }

    private func entities(
        _ pieces: [Piece], _ count: Int, _ map: inout StampedMap, _ of: KeyPath<EncodedBlock, Slab<Int32>>,
        _ keys: KeyPath<EncodedBlock, Slab<UInt64>>, _ sides: KeyPath<EncodedBlock, Int>
    ) -> Entities {
        guard deduplicates else {
            let lists = pieces.map { piece in
                let of = piece.block[keyPath: of]
                return piece.rows.map { of[Int($0)] }
            }
            return Entities(index: (0..<Int32(count)).map { $0 }, lists: lists, count: count)
        }
        var result = Entities()
        result.index.reserveCapacity(count)
        // Only where a batch straddles blocks must content be compared: within one, a side has one number.
        var known = ContentIndex()
        for piece in pieces {
            let of = piece.block[keyPath: of], keys = piece.block[keyPath: keys]
            var list: [Int32] = []
            map.begin(size: piece.block[keyPath: sides])
            for row in piece.rows {
                let side = Int(of[Int(row)])
                var local = map[side]
                if local < 0 {
                    if pieces.count > 1 {
                        let (number, isNew) = known.number(of: keys[2 * side], keys[2 * side + 1])
                        local = number
                        if isNew { list.append(Int32(side)) }
                    } else {
                        local = Int32(list.count)
                        list.append(Int32(side))
                    }
                    map[side] = local
                }
                result.index.append(local)
            }
            result.count += list.count
            result.lists.append(list)
        }
        return result
    }

    private static func column(
        _ pieces: [Piece], _ entities: Entities, _ of: (EncodedBlock) -> EncodedBlock.Column
    ) -> EncodedColumn {
        let isBag = of(pieces[0].block).offsets != nil
        guard isBag else {
            let ids = [Int32](unsafeUninitializedCapacity: entities.count) { out, initialised in
                var k = 0
                for (piece, list) in zip(pieces, entities.lists) {
                    let source = of(piece.block).ids.base
                    for row in list {
                        out[k] = source[Int(row)]
                        k += 1
                    }
                }
                initialised = k
            }
            return EncodedColumn(ids: ids)
        }
        var ids: [Int32] = [], offsets: [Int32] = [0]
        for (piece, list) in zip(pieces, entities.lists) {
            let column = of(piece.block)
            let starts = column.offsets!.base
            for row in list {
                let start = Int(starts[Int(row)]), end = Int(starts[Int(row) + 1])
                ids.append(contentsOf: UnsafeBufferPointer(start: column.ids.base + start, count: end - start))
                offsets.append(Int32(ids.count))
            }
        }
        return EncodedColumn(ids: ids, offsets: offsets)
    }

    private static func sequence(_ pieces: [Piece], _ users: Entities, fields: Int) -> EncodedSequence {
        var offsets: [Int32] = [0]
        offsets.reserveCapacity(users.count + 1)
        for (piece, list) in zip(pieces, users.lists) {
            let starts = piece.block.sequenceOffsets!.base
            for user in list { offsets.append(offsets[offsets.count - 1] + starts[Int(user) + 1] - starts[Int(user)]) }
        }
        let events = Int(offsets[offsets.count - 1])
        let columns = (0..<fields).map { f in
            [Int32](unsafeUninitializedCapacity: events) { out, initialised in
                var at = out.baseAddress!
                for (piece, list) in zip(pieces, users.lists) {
                    let starts = piece.block.sequenceOffsets!.base
                    let source = piece.block.sequenceFields[f].base
                    for user in list {
                        let start = Int(starts[Int(user)]), count = Int(starts[Int(user) + 1]) - start
                        at.update(from: source + start, count: count)
                        at += count
                    }
                }
                initialised = events
            }
        }
        return EncodedSequence(offsets: offsets, fields: columns)
    }

    private static func values<T: BitwiseCopyable>(
        _ pieces: [Piece], _ count: Int, _ of: (EncodedBlock) -> Slab<T>
    ) -> [T] {
        [T](unsafeUninitializedCapacity: count) { out, initialised in
            var k = 0
            for piece in pieces {
                let source = of(piece.block).base
                for row in piece.rows {
                    out[k] = source[Int(row)]
                    k += 1
                }
            }
            initialised = k
        }
    }
}

/// A map from small integers that is emptied in constant time.
struct StampedMap {
    private var stamps: [UInt32] = []
    private var values: [Int32] = []
    private var generation: UInt32 = 0

    mutating func begin(size: Int) {
        if size > stamps.count {
            stamps = [UInt32](repeating: 0, count: size)
            values = [Int32](repeating: 0, count: size)
            generation = 0
        }
        if generation == .max {
            for i in stamps.indices { stamps[i] = 0 }
            generation = 0
        }
        generation += 1
    }

    /// -1 when absent.
    @inline(__always)
    subscript(i: Int) -> Int32 {
        get { stamps[i] == generation ? values[i] : -1 }
        set {
            stamps[i] = generation
            values[i] = newValue
        }
    }
}
