import Evaluation
import Foundation
import ModelPackage
import Testing

@testable import Server
@testable import hindsight

@Suite struct MetricsTests {
    @Test func promtoolFindsNothingToComplainOf() throws {
        let server = try ServerProcess.shared.get()
        _ = try server.post("/v1/rank", #"{"user": \#(userJSON)}"#)
        _ = try server.post("/v1/rank", "{")
        let text = try server.get("/metrics").text
        let said = try runTool(["promtool", "check", "metrics"], input: text)
        #expect(said.isEmpty, "\(said)")
    }

    @Test func promtoolWouldComplain() {
        #expect(throws: (any Error).self) { try runTool(["promtool", "check", "metrics"], input: "a{b=\"c\" 3\n") }
    }

    @Test func whatHappensIsCounted() throws {
        let server = try ServerProcess(try ServedFolder.shared.get().path, yaml: "log: {requests: none}\n")
        defer { _ = server.stop() }
        func value(_ sample: String) throws -> Double {
            let line = try server.get("/metrics").text.split(separator: "\n").first { $0.hasPrefix(sample + " ") }
            return line.flatMap { Double($0.dropFirst(sample.count + 1)) } ?? .nan
        }
        for _ in 0..<3 {
            _ = try server.post("/v1/rank", #"{"user": {"user_id": "new", "age": 3}, "candidates": ["item 1", "nobody"], "k": 2}"#)
        }
        _ = try server.post("/v1/rank", #"{"user": {"dwell_secret": 1}}"#)
        _ = try server.get("/no/such/path")
        _ = try server.get("/nor/this")
        #expect(try value("hindsight_http_requests_total{route=\"/v1/rank\",status=\"200\"}") == 3)
        #expect(try value("hindsight_http_requests_total{route=\"/v1/rank\",status=\"400\"}") == 1)
        #expect(try value("hindsight_http_requests_total{route=\"other\",status=\"404\"}") == 2)
        #expect(try value("hindsight_http_request_duration_seconds_count{route=\"/v1/rank\"}") == 4)
        for stage in ["queue", "decode", "encode", "user", "coarse", "fine", "write"] {
            #expect(try value("hindsight_stage_duration_seconds_count{stage=\"\(stage)\"}") >= 3, "\(stage)")
        }
        #expect(try value("hindsight_unknown_values_total{feature=\"user_id\"}") == 3)
        #expect(try value("hindsight_candidate_ids_total") == 6)
        #expect(try value("hindsight_unknown_candidate_ids_total") == 3)
        #expect(try value("hindsight_ranked_items_total") == 3)
        #expect(try value("hindsight_score_count") == 3)
        #expect(try value("hindsight_requests_refused_total{code=\"unknown_feature\"}") == 1)
        #expect(try value("hindsight_model_items") == 30)
        #expect(try value("hindsight_requests_running") == 0)
        let version = try ServedFolder.shared.get().model().version
        #expect(try server.get("/metrics").text.contains("role=\"current\",version=\"\(version)\"} 1"))
    }

    @Test func aHistogramCountsEachValueOnceAndUpTo() throws {
        let histogram = HistogramFamily("h", "help", bounds: [1, 2, 3])
        for value in [0.5, 1, 1.5, 3, 99] { histogram.observe(value) }
        var text = PrometheusText()
        histogram.write(to: &text)
        for line in ["h_bucket{le=\"1\"} 2", "h_bucket{le=\"2\"} 3", "h_bucket{le=\"3\"} 4", "h_bucket{le=\"+Inf\"} 5", "h_sum 105", "h_count 5"] {
            #expect(text.text.contains(line + "\n"), "\(line) in \(text.text)")
        }
    }

    @Test func labelsCannotBreakALine() {
        let counter = CounterFamily("c", "help", labels: ["a"])
        counter.add(2, ["x\"y\\z\n"])
        var text = PrometheusText()
        counter.write(to: &text)
        #expect(text.text.contains(#"c{a="x\"y\\z\n"} 2"# + "\n"))
    }

    private static func scores(_ shift: Float, _ count: Int = 1_000, seed: UInt64) -> [Float] {
        var generator = SplitMix(state: seed)
        return (0..<count).map { _ in Float.random(in: 0...0.5, using: &generator) + shift }
    }

    @Test func scoresThatMoveAreSeenAndScoresThatStayAreNot() throws {
        let drift = ScoreDrift(window: 1_000)
        let trained = try #require(ScoreDistribution(of: Self.scores(0.25, seed: 1), source: "validation"))
        drift.observe(Self.scores(0, 999, seed: 2), version: "a", expected: trained)
        #expect(drift.report.packageIndex == nil && drift.report.firstIndex == nil)
        drift.observe(Self.scores(0, 1, seed: 3), version: "a", expected: trained)
        // A full window: already not what the package says, and nothing to hold its beginning against yet.
        #expect((drift.report.packageIndex ?? 0) > 0.25 && drift.report.firstIndex == nil)
        #expect(drift.report.packageSource == "validation")
        drift.observe(Self.scores(0, seed: 4), version: "a", expected: trained)
        #expect((drift.report.packageIndex ?? 0) > 0.25)
        #expect((drift.report.firstIndex ?? 1) < 0.05)
        drift.observe(Self.scores(0.25, seed: 5), version: "a", expected: trained)
        #expect((drift.report.packageIndex ?? 1) < 0.05)
        #expect((drift.report.firstIndex ?? 0) > 0.25)
        #expect(abs((drift.report.mean ?? 0) - 0.5) < 0.02)
        // Another version is held against its own beginning, and a package without a distribution against nothing else.
        drift.observe(Self.scores(0.25, seed: 6), version: "b", expected: nil)
        #expect(drift.report.firstIndex == nil && drift.report.packageSource == nil && drift.report.scores == 1_000)
        drift.observe(Self.scores(0.25, seed: 7), version: "b", expected: nil)
        #expect(drift.report.packageIndex == nil && (drift.report.firstIndex ?? 1) < 0.05)
    }

    /// The logs that a model was validated on, sent to the server that serves it: nothing has moved. Other users have.
    @Test func theServerHoldsScoresAgainstThoseOfTraining() throws {
        let tiny = try TinyRun(.sharedCTR, validation: true)
        let package = try ModelPackage(path: try tiny.export().path)
        let trained = try #require(package.manifest.scores)
        #expect(trained.source == "validation" && trained.samples == 400)
        let server = try ServerProcess(package.path, yaml: "log: {requests: none}\n")
        defer { _ = server.stop() }
        func psi(_ reference: String) throws -> Double? {
            let name = "hindsight_score_drift_psi{source=\"score\",reference=\"\(reference)\"} "
            let line = try server.get("/metrics").text.split(separator: "\n").first { $0.hasPrefix(name) }
            return line.flatMap { Double($0.dropFirst(name.count)) }
        }
        for _ in 0..<25 {
            let report = try ParityReport(
                package: package.path, run: tiny.run.output, data: tiny.run.logs.validation, samples: 400,
                server: .init(server.address))
            #expect(report.holds)
        }
        #expect(try #require(try psi("package")) < 0.1)
        #expect(try #require(try psi("first")).isNaN)
        let score = try #require((try server.get("/v1/status").json["score"] as? [String: Any])?["score"] as? [String: Any])
        #expect(score["reference"] as? String == "validation" && score["count"] as? Int == 10_000)
        // Everybody aged at once.
        let one = #"{"user": {"age": 1e6}, "candidates": [{"price": 1e6}]}"#
        let many = "{\"requests\": [\(Array(repeating: one, count: 2_500).joined(separator: ","))]}"
        for _ in 0..<4 { #expect(try server.post("/v1/score", many).status == 200) }
        #expect(try #require(try psi("package")) > 0.25)
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
