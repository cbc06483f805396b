import Logs
import Testing

@testable import Serving

@Suite struct BadRequestTests {
    @Test func aPrivilegedFeatureIsRefusedByName() throws {
        let model = try Models.ctr.get()
        for place in 0..<2 {
            var user = user
            var item = items[0]
            if place == 0 { user["dwell_secret"] = .number(3) } else { item["dwell_secret"] = .number(3) }
            let error = #expect(throws: ServingError.self) {
                try model.scorer.score([ScoreRequest(user: user, candidates: [item])])
            }
            guard case .unknownFeature("dwell_secret", _, nil) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(error?.description.contains("'dwell_secret' is no regular feature") == true)
        }
    }

    @Test func aSlipIsNamedWithWhatWasMeant() throws {
        var slip = user
        slip["user_idd"] = .integer(3)
        #expect(throws: ServingError.unknownFeature(name: "user_idd", in: .user(request: 0), nearest: "user_id")) {
            try Models.ctr.get().scorer.userVector(slip)
        }
        var item = items[0]
        item["age"] = .integer(3)
        #expect(throws: ServingError.misplacedFeature(name: "age", in: .item(1), belongsTo: "user")) {
            try Models.ctr.get().scorer.itemVectors([items[0], item])
        }
    }

    @Test func whatNoTableCanTakeIsRefused() throws {
        let scorer = try Models.ctr.get().scorer
        let bad: [(String, FeatureValue)] = [
            ("age", .number(.nan)), ("age", .number(.infinity)), ("age", .number(-.infinity)), ("age", .text("old")),
            ("age", .text("1e999")), ("age", .text("inf")), ("age", .list([.number(1)])), ("user_id", .list([])),
            ("user_id", .number(.nan)), ("user_id", .text(String(repeating: "x", count: 70_000))),
            ("history_item", .list([.list([.text("item 1")]), .text("a")])), ("history_gap", .list([.text("soon"), .integer(1)])),
            ("history_gap", .list([.number(.nan), .integer(1)])), ("age", .text("")), ("age", .missing),
        ]
        for (name, value) in bad {
            var request = user
            request[name] = value
            #expect(throws: ServingError.self, "\(name): \(value)") { try scorer.userVector(request) }
        }
        var uneven = user
        uneven["history_gap"] = .list([.integer(1)])
        #expect(
            throws: ServingError.unevenSequence(field: "history_gap", in: .user(request: 0), expected: 2, found: 1)
        ) { try scorer.userVector(uneven) }
    }

    @Test func hugeButFiniteNumbersAreValues() throws {
        let scorer = try Models.ctr.get().scorer
        for value: FeatureValue in [
            .number(1e308), .number(-1e308), .integer(.max), .integer(.min), .number(.leastNonzeroMagnitude), .truth(true),
        ] {
            for name in ["age", "user_id"] {
                var request = user
                request[name] = value
                _ = try scorer.userVector(request)
            }
            var item = items[0]
            item["tags"] = .list([value, value])
            _ = try scorer.itemVectors([item])
        }
    }

    @Test func moreThanOneCallMayCarryIsRefused() throws {
        var limits = ServingLimits()
        limits.requests = 2
        limits.candidates = 3
        limits.listValues = 4
        let scorer = try StudentScorer(try Models.ctr.get().package, limits: limits)
        let request = ScoreRequest(user: user, candidates: [items[0]])
        #expect(throws: ServingError.self) { try scorer.score([request, request, request]) }
        #expect(throws: ServingError.self) { try scorer.score([ScoreRequest(user: user, candidates: items)]) }
        var long = items[0]
        long["tags"] = .list([FeatureValue](repeating: .text("t"), count: 5))
        #expect(throws: ServingError.self) { try scorer.itemVectors([long]) }
    }

    @Test func anyValueAnywhereIsAnAnswerOrAnError() throws {
        var generator = SeededGenerator(seed: 99)
        func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &generator) }
        func value(_ depth: Int) -> FeatureValue {
            switch pick(depth > 2 ? 5 : 7) {
            case 0: .missing
            case 1: .integer(Int64.random(in: .min ... .max, using: &generator))
            case 2: .number(Double(bitPattern: UInt64.random(in: 0 ... .max, using: &generator)))
            case 3: .text(["", "nan", "-", "1e5", "\u{0}", "item 3", "ü\u{301}", "99999999999999999999"][pick(8)])
            case 4: .truth(pick(2) == 0)
            default: .list((0..<pick(5)).map { _ in value(depth + 1) })
            }
        }
        let names = ["user_id", "age", "item_id", "price", "tags", "history_item", "history_gap", "distance", "what"]
        for model in [try Models.ctr.get(), try Models.cvr.get()] {
            var answers = 0
            for _ in 0..<4000 {
                var request = ScoreRequest(user: user, candidates: items)
                for _ in 0..<1 + pick(3) {
                    let name = names[pick(names.count)]
                    if pick(2) == 0 { request.user[name] = value(0) } else { request.candidates[pick(5)][name] = value(0) }
                }
                do throws(ServingError) {
                    let scores = try model.scorer.score([request])[0]
                    #expect(scores.allSatisfy { $0 >= 0 && $0 <= 1 })
                    answers += 1
                } catch {
                    #expect(!error.description.isEmpty)
                }
            }
            #expect(answers > 100 && answers < 3900)
        }
    }

    @Test func encodedInputsOfAnotherModelAreRefused() throws {
        let model = try Models.ctr.get()
        let good = try model.scorer.encode([ScoreRequest(user: user, candidates: items)])
        let damages: [(inout RegularInputs) -> Void] = [
            { $0.columns[0].ids[0] = 1 << 20 }, { $0.columns[0].ids[0] = -1 }, { $0.columns[0].ids = [] },
            { $0.columns.removeLast() }, { $0.userIndex[0] = 1 }, { $0.itemIndex[0] = -1 }, { $0.sequence = nil },
            { $0.columns[4].offsets = nil }, { $0.columns[4].offsets?[1] = 999 }, { $0.sequence?.offsets[0] = 1 },
            { $0.sequence?.fields[0].removeLast() }, { $0.count = 6 }, { $0.itemCount = 2 },
        ]
        for (number, damage) in damages.enumerated() {
            var bad = good
            damage(&bad)
            #expect(throws: ServingError.self, "damage \(number)") { try model.scorer.score(bad) }
        }
    }
}
