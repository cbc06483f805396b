import Kernels
import Logs
import ModelPackage
import Retrieval
import Schema
import TensorFiles

/// The checks of an item file, one a question.
struct ItemFileReader {
    let file: SafetensorsFile

    init(_ file: SafetensorsFile) { self.file = file }

    private func refuse(_ problem: PackageError.Problem, _ expected: String, _ found: String) -> PackageError {
        PackageError(problem, path: file.path, expected: expected, found: found)
    }

    /// The versions that the file names are those of the networks at hand: no more, no fewer, no others.
    func checkBinding(_ package: ModelPackage, _ parts: [FinePart: ModelPackage]) throws {
        guard file.metadata["format"] == ItemFile.format else {
            throw refuse(.formatVersion, ItemFile.format, file.metadata["format"] ?? "none")
        }
        let model = file.metadata["model"] ?? ""
        guard model == package.version else {
            throw refuse(.otherVersion, "item vectors of model \(package.version)", "those of '\(model)'")
        }
        for part in FinePart.allCases {
            let (named, there) = (file.metadata[part.folder], parts[part]?.version)
            guard named == there else {
                throw refuse(
                    .otherVersion, "items encoded for \(part.folder) \(there.map { "of version \($0)" } ?? "being absent")",
                    named.map { "those of '\($0)'" } ?? "none")
            }
        }
    }

    func checkDigest(threads: Int) throws -> String {
        var contents: [String: String] = [:]
        for tensor in file.tensors {
            contents[tensor.name] = SHA256.treeDigest(of: try file.bytes(tensor.name), threads: threads)
        }
        let digest = ItemFile.digest(file.tensors) { contents[$0] ?? "" }
        guard file.metadata["sha256"] == digest else {
            throw refuse(.contentHash, "SHA-256 \(file.metadata["sha256"] ?? "none")", digest)
        }
        return digest
    }

    func shape(_ package: ModelPackage) throws -> (count: Int, width: Int) {
        guard let width = package.student.vectorWidth else {
            throw refuse(.mismatch, "a ctr model, which has an item mapping", package.student.task.rawValue)
        }
        guard let shape = file["vectors"]?.shape, shape.count == 2, shape[1] == width, shape[0] < Int(Int32.max) else {
            throw refuse(
                .mismatch, "vectors of width \(width)", "\(file.tensors.prefix(8).map { "\($0.name) \($0.shape)" })")
        }
        let values = try elements("vectors", Float.self, shape)
        if let base = values.baseAddress, !Float.areFinite(base, count: values.count) {
            throw refuse(.notFinite, "finite vectors", "NaN or infinity")
        }
        return (shape[0], width)
    }

    func ready(_ count: Int, _ width: Int) throws -> ReadyItems {
        let chunks = IndexCodes.chunks(items: count), rows = IndexCodes.rowsPerChunk
        let codes = try elements("codes", UInt8.self, [chunks, IndexCodes.bytesPerChunk(dimension: width)])
        guard UInt(bitPattern: codes.baseAddress) % UInt(IndexCodes.alignment) == 0 else {
            throw refuse(.malformed, "codes on a boundary of \(IndexCodes.alignment) bytes", "another place")
        }
        return try ReadyItems(
            dimension: width, vectors: try elements("vectors", Float.self, [count, width]),
            centres: try elements("centres", Float.self, [chunks, width]), codes: codes,
            scales: try elements("scales", Float.self, [chunks, rows]),
            residuals: try elements("residuals", Float.self, [chunks, rows]),
            norms: try elements("norms", Float.self, [chunks, rows]),
            categories: try elements("categories", UInt16.self, [chunks, rows]))
    }

    func prices(_ count: Int) throws -> UnsafeBufferPointer<Double>? {
        guard file["prices"] != nil else { return nil }
        let prices = try elements("prices", Double.self, [ItemFile.padded(count)])
        guard prices.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
            throw refuse(.notFinite, "prices that are finite and not negative", "others")
        }
        return prices
    }

    func categoryNames(_ count: Int) throws -> [String] {
        guard let padded = file["category_offsets"]?.shape.first else {
            throw refuse(.mismatch, "category_offsets", "none")
        }
        let bytes = try file.elements("category_names", as: UInt8.self)
        let offsets = try elements("category_offsets", Int64.self, [padded])
        guard padded >= 2, padded <= 1 << 17, isRising(offsets, to: bytes.count) else {
            throw refuse(.malformed, "category_offsets that rise from 0 to \(bytes.count)", "others")
        }
        // Padding repeats the last offset: names after the last are empty.
        var names = (0..<padded - 1).map { String(decoding: bytes[Int(offsets[$0])..<Int(offsets[$0 + 1])], as: UTF8.self) }
        while names.count > 1, names[names.count - 1].isEmpty { names.removeLast() }
        guard Set(names).count == names.count, names.count <= 1 << 16 else {
            throw refuse(.malformed, "each category name once", "\(names.count) names")
        }
        return names
    }

    func columns(_ parts: [FinePart: ModelPackage], _ count: Int) throws -> [FinePart: [ItemFile.MappedColumn]] {
        var result: [FinePart: [ItemFile.MappedColumn]] = [:]
        for (part, package) in parts {
            result[part] = try package.itemFeatures.map { place, feature in
                let rows = try file.elements(ItemFile.rowsName(part, feature), as: Int32.self)
                let table = package.student.tables[package.student.featureTables[place]]
                guard rows.allSatisfy({ UInt32(bitPattern: $0) < UInt32(table.rows) }) else {
                    throw refuse(.malformed, "rows of '\(feature.name)' under \(table.rows)", "others")
                }
                guard feature.encoding.bag != nil else {
                    _ = try elements(ItemFile.rowsName(part, feature), Int32.self, [count])
                    return ItemFile.MappedColumn(rows: rows, offsets: nil)
                }
                let offsets = try elements(ItemFile.offsetsName(part, feature), Int64.self, [ItemFile.padded(count + 1)])
                guard isRising(offsets, to: rows.count) else {
                    throw refuse(.malformed, "offsets of '\(feature.name)' that rise from 0 to \(rows.count)", "others")
                }
                return ItemFile.MappedColumn(rows: rows, offsets: offsets)
            }
        }
        return result
    }

    func ids(_ count: Int) throws -> (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<Int64>) {
        let bytes = try file.elements("ids", as: UInt8.self)
        let offsets = try elements("id_offsets", Int64.self, [ItemFile.padded(count + 1)])
        guard isRising(offsets, to: bytes.count) else {
            throw refuse(.malformed, "id_offsets that rise from 0 to \(bytes.count)", "others")
        }
        return (bytes, offsets)
    }

    func slots(_ count: Int) throws -> UnsafeBufferPointer<UInt32> {
        let slots = try file.elements("id_slots", as: UInt32.self)
        guard slots.count > count, slots.count & (slots.count - 1) == 0 else {
            throw refuse(.malformed, "a power of two of id_slots, more than \(count)", "\(slots.count)")
        }
        return slots
    }

    func checkNothingElse(_ parts: [FinePart: ModelPackage]) throws {
        var known: Set = [
            "vectors", "centres", "codes", "scales", "residuals", "norms", "categories", "prices", "category_offsets",
            "category_names", "ids", "id_offsets", "id_slots",
        ]
        for (part, package) in parts {
            for (_, feature) in package.itemFeatures {
                known.insert(ItemFile.rowsName(part, feature))
                if feature.encoding.bag != nil { known.insert(ItemFile.offsetsName(part, feature)) }
            }
        }
        if let other = file.tensors.first(where: { !known.contains($0.name) }) {
            throw refuse(.mismatch, "only what serving reads", "a tensor '\(other.name)'")
        }
    }

    private func elements<Element: TensorElement>(
        _ name: String, _ type: Element.Type, _ shape: [Int]
    ) throws -> UnsafeBufferPointer<Element> {
        try file.require(TensorDescription(name: name, elementType: type.elementType, shape: shape))
        return try file.elements(name, as: type)
    }

    private func isRising(_ offsets: UnsafeBufferPointer<Int64>, to end: Int) -> Bool {
        guard let last = offsets.last, offsets[0] == 0, last == Int64(end) else { return false }
        for i in 1..<offsets.count where offsets[i] < offsets[i - 1] { return false }
        return true
    }
}

extension ItemFile {
    static func rowsName(_ part: FinePart, _ feature: RegularFeature) -> String { "rows/\(part.rawValue)/\(feature.name)" }
    static func offsetsName(_ part: FinePart, _ feature: RegularFeature) -> String {
        "offsets/\(part.rawValue)/\(feature.name)"
    }
    static func padded(_ count: Int) -> Int { (count + 7) / 8 * 8 }

    /// SHA-256 over name, type, shape and content hash of every tensor, by name: empty tensors have no order in a file.
    static func digest(_ tensors: [TensorDescription], content: (String) -> String) -> String {
        let lines = tensors.sorted { $0.name < $1.name }.map { "\($0.name) \($0.elementType.rawValue) \($0.shape) \(content($0.name))\n" }
        return Array(lines.joined().utf8).withUnsafeBytes { SHA256.digest(of: $0) }
    }
}
