import Evaluation
import Foundation
import Testing
import Training

/// The larger real data sets are not shipped: they lie beside the package, or they do not.
enum RealData {
    static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let examples: [String] = {
        let folder = "\(package)/Examples/real"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted().map { "\(folder)/\($0)" }
    }()
}

@Suite("Run files that ship with Hindsight")
struct RealDataTests {
    @Test("pass every check, with the data that ships", arguments: ["retail-ctr", "bank-cvr"])
    func shipped(name: String) throws {
        let files = try TinyFiles()
        let output = try files.hindsight("check \(RealData.package)/Examples/\(name).yaml")
        #expect(output.code == 0, "\(output.err)")
        #expect(output.out.contains("Networks"))
    }

    @Test("for data that may not be shipped are right in form", arguments: RealData.examples)
    func form(path: String) throws {
        let files = try TinyFiles()
        let output = try files.hindsight("check \(path) --no-logs")
        #expect(output.code == 0, "\(output.err)")
    }
}
