import Foundation
import Testing

/// The page in a real browser, without a screen.
@Suite struct PageTests {
    private func browse(_ address: String, _ extra: [String] = []) throws -> String {
        let profile = FileManager.default.temporaryDirectory.appendingPathComponent("chromium-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: profile) }
        return try runTool(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--user-data-dir=\(profile.path)", "--virtual-time-budget=6000",
            ] + extra + [address])
    }

    @Test func itShowsTheVersionAndAnswersATriedRequest() throws {
        let server = try ServerProcess.shared.get()
        let version = try ServedFolder.shared.get().model().version
        // `age` has no default in this schema: the page must be able to say so, and later to rank.
        let dom = try browse("http://127.0.0.1:\(server.port)/#try", ["--dump-dom"])
        #expect(dom.contains(">\(version.prefix(16))<"), "\(dom.suffix(3_000))")
        #expect(dom.contains("class=\"state ready\""))
        #expect(dom.contains(">30<"), "the number of items")
        #expect(dom.contains("\"user_id\": \"\""), "a body to start from")
        #expect(dom.contains("<table>") && dom.contains("item "), "a ranking")
        #expect(dom.contains("encode ") && dom.contains("coarse "), "its stages")
        #expect(dom.contains("ms, as this browser sees it"))
    }

    @Test func itNeedsNothingFromElsewhereAndAllowsNothingElse() throws {
        let reply = try ServerProcess.shared.get().get("/")
        #expect(reply.headers["content-type"] == "text/html; charset=utf-8")
        let policy = try #require(reply.headers["content-security-policy"])
        #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
        // The one address in it is the name of SVG's markup, which nobody fetches.
        let text = reply.text.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
        for outside in ["http://", "https://", "src=\"//", "@import", ": url(", ":url("] {
            #expect(!text.contains(outside), "\(outside)")
        }
        #expect(!text.contains("innerHTML") && !text.contains("document.write"))
    }
}
