import Foundation
import Logs
import ModelPackage
import Testing

@testable import Serving
@testable import hindsight

/// A directory to serve: thirty items with prices and categories, a click model and a conversion model.
final class ServedFolder: @unchecked Sendable {
    // SAFETY: read-only once made.
    static let shared = Result { try ServedFolder() }

    let path: String
    let items: String
    private let folder: URL

    static let itemCount = 30

    init(
        cvr: Bool = true, prices: Bool = true, rows: Range<Int> = 0..<ServedFolder.itemCount, ctr: Model? = nil
    ) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("served-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        items = folder.appendingPathComponent("items.jsonl").path
        let lines = rows.map { number in
            var line = "{\"item_id\": \"item \(number)\", \"price\": \(Self.feature(number)), \"tags\": [\"t\(number % 7)\", \"t\(number % 3)\"]"
            line += ", \"euros\": \(Self.price(number))"
            if number % 5 > 0 { line += ", \"kind\": \"\(Self.category(number))\"" }
            return line + "}"
        }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: items))
        path = folder.appendingPathComponent("served").path
        try ServedDirectory.index(
            try (ctr ?? Models.ctr.get()).package.path, items: [items],
            columns: .init(price: prices ? "euros" : nil, category: "kind"),
            parts: cvr ? [.cvr: .copy(from: try Models.cvr.get().package.path)] : [:], out: path)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Opened while the folder is still there.
    func model() throws -> RankingModel { try withExtendedLifetime(self) { try RankingModel(path: path) } }

    func sibling(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// A copy that a test may spoil.
    func copy(_ name: String) throws -> String {
        try FileManager.default.copyItem(atPath: path, toPath: sibling(name))
        return sibling(name)
    }

    static func feature(_ number: Int) -> Double { Double(number) * 0.7 }
    static func price(_ number: Int) -> Double { Double(1 + number % 4) / 2 }
    static func category(_ number: Int) -> String { number % 5 == 0 ? "" : "kind \(number % 5)" }
    static func features(_ number: Int) -> FeatureValues {
        [
            "item_id": .text("item \(number)"), "price": .number(feature(number)),
            "tags": .list([.text("t\(number % 7)"), .text("t\(number % 3)")]),
        ]
    }
}
