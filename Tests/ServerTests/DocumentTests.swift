import Foundation
import Testing

@testable import Server

@Suite struct DocumentTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test func theServedFileIsTheOneInDocs() throws {
        let file = try Data(contentsOf: Self.root.appendingPathComponent("docs/openapi.json"))
        let ours = try #require(try JSONSerialization.jsonObject(with: file) as? NSDictionary)
        let served = try #require(try JSONSerialization.jsonObject(with: Data(OpenAPI.json.utf8)) as? NSDictionary)
        #expect(ours == served, "run Scripts/embed-openapi")
    }

    @Test func everyErrorCodeIsInTheFile() throws {
        let document = try #require(try JSONSerialization.jsonObject(with: Data(OpenAPI.json.utf8)) as? [String: Any])
        var place: Any = document
        for key in ["components", "schemas", "Error", "properties", "error", "properties", "code", "enum"] {
            place = try #require((place as? [String: Any])?[key])
        }
        #expect(Set(try #require(place as? [String])) == Set(APIError.Code.allCases.map(\.rawValue)))
    }

    @Test func answersAreWhatTheFileSays() throws {
        let folder = try ServedFolder.shared.get()
        let server = try ServerProcess(folder.path)
        defer { _ = server.stop() }
        let said = try runTool([python, script("openapi_judge.py"), "\(server.port)", ServerProcess.token, folder.path])
        #expect(said.contains("agreed on"), "\(said)")
    }
}
