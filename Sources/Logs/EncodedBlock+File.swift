import Schema
import TensorFiles

/// A block as a safetensors file. Tensors: `users.of`, `items.of`, `users.keys`, `items.keys`, `regular.<i>.ids`
/// (and `.offsets` for bags), `privileged.<i>.ids`, `sequence.offsets`, `sequence.<field>`, `labels.<i>`, `weights`,
/// `soft_labels`, `requests`, `groups`.
extension EncodedBlock {
    func write(to path: String) throws {
        var tensors: [TensorDescription] = []
        var contents: [(String, UnsafeRawBufferPointer)] = []
        func add<T: TensorElement>(_ name: String, _ slab: Slab<T>) {
            tensors.append(TensorDescription(name: name, elementType: T.elementType, shape: [slab.count]))
            contents.append((name, UnsafeRawBufferPointer(start: slab.base, count: slab.byteCount)))
        }
        func add(_ name: String, _ column: Column) {
            add("\(name).ids", column.ids)
            if let offsets = column.offsets { add("\(name).offsets", offsets) }
        }
        add("users.of", userOf)
        add("items.of", itemOf)
        add("users.keys", userKeys)
        add("items.keys", itemKeys)
        for (i, column) in regular.enumerated() { add("regular.\(i)", column) }
        for (i, column) in privileged.enumerated() { add("privileged.\(i)", column) }
        if let sequenceOffsets { add("sequence.offsets", sequenceOffsets) }
        for (i, field) in sequenceFields.enumerated() { add("sequence.\(i)", field) }
        for (i, label) in labels.enumerated() { add("labels.\(i)", label) }
        add("weights", weights)
        if let softLabels { add("soft_labels", softLabels) }
        add("requests", requests)
        add("groups", groups)
        let writer = try SafetensorsWriter(path: path, tensors: tensors)
        for (name, bytes) in contents { try writer.write(name, bytes) }
        try writer.finish()
    }

    /// Maps a file, checking everything that gathering relies on: no content of a file can lead out of its memory.
    convenience init(mapping path: String, columns: SchemaColumns, tableRows: [String: Int]) throws {
        let file = try SafetensorsFile(path: path)
        func slab<T: TensorElement>(_ name: String, _: T.Type) throws -> Slab<T> {
            let elements = try file.elements(name, as: T.self)
            let base = elements.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<T>.alignment)!
            return Slab(base: base, count: elements.count, owner: file)
        }
        func require(_ holds: Bool, _ tensor: String, _ expected: String) throws {
            guard holds else {
                throw LogsError(.unreadable, file: path, column: tensor, expected: expected, found: "something else")
            }
        }
        func indices(_ name: String, count: Int?, below limit: Int) throws -> Slab<Int32> {
            let slab = try slab(name, Int32.self)
            if let count { try require(slab.count == count, name, "\(count) values") }
            var widest: UInt32 = 0
            for i in 0..<slab.count { widest = max(widest, UInt32(bitPattern: slab.base[i])) }
            try require(slab.count == 0 || Int(widest) < limit, name, "values from 0 to \(limit - 1)")
            return slab
        }
        func offsets(_ name: String, entities: Int) throws -> Slab<Int32> {
            let slab = try slab(name, Int32.self)
            try require(slab.count == entities + 1 && slab[0] == 0, name, "\(entities + 1) offsets from 0")
            for i in 0..<entities where slab.base[i] > slab.base[i + 1] { try require(false, name, "ascending offsets") }
            return slab
        }
        func column(_ name: String, _ use: SchemaColumns.Use, entities: Int) throws -> Column {
            let limit = tableRows[use.feature.table] ?? 0
            guard use.isList else {
                return Column(ids: try indices("\(name).ids", count: entities, below: limit), offsets: nil)
            }
            let offsets = try offsets("\(name).offsets", entities: entities)
            return Column(ids: try indices("\(name).ids", count: Int(offsets[entities]), below: limit), offsets: offsets)
        }
        let userKeys = try slab("users.keys", UInt64.self), itemKeys = try slab("items.keys", UInt64.self)
        let users = userKeys.count / 2, items = itemKeys.count / 2
        let userOf = try indices("users.of", count: nil, below: users)
        let count = userOf.count
        let itemOf = try indices("items.of", count: count, below: items)
        let regular = try columns.regular.enumerated().map { i, use in
            let entities =
                switch columns.schema.regular[i].side {
                case .user: users
                case .item: items
                case .interaction: count
                }
            return try column("regular.\(i)", use, entities: entities)
        }
        let privileged = try columns.privileged.enumerated().map { i, use in
            try column("privileged.\(i)", use, entities: count)
        }
        let sequenceOffsets = columns.schema.sequence == nil ? nil : try offsets("sequence.offsets", entities: users)
        let sequenceFields = try columns.fields.enumerated().map { i, use in
            try indices(
                "sequence.\(i)", count: Int(sequenceOffsets![users]), below: tableRows[use.feature.table] ?? 0)
        }
        func whole<T>(_ slab: Slab<T>, _ name: String) throws -> Slab<T> {
            try require(slab.count == count, name, "\(count) values")
            return slab
        }
        self.init(
            userOf: userOf, itemOf: itemOf, userKeys: userKeys, itemKeys: itemKeys, regular: regular,
            privileged: privileged, sequenceOffsets: sequenceOffsets, sequenceFields: sequenceFields,
            labels: try columns.labels.indices.map { try whole(try slab("labels.\($0)", Float.self), "labels.\($0)") },
            weights: try whole(try slab("weights", Float.self), "weights"),
            softLabels: columns.softLabel == nil ? nil : try whole(try slab("soft_labels", Float.self), "soft_labels"),
            requests: try whole(try slab("requests", UInt64.self), "requests"),
            groups: try whole(try slab("groups", UInt64.self), "groups"))
    }
}
