import Foundation
import Testing

@testable import Schema

/// Every number here was worked out by hand from sections 5.1-5.3; the comments say how.
@Suite("A plan")
struct PlanTests {
    static func text(task: String, method: String, more: String = "") -> String {
        """
        name: small
        task: \(task)
        logs: {train: t, test: u}
        columns: {labels: [{name: click}, {name: stay, kind: continuous}], request: r}
        features:
          - {name: user_id, side: user, encoding: vocabulary, dimension: 4}
          - {name: item_id, side: item, encoding: {hash: 10}, dimension: 3}
          - {name: gap, availability: interacted, encoding: {quantiles: 4}, dimension: 2}
        sequence:
          length: 5
          fields:
            - {column: past_item_id, table: item_id}
            - {name: age, encoding: {boundaries: [1, 2, 3]}, dimension: 1}
        networks:
          attention: {heads: 2, head_dimension: 3, feed_forward_multiple: 2}
          mapping: [6, 5]
          mlp: [7]
          deep_teacher: [8, 7]
          multi_task: {shared: 5, head: [3]}
        distillation: {method: \(method)\(more)}
        """
    }

    static func run(task: String, method: String, more: String = "") throws -> CheckedRun {
        try Example.parsed(text(task: task, method: method, more: more)).validated()
    }

    @Test("counts the weights and products of the self-attention block")
    func sequenceBlock() throws {
        let networks = RunNetworks(try Self.run(task: "ctr", method: "baseline").configuration)
        let block = try #require(networks.sequence)
        // n = 3 + 1 = 4, heads x d = 6: 3 [4, 6] + [6, 4] + 2x4 + ([4, 8] + 8) + ([8, 4] + 4) + 2x4
        #expect(block.parameters == 72 + 24 + 8 + 40 + 36 + 8)
        // 5 events x (72 + 24 + 32 + 32 + 2 x 5 x 6), once a request
        #expect(block.multiplyAdds == MultiplyAdds(perRequest: 5 * 220))
    }

    /// Input: user 4 + sequence 4 = 8, item 3, privileged 2. BN: 2 a column; a layer before it has no bias.
    static let teachers: [(task: String, method: String, parameters: Int?, cost: MultiplyAdds)] = [
        ("ctr", "baseline", nil, MultiplyAdds()),
        ("ctr", "mtl", nil, MultiplyAdds()),
        // [2, 7], BN, [7, 1] + 1
        ("ctr", "lupi", 14 + 14 + 8, MultiplyAdds(perSample: 14 + 7)),
        // [11, 7], BN, [7, 1] + 1
        ("ctr", "md", 77 + 14 + 8, MultiplyAdds(perRequest: 56, perItem: 21, perSample: 7)),
        // [10, 6], BN, [6, 5] + 5; [3, 6], BN, [6, 5] + 5: only the user's part of the first layer is a request's
        ("ctr", "pfd", 60 + 12 + 35 + 18 + 12 + 35, MultiplyAdds(perRequest: 48, perItem: 48, perSample: 12 + 30 + 5)),
        // [13, 7], BN, [7, 1] + 1
        ("ctr", "pfd+md", 91 + 14 + 8, MultiplyAdds(perRequest: 56, perItem: 21, perSample: 14 + 7)),
        ("cvr", "lupi", 14 + 14 + 8, MultiplyAdds(perSample: 14 + 7)),
        ("cvr", "pfd", 91 + 14 + 8, MultiplyAdds(perRequest: 56, perItem: 21, perSample: 14 + 7)),
        // [11, 8], BN, [8, 7], BN, [7, 1] + 1
        ("cvr", "md", 88 + 16 + 56 + 14 + 8, MultiplyAdds(perRequest: 64, perItem: 24, perSample: 56 + 7)),
        // [13, 8], BN, [8, 7], BN, [7, 1] + 1
        ("cvr", "pfd+md", 104 + 16 + 56 + 14 + 8, MultiplyAdds(perRequest: 64, perItem: 24, perSample: 16 + 56 + 7)),
    ]

    @Test("gives each method the paper's teacher", arguments: teachers)
    func teacher(_ expected: (task: String, method: String, parameters: Int?, cost: MultiplyAdds)) throws {
        let networks = RunNetworks(try Self.run(task: expected.task, method: expected.method).configuration)
        #expect(networks.teacher?.parameters == expected.parameters)
        #expect((networks.teacher?.multiplyAdds ?? MultiplyAdds()) == expected.cost)
    }

    @Test("gives each task its student")
    func students() throws {
        func student(_ task: String, _ method: String) throws -> NetworkShape {
            RunNetworks(try Self.run(task: task, method: method).configuration).student
        }
        // [8, 6], BN, [6, 5] + 5; [3, 6], BN, [6, 5] + 5
        let inner = try student("ctr", "pfd")
        #expect(inner.parameters == 48 + 12 + 35 + 18 + 12 + 35)
        #expect(inner.multiplyAdds == MultiplyAdds(perRequest: 48 + 30, perItem: 18 + 30, perSample: 5))
        // [11, 7], BN, [7, 1] + 1
        #expect(try student("cvr", "pfd").parameters == 77 + 14 + 8)
        // [11, 5], BN, then for each of two tasks [5, 3], BN, [3, 1] + 1
        #expect(try student("cvr", "mtl").parameters == 55 + 10 + 2 * (15 + 6 + 4))
        // [8, 5], BN and [3, 5], BN, then for each of two tasks and both sides [5, 3] + 3
        #expect(try student("ctr", "mtl").parameters == 40 + 10 + 15 + 10 + 2 * 2 * 18)
    }

    @Test("sets no batch norm aside its bias when there is none")
    func withoutBatchNorm() throws {
        let text = Self.text(task: "cvr", method: "baseline").replacing(
            "  mlp: [7]", with: "  mlp: [7]\n  batch_norm: false")
        let networks = RunNetworks(try Example.parsed(text).validated().configuration)
        #expect(networks.student.parameters == 77 + 7 + 8)
    }

    @Test("counts tables with every copy and the optimiser's state")
    func tables() throws {
        let plan = try Self.run(task: "ctr", method: "pfd").plan(tableRows: ["user_id": 102])
        #expect(plan.tables.map(\.name) == ["user_id", "item_id", "age", "gap"])
        // Hash: 10 buckets + missing. Boundaries: 4 buckets + missing. Quantiles: 4 + missing.
        #expect(plan.tables.map(\.rows) == [102, 11, 5, 5])
        // Share* keeps a user_id for the student (section 5.4).
        #expect(plan.tables.map(\.owner) == ["student, teacher", "shared", "shared", "teacher"])
        let values = [2 * 102 * 4 * 4, 11 * 3 * 4, 5 * 1 * 4, 5 * 2 * 4]
        #expect(plan.tables.map(\.valueBytes) == values)
        #expect(plan.tables.map(\.stateBytes) == values)
        #expect(plan.tableBytes == 2 * values.reduce(0, +))
        // Sequence block 188, student 160, teacher 172; a value and an accumulator of 4 bytes.
        #expect(plan.networkBytes == (188 + 160 + 172) * 8)
        #expect(plan.networks.parameters == 520)
    }

    @Test("counts copies by manner")
    func manners() throws {
        func owners(_ method: String, _ more: String) throws -> [String] {
            try Self.run(task: "ctr", method: method, more: more).plan().tables.map(\.owner)
        }
        #expect(try owners("pfd", ", manner: share_sync") == ["shared", "shared", "shared", "teacher"])
        let both = "student, teacher"
        #expect(try owners("pfd", ", manner: ind_async") == [both, both, both, "teacher"])
        #expect(try owners("md", ", manner: ind_sync") == [both, both, both, "unused"])
        #expect(try owners("lupi", "") == ["student", "student", "student", "teacher"])
        #expect(try owners("baseline", "") == ["student", "student", "student", "unused"])
    }

    @Test("shares the sequence block unless the student keeps the sequence")
    func sharedSequence() throws {
        func networks(_ more: String) throws -> RunNetworks {
            RunNetworks(try Self.run(task: "ctr", method: "pfd", more: more).configuration)
        }
        #expect(try networks("").all.map(\.owner) == ["shared", "student", "teacher"])
        #expect(try networks(", except: [item_id]").all.map(\.owner) == ["shared", "student", "teacher"])
        #expect(try networks(", except: [sequence]").all.map(\.owner) == ["student", "student", "teacher", "teacher"])
        #expect(try networks(", manner: ind_sync").all.map(\.owner) == ["student", "student", "teacher", "teacher"])
    }

    @Test("counts the optimiser's state by its kind")
    func optimisers() throws {
        func state(_ optimiser: String) throws -> [Int?] {
            let text = Self.text(task: "ctr", method: "baseline") + "\ntraining: {optimiser: \(optimiser)}"
            return try Example.parsed(text).validated().plan(tableRows: ["user_id": 100]).tables.prefix(2).map(
                \.stateBytes)
        }
        #expect(try state("{kind: adagrad}") == [1600, 132])
        #expect(try state("{kind: adagrad, row_wise: true}") == [400, 44])
        #expect(try state("{kind: adam}") == [3200, 264])
        #expect(try state("{kind: sgd}") == [0, 0])
    }

    @Test("counts work with and without sharing between samples")
    func work() throws {
        let plan = try Self.run(task: "ctr", method: "pfd").plan(samplesPerRequest: 10)
        // Block 1100; student 78 + 48 + 5; teacher 48 + 48 + 47; forward and backward are 6 operations each.
        let aRequest: Double = 1100 + 78 + 48
        let aSample: Double = 48 + 5 + 48 + 47
        #expect(plan.flopsPerSample == 6 * (aRequest + aSample))
        let deduplicated = try #require(plan.deduplicatedFlopsPerSample)
        #expect(abs(deduplicated - 6 * (aRequest / 10 + aSample)) < 1e-9)
        // A teacher that was trained first has a block of its own and is read again for its soft labels.
        let alone = try Self.run(task: "ctr", method: "pfd", more: ", manner: ind_async").plan()
        let trained: Double = 1100 + 131 + 1100 + 143
        let readAgain: Double = 1100 + 143
        #expect(alone.flopsPerSample == 6 * trained + 2 * readAgain)
    }

    @Test("counts steps, the last batch of an epoch included")
    func steps() throws {
        let run = try Self.run(task: "ctr", method: "baseline")
        #expect(run.plan(trainingRows: 1024).totalSteps == 1)
        #expect(run.plan(trainingRows: 1025).totalSteps == 2)
        #expect(run.plan(trainingRows: 0).totalSteps == 0)
        #expect(run.plan().totalSteps == nil)
    }

    @Test("warns of a warm-up and a swapping step that outlast the run")
    func warnings() throws {
        let run = try Self.run(task: "ctr", method: "pfd")
        #expect(run.warnings(totalSteps: 1_000_001) == [])
        let warnings = run.warnings(totalSteps: 1_000)
        #expect(warnings.count == 2)
        #expect(warnings[0].hasPrefix("training.optimiser.warmup: the warm-up lasts 1000000 steps and the run 1000,"))
        #expect(
            warnings[1].hasPrefix("distillation.swapping_step: lambda is 0 before step 1000000 and the run has 1000"))
        let baseline = try Self.run(task: "ctr", method: "baseline")
        #expect(baseline.warnings(totalSteps: 1_000).count == 1)
        let ramp = try Self.run(
            task: "ctr", method: "pfd", more: ", swapping_step: 10, lambda: {from: 0, to: 1, over: {fraction: 1}}")
        #expect(
            ramp.warnings(totalSteps: 1_000).contains {
                $0.hasPrefix("distillation.lambda: lambda would reach 1.0 at step 1010")
            })
    }

    @Test("prints aligned columns and no more")
    func description() throws {
        let text = try Example.parsed(Example.full).validated()
            .plan(tableRows: ["item_id": 12_345, "tags": 67], trainingRows: 1_505_045, samplesPerRequest: 10)
            .description
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(!lines.contains { $0.last == " " })
        for header in ["Features", "Tables", "Networks", "Cost"] { #expect(lines.contains { $0 == header }) }
        let item = try #require(lines.first { $0.hasPrefix("  item_id ") && $0.contains("12,345") })
        let tags = try #require(lines.first { $0.hasPrefix("  tags ") && $0.contains("67") })
        #expect(
            item.range(of: "12,345").map { item.distance(from: item.startIndex, to: $0.upperBound) }
                == tags.range(of: "67").map { tags.distance(from: tags.startIndex, to: $0.upperBound) })
        // 1,505,045 samples in batches of 512 are 2,940 steps, three times.
        #expect(text.contains("8,820, an epoch is 1,505,045 samples"))
        #expect(text.contains("to be learnt"))
    }
}
