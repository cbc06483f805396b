import Dispatch
import Logs
import ModelPackage
import Synchronization
import Testing

@testable import Serving

@Suite struct ScoringTests {
    @Test func aScoreIsTheProductOfTheTwoVectors() throws {
        let model = try Models.ctr.get()
        let scores = try model.scorer.score([ScoreRequest(user: user, candidates: items)])[0]
        let u = try model.scorer.userVector(user)
        let v = try model.scorer.itemVectors(items)
        #expect(u.count == 8 && v.count == 8 * items.count)
        #expect(abs(u.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        for (number, score) in scores.enumerated() {
            let item = Array(v[number * 8..<(number + 1) * 8])
            #expect(abs(try model.scorer.score(userVector: u, itemVector: item) - score) <= 1e-6)
        }
    }

    @Test func requestsDoNotInfluenceOneAnother() throws {
        for model in [try Models.ctr.get(), try Models.cvr.get()] {
            var other = user
            other["user_id"] = .integer(7)
            other["history_item"] = nil
            other["history_gap"] = nil
            let requests = [
                ScoreRequest(user: user, candidates: items), ScoreRequest(user: other, candidates: []),
                ScoreRequest(user: other, candidates: Array(items.prefix(2))),
            ]
            let together = try model.scorer.score(requests)
            #expect(together.map(\.count) == [5, 0, 2])
            for (request, scores) in zip(requests, together) {
                for (a, b) in zip(try model.scorer.score([request])[0], scores) { #expect(abs(a - b) <= 1e-6) }
            }
            #expect(try model.scorer.score([]).isEmpty)
        }
    }

    @Test func threadsGiveWhatOneThreadGives() throws {
        for model in [try Models.ctr.get(), try Models.cvr.get()] {
            let request = ScoreRequest(user: user, candidates: items)
            let expected = try model.scorer.score([request])
            let wrong = Atomic<Int>(0)
            DispatchQueue.concurrentPerform(iterations: 200) { _ in
                if (try? model.scorer.score([request])) != expected { wrong.add(1, ordering: .relaxed) }
            }
            #expect(wrong.load(ordering: .relaxed) == 0)
        }
    }

    @Test func anUnknownIdTakesTheRowOfUnseenValuesAndIsCounted() throws {
        let model = try Model(.sharedCTR)
        var strange = items[0]
        strange["item_id"] = .text("never seen")
        var stranger = items[0]
        stranger["item_id"] = .text("never seen either")
        let scores = try model.scorer.score([ScoreRequest(user: user, candidates: [strange, stranger, items[0]])])[0]
        #expect(scores[0] == scores[1])
        #expect(scores[0] != scores[2])
        #expect(model.scorer.unknownValues == ["item_id": 2])
    }

    @Test func aMissingFeatureTakesTheDefaultOrIsAnErrorAsTheSchemaSays() throws {
        let model = try Models.ctr.get()
        var nameless = user
        nameless["user_id"] = nil
        _ = try model.scorer.userVector(nameless)
        var ageless = user
        ageless["age"] = nil
        #expect(throws: ServingError.badValue(feature: "age", in: .user(request: 0), expected: "a value", found: "none")) {
            try model.scorer.userVector(ageless)
        }
    }

    @Test func onlyTheNewestEventsOfALongSequenceAreRead() throws {
        let model = try Models.ctr.get()
        func with(_ events: Int) -> FeatureValues {
            var long = user
            long["history_item"] = .list((0..<events).map { .text("item \($0)") })
            long["history_gap"] = .list((0..<events).map { .integer(Int64($0)) })
            return long
        }
        #expect(try model.scorer.userVector(with(4)) == model.scorer.userVector(with(1000)))
        #expect(try model.scorer.userVector(with(4)) != model.scorer.userVector(with(3)))
    }

    @Test func aFineRankerHasNoVectors() throws {
        let model = try Models.cvr.get()
        #expect(throws: ServingError.noVectors(task: "cvr")) { try model.scorer.userVector(user) }
    }
}
