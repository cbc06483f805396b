import Foundation
import Hummingbird
import NIOCore
import Serving

extension API {
    // MARK: /v1/rank

    func rank(_ request: Request, since start: ContinuousClock.Instant, id: String) async throws -> Answer {
        try await work(request, since: start) { [self] body in
            var clock = StageTimes(metrics)
            var rank = try RankingBody.rank(body, limits)
            clock.end("decode")
            // Stages are timed for the metrics in any case.
            let wantsStages = rank.wantsStages
            rank.wantsStages = true
            let ranked: RankAnswer
            do throws(ServingError) {
                ranked = try service.rank(rank)
            } catch {
                throw APIError(error, in: .rank)
            }
            record(ranked, rank)
            clock.restart()
            var answer = Answer(RankingAnswer.json(ranked, requestID: id, wantsStages: wantsStages))
            answer.version = ranked.version
            clock.end("write")
            return answer
        }
    }

    private func record(_ answer: RankAnswer, _ request: RankRequest) {
        for stage in answer.stages { metrics.stageTime.observe(stage.seconds, stage.name) }
        metrics.rankedItems.add(answer.items.count)
        metrics.entities.add(1)
        if case .ids(let ids) = request.candidates { metrics.candidateIDs.add(ids.count) }
        if answer.unknownCandidates > 0 { metrics.unknownCandidates.add(answer.unknownCandidates) }
        record(answer.unknownValues)
        record(answer.items.lazy.compactMap(\.ctr), version: answer.version)
    }

    private func record(_ unknown: [String: Int]) {
        for (feature, count) in unknown { metrics.unknownValues.add(count, [feature]) }
    }

    private func record(_ scores: some Sequence<Float>, version: String) {
        metrics.scores.observe(all: scores.map { Double($0) })
        metrics.drift.observe(scores, version: version)
    }

    // MARK: /v1/score

    func score(_ request: Request, since start: ContinuousClock.Instant) async throws -> Answer {
        try await work(request, since: start) { [self] body in
            var clock = StageTimes(metrics)
            let (requests, head) = try RankingBody.score(body, limits)
            clock.end("decode")
            let scored = try score(service.current, requests, head ?? .model, in: .score)
            clock.end("score")
            var answer = Answer(RankingAnswer.json(scored))
            answer.version = scored.version
            clock.end("write")
            return answer
        }
    }

    private func score(
        _ model: RankingModel, _ requests: [ScoreRequest], _ head: ScoreHead, in form: APIError.BodyForm
    ) throws -> ScoreAnswer {
        let scored: ScoreAnswer
        do throws(ServingError) {
            scored = try model.score(requests, head: head)
        } catch {
            throw APIError(error, in: form)
        }
        metrics.scoredCandidates.add(scored.scores.reduce(0) { $0 + $1.count })
        metrics.entities.add(requests.count)
        record(scored.unknownValues)
        if head == .model { record(scored.scores.joined(), version: scored.version) }
        return scored
    }

    // MARK: /v2/models/NAME/infer

    func infer(_ name: Route.Model, _ request: Request, since start: ContinuousClock.Instant) async throws -> Answer {
        _ = try check(name)
        var headerLength: Int?
        if let text = request.headers[.inferenceHeaderLength] {
            guard let length = Int(text), length >= 0 else {
                throw APIError(.badValue, "expected a number of bytes, found '\(text.prefix(60))'", at: "Inference-Header-Content-Length")
            }
            headerLength = length
        }
        return try await work(request, since: start) { [self, headerLength] body in
            var clock = StageTimes(metrics)
            let current = try check(name)
            let inference = try InferenceRequest(body, headerLength: headerLength, limits: limits)
            let model = inferenceModel(current)
            let (requests, _) = try model.requests(inference.inputs, limits: limits)
            var wanted = inference.outputs
            if wanted.isEmpty { wanted = [.init(name: model.outputs[0].name, isBinary: inference.prefersBinary)] }
            clock.end("decode")
            var outputs: [(name: String, isBinary: Bool, scores: [Float])] = []
            for output in wanted {
                guard let head = model.outputs.first(where: { $0.name == output.name })?.head else {
                    let known = model.outputs.map(\.name).joined(separator: ", ")
                    throw APIError(.badValue, "expected one of \(known), found '\(output.name.prefix(60))'", at: "outputs")
                }
                let scored = try score(current, requests, head, in: .tensors)
                outputs.append((output.name, output.isBinary, Array(scored.scores.joined())))
            }
            clock.end("score")
            let (bytes, length) = InferenceAnswer(
                modelName: modelName, version: current.version, id: inference.id, outputs: outputs
            ).encode()
            var answer = Answer(bytes)
            answer.headerLength = length
            answer.version = current.version
            clock.end("write")
            return answer
        }
    }
}

/// Times what the server itself does of a request.
private struct StageTimes {
    private let metrics: ServerMetrics
    private var last = ContinuousClock.now

    init(_ metrics: ServerMetrics) { self.metrics = metrics }

    mutating func restart() { last = .now }

    mutating func end(_ stage: String) {
        let now = ContinuousClock.now
        metrics.stageTime.observe((now - last).seconds, stage)
        last = now
    }
}

/// Answers of `/v1/rank` and `/v1/score` as JSON.
enum RankingAnswer {
    static func json(_ answer: RankAnswer, requestID: String, wantsStages: Bool) -> [UInt8] {
        var writer = JSONWriter(capacity: 512 + answer.items.count * 112)
        writer.object { writer in
            writer.field("request_id", requestID)
            writer.field("version", answer.version)
            writer.key("items")
            writer.array { writer in for item in answer.items { write(item, &writer) } }
            writer.field("unknown_candidates", answer.unknownCandidates)
            write(unknown: answer.unknownValues, &writer)
            if wantsStages {
                writer.key("stages")
                writer.array { writer in
                    for stage in answer.stages {
                        writer.object { writer in
                            writer.field("name", stage.name)
                            writer.field("inputs", stage.inputs)
                            writer.field("outputs", stage.outputs)
                            writer.field("seconds", stage.seconds)
                        }
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func write(_ item: RankedItem, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("id", item.id)
            writer.field("score", item.score)
            writer.field("coarse", item.coarse)
            if let ctr = item.ctr { writer.field("ctr", ctr) }
            if let cvr = item.cvr { writer.field("cvr", cvr) }
            if let price = item.price { writer.field("price", price) }
        }
    }

    static func json(_ answer: ScoreAnswer) -> [UInt8] {
        var writer = JSONWriter(capacity: 256 + answer.scores.reduce(0) { $0 + $1.count * 12 })
        writer.object { writer in
            writer.field("version", answer.version)
            writer.key("scores")
            writer.array { writer in
                for scores in answer.scores {
                    writer.array { writer in for score in scores { writer.value(score) } }
                }
            }
            write(unknown: answer.unknownValues, &writer)
        }
        return writer.bytes
    }

    private static func write(unknown: [String: Int], _ writer: inout JSONWriter) {
        writer.key("unknown_values")
        writer.object { writer in
            for (feature, count) in unknown.sorted(by: { $0.key < $1.key }) {
                writer.key(named: feature)
                writer.value(count)
            }
        }
    }
}
