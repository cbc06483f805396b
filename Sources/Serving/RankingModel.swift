import Foundation
import Logs
import ModelPackage
import Retrieval
import Schema

/// One version of everything that ranks: user mapping, item mappings and fine rankers that belong together.
///
/// Any number of threads may call at once. Items may be added and removed while it serves.
public final class RankingModel: Sendable {
    public let path: String
    /// The version of all parts together; see `ServedDirectory`.
    public let version: String
    /// The coarse CTR student, or the only student of a directory without items.
    public let package: ModelPackage
    public let parts: [FinePart: ModelPackage]
    public let limits: ServingLimits
    let student: StudentScorer
    let fine: [FinePart: FineRanker]
    let catalogue: ItemCatalogue?

    /// Opens a served directory and checks all of it.
    /// - Parameters:
    ///   - threads: how many share the work of hashing a large item file.
    public init(path: String, limits: ServingLimits = ServingLimits(), threads: Int = 1) throws {
        let directory = try ServedDirectory(path: path, threads: threads)
        self.path = path
        self.limits = limits
        package = directory.package
        parts = directory.parts
        version = directory.version
        func siblings(of part: FinePart?) -> [ServingSchema] {
            let others = directory.parts.filter { $0.key != part }.map(\.value.schema)
            return part == nil ? others : others + [directory.package.schema]
        }
        student = try StudentScorer(package, limits: limits, siblings: siblings(of: nil))
        var fine: [FinePart: FineRanker] = [:]
        for (part, model) in parts { fine[part] = try FineRanker(part, model, limits: limits, siblings: siblings(of: part)) }
        self.fine = fine
        if let width = package.student.vectorWidth, let items = directory.items {
            catalogue = try ItemCatalogue(items, width: width)
        } else {
            catalogue = nil
        }
    }

    /// Items that can be ranked now.
    public var itemCount: Int { catalogue?.view.count ?? 0 }
    /// Whether survivors are scored by a network of their own.
    public var hasFineRanker: Bool { !fine.isEmpty }
    /// Whether items have prices.
    public var hasPrices: Bool { catalogue?.view.hasPrices ?? false }

    /// Values so far, by feature, that no table knew; of each network the one that met most of them.
    public var unknownValues: [String: Int] {
        fine.values.reduce(student.unknownValues) { $0.merging($1.scorer.unknownValues, uniquingKeysWith: max) }
    }

    /// Runs every network over the shapes that requests will have, and the scan over all items: memory is there,
    /// code is generated, pages are mapped. Throws what the first request would have met.
    /// - Parameter calls: how many requests at a time to be ready for.
    public func warm(calls: Int = 1) throws(ServingError) {
        try student.prepare(calls: calls, .warmingUser(package))
        for ranker in fine.values { try ranker.scorer.prepare(calls: calls, ranker.warmingInputs(items: limits.survivors)) }
        guard let catalogue, package.student.task == .ctr else { return }
        for _ in 0..<2 {
            let vector = try student.userVectors(.warmingUser(package))
            _ = try coarse(vector, topK: limits.survivors, nil, ItemFilter(), catalogue.view)
        }
    }

    func coarse(
        _ vector: [Float], topK: Int, _ candidates: [Int64]?, _ filter: ItemFilter, _ view: ItemCatalogue.View
    ) throws(ServingError) -> SearchResult {
        do {
            return try view.index.search(
                vector, topK: topK, candidates: candidates, filter: filter, threads: limits.searchThreads)
        } catch {
            // Sizes are right by construction; what is left is a vector that is not finite.
            throw .badInputs("the user vector: \(error)")
        }
    }
}
