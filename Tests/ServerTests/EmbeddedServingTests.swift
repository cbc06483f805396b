import Foundation
import Testing

@testable import Serving

/// `Examples/EmbeddedServing` as its README runs it.
@Suite struct EmbeddedServingTests {
    @Test func aShopRanksInItsOwnProcess() throws {
        let served = try ServedFolder.shared.get()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("shop-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let profiles = folder.appendingPathComponent("profiles.json").path
        try Data(#"{"anna": \#(userJSON), "spy": {"age": 3, "dwell_secret": 1}}"#.utf8).write(to: URL(fileURLWithPath: profiles))
        let shop = try Program([served.path, profiles, "0"], in: folder.path, named: "EmbeddedServing")
        defer { shop.kill(SIGKILL) }
        #expect(shop.wait(within: 60) { shop.out.contains("Shop at") }, "\(shop.err)")
        let port = try #require(shop.out.split(separator: ":").last.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) })
        func ask(_ method: String, _ path: String) throws -> Reply {
            let connection = try Connection(port: port)
            try connection.send(method, path, method == "POST" ? [] : nil)
            return try connection.reply()
        }
        let expected = try served.model().rank(RankRequest(user: user, topK: 5))
        for _ in 0..<2 {
            let page = try ask("GET", "/home/anna")
            #expect(page.status == 200 && page.json["version"] as? String == expected.version, "\(page.text)")
            let items = try #require(page.json["items"] as? [[String: Any]])
            #expect(items.map { $0["id"] as? String } == expected.items.map(\.id))
            for (item, own) in zip(items, expected.items) {
                // Foundation's reader of JSON may miss the last bit of a double.
                #expect(abs(try #require(item["score"] as? Double) - own.score) < 1e-12)
            }
            #expect(try ask("POST", "/reload").status == 200)
        }
        #expect(try ask("GET", "/home/nobody").status == 404)
        #expect(try ask("GET", "/home/spy").status == 500)
        shop.kill(SIGTERM)
        #expect(shop.end(within: 30)?.code == 0)
    }
}
