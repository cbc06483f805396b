import Logs
import ModelPackage
import Retrieval
import Schema
import TensorFiles

/// What an item file says of its items; all lists are parallel to `ids`.
public struct ItemFileContents: Sendable {
    public var ids: [String]
    /// `[ids.count, width]`
    public var vectors: [Float]
    /// Finite and not negative. nil: items have no prices.
    public var prices: [Double]?
    /// The empty text is no category. nil: items have none.
    public var categories: [String]?
    /// By part, the rows of the item-side features in the order of the part's schema.
    public var rows: [FinePart: [EncodedColumn]]

    public init(
        ids: [String], vectors: [Float], prices: [Double]? = nil, categories: [String]? = nil,
        rows: [FinePart: [EncodedColumn]] = [:]
    ) {
        self.ids = ids
        self.vectors = vectors
        self.prices = prices
        self.categories = categories
        self.rows = rows
    }
}

extension ItemFile {
    /// Writes the items of `package` and `parts`, whole or not at all, and reads them back.
    /// - Precondition: `vectors` has `ids.count` rows of the package's vector width.
    public static func write(
        _ contents: ItemFileContents, of package: ModelPackage, parts: [FinePart: ModelPackage] = [:], to path: String,
        threads: Int = 1
    ) throws {
        let tensors = try ItemTensors(contents, package, parts, path: path, threads: threads)
        var metadata = ["format": format, "model": package.version, "sha256": try tensors.digest(threads: threads)]
        for (part, model) in parts { metadata[part.folder] = model.version }
        let writer = try SafetensorsWriter(
            path: path, tensors: tensors.list.map(\.description), metadata: metadata, keepingOrder: true)
        for tensor in tensors.list { try tensor.withBytes { try writer.write(tensor.description.name, $0) } }
        try writer.finish()
    }
}

/// The tensors of an item file in the order of their bytes.
private struct ItemTensors {
    struct Tensor {
        let description: TensorDescription
        let withBytes: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    }
    private(set) var list: [Tensor] = []

    private mutating func add<Element: TensorElement>(_ name: String, _ shape: [Int], _ values: [Element]) {
        let description = TensorDescription(name: name, elementType: Element.elementType, shape: shape)
        list.append(Tensor(description: description) { body in try values.withUnsafeBytes(body) })
    }

    init(
        _ contents: ItemFileContents, _ package: ModelPackage, _ parts: [FinePart: ModelPackage], path: String, threads: Int
    ) throws {
        let count = contents.ids.count, width = package.student.vectorWidth ?? 0
        precondition(contents.vectors.count == count * width, "ItemFile: \(contents.vectors.count) floats for \(count) x \(width)")
        func refuse(_ expected: String, _ found: String) -> PackageError {
            PackageError(.mismatch, path: path, expected: expected, found: found)
        }
        guard width > 0 else { throw refuse("a ctr model, which has an item mapping", package.student.task.rawValue) }
        let chunks = IndexCodes.chunks(items: count), rows = IndexCodes.rowsPerChunk
        let codes: IndexCodes
        do {
            codes = try contents.vectors.withUnsafeBufferPointer { vectors throws(RetrievalError) in
                try IndexCodes(vectors: vectors, dimension: width, threads: threads)
            }
        } catch {
            throw PackageError(.notFinite, path: path, expected: "finite vectors", found: "\(error)")
        }
        add("codes", [chunks, IndexCodes.bytesPerChunk(dimension: width)], codes.codes)
        add("scales", [chunks, rows], codes.scales)
        add("residuals", [chunks, rows], codes.residuals)
        add("norms", [chunks, rows], codes.norms)

        let (names, numbers) = try Self.categories(contents, refuse)
        add("categories", [chunks, rows], numbers + [UInt16](repeating: 0, count: chunks * rows - count))
        let slots = try Self.slots(contents.ids, refuse)
        add("id_slots", [slots.count], slots)
        addOffsets("id_offsets", contents.ids.map(\.utf8.count))
        if let prices = contents.prices {
            guard prices.count == count, prices.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
                throw refuse("\(count) prices, finite and not negative", "others")
            }
            add("prices", [ItemFile.padded(count)], prices + [Double](repeating: 0, count: ItemFile.padded(count) - count))
        }
        addOffsets("category_offsets", names.map(\.utf8.count))

        var lists: [(String, [Int32])] = []
        for (part, model) in parts.sorted(by: { $0.key < $1.key }) {
            let features = model.itemFeatures.map(\.feature)
            guard let columns = contents.rows[part], columns.count == features.count else {
                throw refuse("\(features.count) columns of \(part.folder)", "\(contents.rows[part]?.count ?? 0)")
            }
            for (feature, column) in zip(features, columns) {
                lists.append((ItemFile.rowsName(part, feature), column.ids))
                if let offsets = column.offsets {
                    addOffsets(ItemFile.offsetsName(part, feature), zip(offsets, offsets.dropFirst()).map { Int($1 - $0) })
                }
            }
        }
        add("vectors", [count, width], contents.vectors)
        add("centres", [chunks, width], codes.centres)
        for (name, ids) in lists { add(name, [ids.count], ids) }
        add("ids", [contents.ids.reduce(0) { $0 + $1.utf8.count }], Array(contents.ids.lazy.map(\.utf8).joined()))
        add("category_names", [names.reduce(0) { $0 + $1.utf8.count }], Array(names.lazy.map(\.utf8).joined()))
    }

    func digest(threads: Int) throws -> String {
        let byName = Dictionary(uniqueKeysWithValues: list.map { ($0.description.name, $0) })
        var hashes: [String: String] = [:]
        for (name, tensor) in byName {
            try tensor.withBytes { hashes[name] = SHA256.treeDigest(of: $0, threads: threads) }
        }
        return ItemFile.digest(list.map(\.description)) { hashes[$0] ?? "" }
    }

    /// 0, the ends of the lengths, and the last end again and again.
    private mutating func addOffsets(_ name: String, _ lengths: [Int]) {
        var offsets: [Int64] = [0]
        offsets.reserveCapacity(ItemFile.padded(lengths.count + 1))
        for length in lengths { offsets.append(offsets[offsets.count - 1] + Int64(length)) }
        while offsets.count % 8 != 0 { offsets.append(offsets[offsets.count - 1]) }
        add(name, [offsets.count], offsets)
    }

    /// Names, the empty one first, and each item's number.
    private static func categories(
        _ contents: ItemFileContents, _ refuse: (String, String) -> PackageError
    ) throws -> ([String], [UInt16]) {
        guard let categories = contents.categories else { return ([""], [UInt16](repeating: 0, count: contents.ids.count)) }
        guard categories.count == contents.ids.count else {
            throw refuse("\(contents.ids.count) categories", "\(categories.count)")
        }
        var names = [""]
        var known = ["": UInt16(0)]
        let numbers = try categories.map { name in
            if let number = known[name] { return number }
            guard let number = UInt16(exactly: names.count) else { throw refuse("at most 65,535 categories", "more") }
            known[name] = number
            names.append(name)
            return number
        }
        return (names, numbers)
    }

    /// Open addressing with linear probing, at most half full.
    private static func slots(_ ids: [String], _ refuse: (String, String) -> PackageError) throws -> [UInt32] {
        var size = 16
        while size < 2 * ids.count { size *= 2 }
        var slots = [UInt32](repeating: 0, count: size)
        for (row, id) in ids.enumerated() {
            var at = Int(truncatingIfNeeded: StableHash.text(id)) & (size - 1)
            while slots[at] != 0 {
                guard !ids[Int(slots[at]) - 1].utf8.elementsEqual(id.utf8) else { throw refuse("each item once", "'\(id.prefix(200))' again") }
                at = (at + 1) & (size - 1)
            }
            slots[at] = UInt32(row + 1)
        }
        return slots
    }
}
