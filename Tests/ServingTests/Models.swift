import Foundation
import Logs
import ModelPackage
import Testing

@testable import Serving
@testable import hindsight

/// A CTR and a CVR model, trained once for all tests of this file.
enum Models {
    static let ctr = Result { try Model(.sharedCTR) }
    static let cvr = Result { try Model(.sharedCVR) }
}

final class Model: @unchecked Sendable {
    // SAFETY: read-only once made.
    let tiny: TinyRun
    let package: ModelPackage
    let scorer: StudentScorer

    init(_ kind: TinyRun.Kind, seed: UInt64 = 11) throws {
        tiny = try TinyRun(kind, seed: seed)
        package = try ModelPackage(path: try tiny.export().path)
        scorer = try StudentScorer(package)
    }
}

let user: FeatureValues = [
    "user_id": .integer(3), "age": .number(7.5), "history_item": .list([.text("item 4"), .text("item 9")]),
    "history_gap": .list([.integer(5), .integer(50)]),
]
let items: [FeatureValues] = (0..<5).map { number in
    ["item_id": .text("item \(number)"), "price": .number(Double(number) * 0.7), "tags": .list([.text("t\(number)")])]
}
