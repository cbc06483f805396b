import Foundation
import NIOCore

@testable import Decoders
@testable import Serving

/// What comes in over the network: bodies are decoded, encoded and answered as the server does it, or refused with a
/// status that blames the client.
final class FuzzedRequests: Sendable {
    static let shared = FuzzedRequests()

    private let model: RankingModel
    private let inference: InferenceModel
    private let limits = RequestLimits()

    private init() {
        do {
            let folder = try TinyModel.folder()
            try TinyModel.write(to: folder)
            model = try RankingModel(path: "\(folder)/served")
            // What is mapped stays mapped.
            try FileManager.default.removeItem(atPath: folder)
            inference = InferenceModel(model)
        } catch {
            fatalError("the model to fuzz with: \(error)")
        }
    }

    /// The first byte says which body it is: `r`ank, `s`core, `i`nfer, infer in `b`inary, `u`psert, `d`elete.
    func run(_ bytes: UnsafeRawBufferPointer) {
        guard let kind = bytes.first else { return }
        // A copy that ends where the body ends: reading beyond is then seen.
        let body = ByteBuffer(bytes: bytes.dropFirst())
        do {
            switch kind {
            case UInt8(ascii: "r"): rankIsSound(try model.rank(try RankingBody.rank(body, limits)))
            case UInt8(ascii: "s"):
                let (requests, head) = try RankingBody.score(body, limits)
                areProbabilities(try model.score(requests, head: head ?? .model).scores.joined())
            case UInt8(ascii: "i"): try infer(body, headerLength: nil)
            case UInt8(ascii: "b"):
                guard let length = body.getInteger(at: 0, endianness: .little, as: UInt16.self) else { return }
                try infer(body.getSlice(at: 2, length: body.readableBytes - 2)!, headerLength: Int(length))
            case UInt8(ascii: "u"):
                let items = try ItemBody.upsert(body, limits)
                _ = try model.student.itemVectors(items.map(\.features))
            case UInt8(ascii: "d"): _ = try ItemBody.remove(body, limits)
            default: return
            }
        } catch let error as APIError {
            blamesTheClient(error)
        } catch let error as ServingError {
            blamesTheClient(APIError(error, in: .score))
        } catch {
            fatalError("an error of no kind: \(error)")
        }
    }

    private func infer(_ body: ByteBuffer, headerLength: Int?) throws {
        let request = try InferenceRequest(body, headerLength: headerLength, limits: limits)
        let (requests, _) = try inference.requests(request.inputs, limits: limits)
        areProbabilities(try model.score(requests).scores.joined())
    }

    private func blamesTheClient(_ error: APIError) {
        precondition((400..<500).contains(error.code.status), "\(error)")
        precondition(JSONSerialization.isJSON(error.json) && JSONSerialization.isJSON(error.inferenceJSON), "\(error)")
    }

    private func areProbabilities(_ scores: some Sequence<Float>) {
        for score in scores { precondition(score >= 0 && score <= 1, "a score of \(score)") }
    }

    private func rankIsSound(_ answer: RankAnswer) {
        areProbabilities(answer.items.compactMap(\.ctr))
        precondition(Set(answer.items.map(\.id)).count == answer.items.count, "an item twice")
        precondition(zip(answer.items, answer.items.dropFirst()).allSatisfy { $0.score >= $1.score }, "not in order")
        precondition(JSONSerialization.isJSON(RankingAnswer.json(answer, requestID: "a", wantsStages: true)), "\(answer)")
    }
}

extension JSONSerialization {
    fileprivate static func isJSON(_ bytes: [UInt8]) -> Bool { (try? jsonObject(with: Data(bytes))) != nil }
}
