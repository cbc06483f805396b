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
}
