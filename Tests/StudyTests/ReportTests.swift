import Evaluation
import Foundation
import FoundationXML
import Schema
import Testing

@testable import Study
@testable import Training

@Suite("Verdicts, tables and drawings")
struct ReportTests {
    /// Scores whose difference in AUC is known by construction.
    private func scores(_ predictions: [Float], _ labels: [Float]) throws -> ResampledScores {
        ResampledScores(
            of: try ScoredSamples(predictions: predictions, labels: labels), bootstrap: Bootstrap(resamples: 200, seed: 0))
    }

    @Test("a difference is called only when the interval excludes 0 and covers seeds", arguments: [
        (0.9, 0.1, 3, Verdict.yes), (-0.9, 0.1, 3, .no), (0.0, 0.3, 3, .cannotTell), (0.9, 0.1, 1, .cannotTell),
        (0.0, 0.3, 2, .cannotTell),
    ])
    func verdict(shift: Double, noise: Double, seeds: Int, expected: Verdict) throws {
        var random = SeededRandom(state: 5)
        let labels = (0..<400).map { Float($0 % 2) }
        func predictions(_ signal: Double) -> [Float] {
            labels.map { Float(0.5 + 0.1 * signal * (Double($0) - 0.5) + Double.random(in: -noise...noise, using: &random)) }
        }
        var runs: [(FinishedRun, FinishedRun)] = []
        for seed in 0..<seeds {
            let (a, b) = (predictions(1 + shift), predictions(1))
            runs.append((try run(.pfd, seed, a, labels), try run(.baseline, seed, b, labels)))
        }
        let plan = ComparisonPlan(candidate: Arm(.pfd), reference: Arm(.baseline), claim: .above)
        let result = try #require(
            try ComparisonResult(plan, labels: ("PFD", "Baseline"), runs: runs, unit: "request"))
        #expect(result.verdict == expected, "\(result.sentence)")
        #expect(result.sentence.hasPrefix("PFD > Baseline: \(expected.rawValue)"), "\(result.sentence)")
        #expect(result.sentence.contains("2 seeds are few") == (seeds == 2), "\(result.sentence)")
    }

    private func run(_ method: Schema.Method, _ seed: Int, _ predictions: [Float], _ labels: [Float]) throws -> FinishedRun {
        FinishedRun(
            arm: Arm(method), seed: UInt64(seed), folder: "", runHash: "",
            summary: .init(
                name: "", task: .ctr, method: method, seed: UInt64(seed), runHash: "", steps: 1, samples: 1,
                trainingSeconds: 1, samplesPerSecond: 1, validation: nil, test: nil),
            scores: RunScores(student: predictions, teacher: nil), student: try scores(predictions, labels), teacher: nil)
    }

    @Test("an axis covers its values with round ticks in order", arguments: [
        [0.0, 1.0], [0.6412, 0.6587], [-0.0051, 0.0012], [3, 3], [0, 12_345_678], [],
    ])
    func axis(values: [Double]) {
        let axis = Axis(values)
        #expect(values.allSatisfy { axis.low <= $0 && $0 <= axis.high })
        #expect(axis.ticks == axis.ticks.sorted() && axis.ticks.count >= 2 && axis.ticks.count <= 12, "\(axis.ticks)")
        #expect(Set(axis.ticks.map(axis.text)).count == axis.ticks.count, "\(axis.ticks.map(axis.text))")
        for tick in axis.ticks { #expect((-1e-9...1 + 1e-9).contains(axis.position(tick))) }
    }

    @Test("text is escaped wherever it goes")
    func escaping() {
        let name = "<b>&\"'"
        var chart = LineChart(name, x: name, y: name, [.init(name: name, points: [.init(x: 0, y: 0), .init(x: 1, y: 1)], colour: 0)])
        chart.showsPoints = true
        #expect(!chart.html.contains("<b>"))
        #expect(chart.html.contains("&lt;b&gt;&amp;&quot;"))
        #expect(XMLParser(data: Data(chart.html.utf8)).parse(), "\(chart.html)")
    }

    @Test("the loss file is the same whatever was written twice, and its curve is the mean of each stretch")
    func losses() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("losses-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func write(_ steps: ClosedRange<Int>, startOver: Bool) throws {
            let log = try LossLog(folder: folder, startOver: startOver)
            for step in steps {
                log.record(
                    .init(
                        phase: "train", epoch: 1, step: step, totalSteps: 10, samples: step, samplesPerSecond: 1,
                        studentLoss: Double(step), learningRate: 1, lambda: 0))
            }
        }
        try write(1...10, startOver: true)
        let whole = FileManager.default.contents(atPath: "\(folder)/\(LossLog.name)")
        try write(1...7, startOver: true)
        try write(4...10, startOver: false)
        #expect(FileManager.default.contents(atPath: "\(folder)/\(LossLog.name)") == whole)
        let curve = LossLog.curve(folder: folder, points: 5)
        #expect(curve.map(\.step) == [2, 4, 6, 8, 10])
        #expect(curve.map(\.student) == [1.5, 3.5, 5.5, 7.5, 9.5])
        #expect(curve.allSatisfy { $0.teacher == nil })
    }

    @Test("a validation line that was cut short is none, and the next one is read")
    func validation() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("validation-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let lines = "\n{\"step\":5,\"studentAUC\":0.5}\n{\"step\":9,\"stud\n{\"step\":9,\"studentAUC\":0.7}\n{\"step\":5,\"studentAUC\":0.6}"
        try Data(lines.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(ValidationLog.name)"))
        #expect(ValidationLog.read(folder: folder).map(\.studentAUC) == [0.6, 0.7])
    }

    @Test("a student overfits when validation turns well before the end, not when its last step is a little worse", arguments: [
        ([0.50, 0.48, 0.47, 0.49], true), ([0.50, 0.48, 0.47, 0.46], false), ([0.50, 0.49, 0.48], false), ([], false),
    ])
    func overfitting(losses: [Double], expected: Bool) {
        var points = losses.enumerated().map { ValidationPoint(step: 100 * ($0 + 1), studentLogLoss: $1) }
        // The last step, right after the last tenth, is noise in every case but the first.
        if !expected, let last = losses.last { points.append(ValidationPoint(step: 100 * losses.count + 1, studentLogLoss: last + 0.001)) }
        let overfitting = Overfitting(training: 0.47, test: 0.48, validation: points)
        #expect(overfitting.isSeen == expected, "\(overfitting.sentence)")
        #expect(overfitting.sentence.contains("validation was best (0.4700) at step 300 of 400 and ended at 0.4900") == expected)
        #expect(Overfitting(training: 0.4, test: 0.5, validation: points).isSeen)
    }

    @Test("the cost of mappings is above that of inner products by far")
    func cost() throws {
        let cost = MappingCost(inputWidth: 64, mapping: [32, 16], candidates: 50, batchSize: 8, repeats: 1)
        #expect(cost.multiplyAdds == 64 * 32 + 32 * 16)
        #expect(cost.mappingSeconds > 0 && cost.batchedSeconds > 0 && cost.innerProductSeconds > 0)
        #expect(cost.table.contains("89.695 s"))
    }
}

/// Sebastiano Vigna's splitmix64.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
