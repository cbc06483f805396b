import Evaluation
import Foundation
import Logs
import ModelPackage
import Serving
import Training

/// What tables in fewer bits do to a student: its scores and its AUC beside those of the trainer's float32.
struct NarrowingReport {
    let samples: Int
    /// The logs it was measured on.
    let source: String
    /// Of one sample's probability.
    let largestDifference: Double
    let meanDifference: Double
    let auc: (float32: Double, package: Double)
    private let storage: String
    private let bytes: (float32: Int, package: Int)

    /// nil when the run has no test split and no other logs are named.
    init?(package path: String, run folder: String, data: [String]) throws {
        let package = try ModelPackage(path: path)
        let session = try RunSession(folder: folder, data: data.isEmpty ? nil : data)
        let logs = session.run.logs
        guard !data.isEmpty || !logs.test.isEmpty || logs.testSplit != nil else { return nil }
        let scorer = try StudentScorer(package)
        let reference = try session.trainedEngine().score(session.ordered(.test), teacher: false)
        var narrow = reference
        narrow.student = []
        let batches = try session.ordered(.test)
        try batches.seek(epoch: 0, batches: 0)
        while let batch = try batches.next() { narrow.student += try scorer.score(batch.regular) }
        let differences = zip(reference.student, narrow.student).map { abs(Double($0) - Double($1)) }
        samples = differences.count
        source = data.isEmpty ? "the run's test split" : data.joined(separator: ", ")
        largestDifference = differences.max() ?? 0
        meanDifference = differences.reduce(0, +) / Double(max(1, samples))
        auc = (try Self.auc(reference), try Self.auc(narrow))
        let tables = package.student.tables
        storage = tables.first?.storage.rawValue ?? ""
        bytes = (
            tables.reduce(0) { $0 + 4 * $1.rows * $1.dimension },
            try package.weights.tensors.filter { !$0.name.hasPrefix("dense/") }.reduce(0) { try $0 + package.weights.bytes($1.name).count }
        )
    }

    private static func auc(_ scores: Scores) throws -> Double {
        var auc = AUC()
        auc.add(try scores.studentSamples())
        return try auc.value
    }

    var table: TextTable {
        func digits(_ value: Double) -> String { String(format: "%.5f", value) }
        var table = TextTable(["embeddings", "bytes", "AUC", "against float32", "largest score difference", "mean"])
        table.add(["float32", "\(bytes.float32)", digits(auc.float32), "", "", ""])
        table.add([
            storage, "\(bytes.package)", digits(auc.package), String(format: "%+.5f", auc.package - auc.float32),
            String(format: "%.2e", largestDifference), String(format: "%.2e", meanDifference),
        ])
        return table
    }
}
