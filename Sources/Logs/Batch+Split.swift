import Schema

extension Batch {
    /// The samples in `parts` consecutive pieces of nearly equal size, each with its own deduplicated
    /// inputs; pieces that would be empty are left out. One part is the batch itself.
    ///
    /// - Parameter sides: the side of each regular column, as in `FeatureSchema.regular`.
    public func split(_ parts: Int, sides: [Side]) -> [Batch] {
        (0..<parts).compactMap { share($0, of: parts, sides: sides) }
    }

    /// One piece of `split`, nil where it would be empty: for those who want them made side by side.
    public func share(_ part: Int, of parts: Int, sides: [Side]) -> Batch? {
        guard parts > 1 else { return self }
        let range = shareRange(part, of: parts)
        return range.isEmpty ? nil : samples(range, sides: sides)
    }

    /// The samples of a piece. Where a request begins close to an even cut, the cut is there: both pieces would have
    /// to map its user otherwise.
    public func shareRange(_ part: Int, of parts: Int) -> Range<Int> {
        cut(part, of: parts)..<cut(part + 1, of: parts)
    }

    private func cut(_ part: Int, of parts: Int) -> Int {
        let even = count * part / parts
        guard even > 0, even < count else { return even }
        let users = regular.userIndex
        // Not far away, or one worker would wait for the other longer than a user takes.
        for distance in 0...(count / parts / 100) {
            for place in [even - distance, even + distance] where users[place] != users[place - 1] { return place }
        }
        return even
    }

    /// The samples of a range as a batch of their own.
    public func samples(_ range: Range<Int>, sides: [Side]) -> Batch {
        let (users, userIndex) = compact(regular.userIndex[range], entities: regular.userCount)
        let (items, itemIndex) = compact(regular.itemIndex[range], entities: regular.itemCount)
        let samples = range.map { Int32($0) }
        return Batch(
            regular: regular.selecting(
                users: users, items: items, samples: samples, userIndex, itemIndex, sides: sides),
            privileged: PrivilegedInputs(columns: privileged.columns.map { $0.selecting(samples) }),
            targets: Targets(
                labels: targets.labels.map { Array($0[range]) }, weights: Array(targets.weights[range]),
                softLabels: targets.softLabels.map { Array($0[range]) }, requests: Array(targets.requests[range]),
                groups: Array(targets.groups[range])))
    }
}

/// The entities that `index` mentions, in order of first appearance, and `index` in their numbering.
private func compact(_ index: ArraySlice<Int32>, entities: Int) -> (used: [Int32], index: [Int32]) {
    var place = [Int32](repeating: -1, count: entities)
    var used: [Int32] = []
    let local = index.map { entity -> Int32 in
        if place[Int(entity)] < 0 {
            place[Int(entity)] = Int32(used.count)
            used.append(entity)
        }
        return place[Int(entity)]
    }
    return (used, local)
}

extension EncodedColumn {
    /// The column for these entities, in this order.
    func selecting(_ entities: [Int32]) -> EncodedColumn {
        guard let offsets else { return EncodedColumn(ids: entities.map { ids[Int($0)] }) }
        let (picked, newOffsets) = selectingRagged([ids], offsets: offsets, entities)
        return EncodedColumn(ids: picked[0], offsets: newOffsets)
    }
}

private func selectingRagged(
    _ columns: [[Int32]], offsets: [Int32], _ entities: [Int32]
) -> (columns: [[Int32]], offsets: [Int32]) {
    var newOffsets: [Int32] = [0]
    newOffsets.reserveCapacity(entities.count + 1)
    var picked = columns.map { _ in [Int32]() }
    for entity in entities {
        let range = Int(offsets[Int(entity)])..<Int(offsets[Int(entity) + 1])
        for c in columns.indices { picked[c].append(contentsOf: columns[c][range]) }
        newOffsets.append(newOffsets[newOffsets.count - 1] + Int32(range.count))
    }
    return (picked, newOffsets)
}

extension RegularInputs {
    fileprivate func selecting(
        users: [Int32], items: [Int32], samples: [Int32], _ newUserIndex: [Int32], _ newItemIndex: [Int32],
        sides: [Side]
    ) -> RegularInputs {
        RegularInputs(
            count: samples.count, userCount: users.count, itemCount: items.count, userIndex: newUserIndex,
            itemIndex: newItemIndex,
            columns: zip(columns, sides).map { column, side in
                switch side {
                case .user: column.selecting(users)
                case .item: column.selecting(items)
                case .interaction: column.selecting(samples)
                }
            },
            sequence: sequence.map { sequence in
                let (fields, offsets) = selectingRagged(sequence.fields, offsets: sequence.offsets, users)
                return EncodedSequence(offsets: offsets, fields: fields)
            })
    }
}
