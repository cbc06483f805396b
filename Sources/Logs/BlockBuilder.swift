import Schema

/// Collects encoded rows into one `EncodedBlock`, keeping each distinct user side and item side once.
final class BlockBuilder {
    private let columns: SchemaColumns
    private let regular: [Target]
    private let privileged: [Target]
    private let sequenceOffsets = Growable<Int32>()
    private let sequenceFields: [Growable<Int32>]
    private let userOf = Growable<Int32>(capacity: 1 << 15)
    private let itemOf = Growable<Int32>(capacity: 1 << 15)
    private var users = ContentIndex()
    private var items = ContentIndex()
    private let labels: [Growable<Float>]
    private let weights = Growable<Float>(capacity: 1 << 15)
    private let softLabels: Growable<Float>?
    private let requests = Growable<UInt64>(capacity: 1 << 15)
    private let groups = Growable<UInt64>(capacity: 1 << 15)

    private struct Target {
        let ids = Growable<Int32>(capacity: 1 << 12)
        let offsets: Growable<Int32>?
        init(isList: Bool) {
            offsets = isList ? Growable<Int32>(capacity: 1 << 12) : nil
            offsets?.append(0)
        }
        var column: EncodedBlock.Column { .init(ids: Slab(ids), offsets: offsets.map { Slab($0) }) }
    }

    init(columns: SchemaColumns) {
        self.columns = columns
        regular = columns.regular.map { Target(isList: $0.isList) }
        privileged = columns.privileged.map { Target(isList: $0.isList) }
        sequenceFields = columns.fields.map { _ in Growable<Int32>(capacity: 1 << 14) }
        sequenceOffsets.append(0)
        labels = columns.labels.map { _ in Growable<Float>(capacity: 1 << 15) }
        softLabels = columns.softLabel.map { _ in Growable<Float>(capacity: 1 << 15) }
    }

    var count: Int { userOf.count }
    var lastRequest: UInt64? { requests.count > 0 ? requests.base[requests.count - 1] : nil }

    func append(_ encoded: ChunkEncoder, _ checked: CheckedChunk, rows: ArraySlice<Int32>) {
        var newUsers: [Int32] = []
        var newItems: [Int32] = []
        var lastUser: (UInt64, UInt64, Int32) = (0, 0, -1)
        let userKeys = encoded.userKeys.base, itemKeys = encoded.itemKeys.base
        for row in rows {
            let k = 2 * Int(row)
            // Neighbouring rows mostly belong to one request.
            if lastUser.2 < 0 || lastUser.0 != userKeys[k] || lastUser.1 != userKeys[k + 1] {
                let (user, isNew) = users.number(of: userKeys[k], userKeys[k + 1])
                if isNew { newUsers.append(row) }
                lastUser = (userKeys[k], userKeys[k + 1], user)
            }
            userOf.append(lastUser.2)
            let (item, isNew) = items.number(of: itemKeys[k], itemKeys[k + 1])
            if isNew { newItems.append(row) }
            itemOf.append(item)
        }
        for (i, feature) in columns.schema.regular.enumerated() {
            switch feature.side {
            case .user: Self.copy(encoded.regular[i], newUsers[...], regular[i])
            case .item: Self.copy(encoded.regular[i], newItems[...], regular[i])
            case .interaction: Self.copy(encoded.regular[i], rows, regular[i])
            }
        }
        for i in privileged.indices { Self.copy(encoded.privileged[i], rows, privileged[i]) }
        appendSequences(encoded, newUsers)
        appendTargets(encoded, checked, rows)
    }

    private func appendSequences(_ encoded: ChunkEncoder, _ rows: [Int32]) {
        guard !sequenceFields.isEmpty else { return }
        for row in rows {
            let run = Int(encoded.runOf.base[Int(row)])
            let start = Int(encoded.runOffsets.base[run]), end = Int(encoded.runOffsets.base[run + 1])
            for (f, field) in sequenceFields.enumerated() {
                field.append(from: encoded.runFields[f].base + start, count: end - start)
            }
            sequenceOffsets.append(sequenceOffsets.base[sequenceOffsets.count - 1] + Int32(end - start))
        }
    }

    private func appendTargets(_ encoded: ChunkEncoder, _ checked: CheckedChunk, _ rows: ArraySlice<Int32>) {
        for (label, values) in zip(labels, checked.labels) {
            let out = label.extend(by: rows.count)
            for (k, row) in rows.enumerated() { out[k] = Float(values[Int(row)]) }
        }
        let out = weights.extend(by: rows.count)
        if let values = checked.weights {
            for (k, row) in rows.enumerated() { out[k] = Float(values[Int(row)]) }
        } else {
            out.update(repeating: 1, count: rows.count)
        }
        if let softLabels, let values = checked.softLabels {
            let out = softLabels.extend(by: rows.count)
            for (k, row) in rows.enumerated() { out[k] = Float(values[Int(row)]) }
        }
        let requestOut = requests.extend(by: rows.count), groupOut = groups.extend(by: rows.count)
        for (k, row) in rows.enumerated() {
            requestOut[k] = encoded.requests.base[Int(row)]
            groupOut[k] = encoded.groups.base[Int(row)]
        }
    }

    private static func copy(_ source: ChunkEncoder.Column, _ rows: ArraySlice<Int32>, _ target: Target) {
        let ids = source.ids.base
        guard let targetOffsets = target.offsets else {
            let out = target.ids.extend(by: rows.count)
            var k = 0
            for row in rows {
                out[k] = ids[Int(row)]
                k += 1
            }
            return
        }
        let offsets = source.offsets.base
        for row in rows {
            let start = Int(offsets[Int(row)]), end = Int(offsets[Int(row) + 1])
            target.ids.append(from: ids + start, count: end - start)
            targetOffsets.append(Int32(target.ids.count))
        }
    }

    /// The block; the builder must not be used again.
    func finish() -> EncodedBlock {
        EncodedBlock(
            userOf: Slab(userOf), itemOf: Slab(itemOf), userKeys: Slab(users.keys), itemKeys: Slab(items.keys),
            regular: regular.map(\.column), privileged: privileged.map(\.column),
            sequenceOffsets: columns.schema.sequence == nil ? nil : Slab(sequenceOffsets),
            sequenceFields: sequenceFields.map { Slab($0) }, labels: labels.map { Slab($0) }, weights: Slab(weights),
            softLabels: softLabels.map { Slab($0) }, requests: Slab(requests), groups: Slab(groups))
    }
}
