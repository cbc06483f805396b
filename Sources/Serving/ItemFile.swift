import Foundation
import Kernels
import Logs
import ModelPackage
import Retrieval
import TensorFiles

/// The items of a served directory, computed off-line: `items.safetensors`, bound by version to every network that
/// reads it, and laid out so that opening it builds nothing. [0007](served-directory) tells why each tensor is there.
///
///     codes, scales, residuals, norms, centres   what the index scans, chunk after chunk (see `IndexCodes`)
///     categories        U16 [chunks, 1024]         numbers of `category_names`, 0 for none
///     id_slots          U32 [power of 2]           a hash table of ids: row + 1, 0 where empty
///     id_offsets        I64 [items + 1, padded]    `ids` of an item
///     prices            F64 [items, padded]        only when items have prices
///     vectors           F32 [items, width]         the coarse item mapping
///     rows/<part>/<feature>     I32                the item's rows in a fine part's tables; lists have
///     offsets/<part>/<feature>  I64 [items + 1, padded]
///     ids, category_names       U8                 UTF-8, one after another
///
/// "Padded" is to a multiple of 8 with the last value, so that everything before the vectors is a multiple of 64 bytes.
/// Mapped, not copied; any thread may read.
public final class ItemFile: @unchecked Sendable {
    // SAFETY: the pointers go into the mapping, which `file` keeps and nobody writes to.
    public static let fileName = "items.safetensors"
    static let format = "hindsight-items-3"

    public let count: Int
    public let width: Int
    /// The digest of all tensors.
    public let digest: String
    let file: SafetensorsFile
    /// What `ItemIndex` searches.
    let ready: ReadyItems
    let prices: UnsafeBufferPointer<Double>?
    /// By number; 0 is the empty name, of items without a category.
    let categoryNames: [String]
    let columns: [FinePart: [MappedColumn]]
    private let ids: UnsafeBufferPointer<UInt8>
    private let idOffsets: UnsafeBufferPointer<Int64>
    private let slots: UnsafeBufferPointer<UInt32>

    /// One item-side feature of a fine part: its rows for every item.
    struct MappedColumn: @unchecked Sendable {
        let rows: UnsafeBufferPointer<Int32>
        let offsets: UnsafeBufferPointer<Int64>?

        func of(_ item: Int) -> UnsafeBufferPointer<Int32> {
            guard let offsets else { return UnsafeBufferPointer(rebasing: rows[item..<item + 1]) }
            return UnsafeBufferPointer(rebasing: rows[Int(offsets[item])..<Int(offsets[item + 1])])
        }
    }

    /// Opens the items of `package` and `parts`, and checks that they are theirs, whole and finite.
    /// - Parameter threads: how many share the work of hashing.
    public init(
        path: String, package: ModelPackage, parts: [FinePart: ModelPackage] = [:], threads: Int = 1
    ) throws(PackageError) {
        do {
            let file = try SafetensorsFile(path: path)
            let reader = ItemFileReader(file)
            try reader.checkBinding(package, parts)
            digest = try reader.checkDigest(threads: threads)
            (count, width) = try reader.shape(package)
            ready = try reader.ready(count, width)
            prices = try reader.prices(count)
            categoryNames = try reader.categoryNames(count)
            columns = try reader.columns(parts, count)
            (ids, idOffsets) = try reader.ids(count)
            slots = try reader.slots(count)
            try reader.checkNothingElse(parts)
            self.file = file
        } catch let error as PackageError {
            throw error
        } catch let error as TensorFileError {
            throw PackageError(error)
        } catch {
            throw PackageError(.malformed, path: path, expected: "items of this model", found: "\(error)")
        }
    }

    /// `[count, width]`, each row of length 1; valid while this object lives.
    public var vectors: UnsafeBufferPointer<Float> {
        // Checked when opened.
        (try? file.floats("vectors")) ?? UnsafeBufferPointer(start: nil, count: 0)
    }

    /// The id of item `number`, its row.
    public func id(_ number: Int) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: ids[Int(idOffsets[number])..<Int(idOffsets[number + 1])]), as: UTF8.self)
    }

    public var allIds: [String] { (0..<count).map(id) }

    /// The row of an id, nil when the file does not have it. O(1); nothing is allocated.
    public func number(of id: String) -> Int? {
        var id = id
        let hash = StableHash.text(id)
        return id.withUTF8 { wanted in
            let mask = slots.count - 1
            var at = Int(truncatingIfNeeded: hash) & mask
            // A table without an empty slot would go round for ever.
            for _ in 0..<slots.count {
                let row = Int(slots[at]) - 1
                guard row >= 0, row < count else { return nil }
                let found = ids[Int(idOffsets[row])..<Int(idOffsets[row + 1])]
                if found.count == wanted.count,
                    wanted.isEmpty || memcmp(found.baseAddress!, wanted.baseAddress!, wanted.count) == 0
                {
                    return row
                }
                at = (at + 1) & mask
            }
            return nil
        }
    }
}

extension Slice where Base == UnsafeBufferPointer<UInt8> {
    fileprivate var baseAddress: UnsafePointer<UInt8>? { UnsafeBufferPointer(rebasing: self).baseAddress }
}
