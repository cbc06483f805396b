import Foundation
import Hummingbird
import ModelPackage
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
            let model = service.current
            let ranked: RankAnswer
            do throws(ServingError) {
                ranked = try model.rank(rank)
            } catch {
                throw APIError(error, in: .rank)
            }
            record(ranked, rank, model)
            clock.restart()
            var answer = Answer(RankingAnswer.json(ranked, requestID: id, wantsStages: wantsStages))
            answer.version = ranked.version
            clock.end("write")
            return answer
        }
    }

    private func record(_ answer: RankAnswer, _ request: RankRequest, _ model: RankingModel) {
        for stage in answer.stages { metrics.stageTime.observe(stage.seconds, stage.name) }
        metrics.rankedItems.add(answer.items.count)
        metrics.entities.add(1)
        if case .ids(let ids) = request.candidates { metrics.candidateIDs.add(ids.count) }
        if answer.unknownCandidates > 0 { metrics.unknownCandidates.add(answer.unknownCandidates) }
        record(answer.unknownValues)
        record(
            answer.items.lazy.compactMap(\.ctr), metrics.rankDrift, version: model.version,
            by: model.parts[.ctr] ?? model.package)
    }

    private func record(_ unknown: [String: Int]) {
        for (feature, count) in unknown { metrics.unknownValues.add(count, [feature]) }
    }

    private func record(_ scores: some Sequence<Float>, _ drift: ScoreDrift, version: String, by package: ModelPackage) {
        metrics.scores.observe(all: scores.map { Double($0) })
        drift.observe(scores, version: version, expected: package.manifest.scores)
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
        if head == .model { record(scored.scores.joined(), metrics.scoreDrift, version: model.version, by: model.package) }
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
