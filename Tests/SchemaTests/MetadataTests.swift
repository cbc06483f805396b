import Foundation
import Testing

@testable import Schema

@Suite("Run metadata")
struct MetadataTests {
    @Test("as JSON reads back as the run it was", arguments: [Example.minimal, Example.full])
    func roundTrip(_ text: String) throws {
        let run = try Example.parsed(text).configuration
        let read = try JSONDecoder().decode(RunConfiguration.self, from: RunFile.json(run))
        #expect(read == run)
        #expect(try RunFile.json(read) == RunFile.json(run))
    }

    @Test("hashes what decides the weights, and nothing else")
    func hash() throws {
        let run = try Example.parsed(Example.full).configuration
        let hash = try RunFile.hash(run)
        #expect(hash.count == 16)
        #expect(try RunFile.hash(run) == hash)

        var elsewhere = run
        elsewhere.output = "other"
        elsewhere.logs.train = ["/mnt/data/train.parquet"]
        elsewhere.evaluation.resamples = 7
        elsewhere.training.checkpointEvery = 1
        #expect(try RunFile.hash(elsewhere) == hash)

        for change in ["seed=8", "training.workers=3", "features.tags.dimension=9", "logs.train=other.parquet"] {
            let changed = try RunFile.parse(text: Example.full, file: "run.yaml", overrides: [change]).configuration
            #expect(try RunFile.hash(changed) != hash)
        }
    }

    @Test("names a precision only where one was chosen, so that older run folders are read and hash as they did")
    func precision() throws {
        func metadata(_ overrides: [String]) throws -> (run: RunConfiguration, training: [String: Any]) {
            let run = try RunFile.parse(text: Example.full, file: "run.yaml", overrides: overrides).configuration
            let json = try JSONSerialization.jsonObject(with: RunFile.json(run)) as? [String: Any]
            return (run, try #require(json?["training"] as? [String: Any]))
        }
        let plain = try metadata([])
        #expect(plain.training["precision"] == nil && plain.training["workers"] != nil)
        let said = try metadata(["training.precision=float32"])
        #expect(said.run == plain.run)
        #expect(try RunFile.hash(said.run) == RunFile.hash(plain.run))

        let rounded = try metadata(["training.precision=bfloat16"])
        #expect(rounded.training["precision"] as? String == "bfloat16")
        #expect(try RunFile.hash(rounded.run) != RunFile.hash(plain.run))
        let read = try JSONDecoder().decode(RunConfiguration.self, from: RunFile.json(rounded.run))
        #expect(read.training.precision == .bfloat16)
    }
}
