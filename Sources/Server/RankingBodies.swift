import NIOCore
import Serving

/// The bodies of `POST /v1/rank` and `POST /v1/score`.
enum RankingBody {
    private static let rankKeys = [
        "user", "candidates", "k", "coarse_k", "allow", "deny", "categories", "exponents", "stages",
    ]
    /// Items of an answer when a request does not say.
    static let defaultTopK = 10

    static func rank(_ buffer: ByteBuffer, _ limits: RequestLimits) throws(APIError) -> RankRequest {
        try BodyReader.read(buffer) { reader throws(APIError) in
            var user: FeatureValues?
            var request = RankRequest(user: [:], candidates: .all, topK: min(defaultTopK, limits.topK))
            func ids(_ reader: inout BodyReader) throws(APIError) -> [String] {
                try reader.array("a list of ids", limit: limits.candidates) { reader throws(APIError) in try reader.id() }
            }
            try reader.object(of: rankKeys) { reader, key throws(APIError) in
                switch key {
                case "user": user = try reader.features()
                case "candidates":
                    if reader.isText {
                        let word = try reader.text()
                        guard word == "all" else {
                            throw APIError(.badValue, "expected \"all\" or a list of ids, found \"\(word.prefix(60))\"")
                        }
                        request.candidates = .all
                    } else {
                        request.candidates = .ids(try ids(&reader))
                    }
                case "k": request.topK = try reader.integer(1...limits.topK)
                case "coarse_k": request.coarseTopK = try reader.integer(1...limits.candidates)
                case "allow": request.allow = try ids(&reader)
                case "deny": request.deny = try ids(&reader)
                case "categories": request.categories = try ids(&reader)
                case "exponents": request.exponents = try exponents(&reader)
                default: request.wantsStages = try reader.truth()
                }
            }
            guard let user else { throw APIError(.badRequest, "missing: the user's features, as an object", at: "user") }
            request.user = user
            return request
        }
    }

    private static func exponents(_ reader: inout BodyReader) throws(APIError) -> RankExponents {
        var exponents = RankExponents()
        try reader.object(of: ["ctr", "cvr", "price"]) { reader, key throws(APIError) in
            let value = try reader.number()
            guard abs(value) <= 100 else { throw APIError(.badValue, "expected -100 ... 100, found \(value)") }
            switch key {
            case "ctr": exponents.ctr = value
            case "cvr": exponents.cvr = value
            default: exponents.price = value
            }
        }
        return exponents
    }

    /// Requests to score, and the head that should.
    static func score(_ buffer: ByteBuffer, _ limits: RequestLimits) throws(APIError) -> (
        requests: [ScoreRequest], head: ScoreHead?
    ) {
        try BodyReader.read(buffer) { reader throws(APIError) in
            var requests: [ScoreRequest]?
            var head: ScoreHead?
            var total = 0
            try reader.object(of: ["requests", "head"]) { reader, key throws(APIError) in
                guard key == "requests" else {
                    let word = try reader.text()
                    guard let known = ScoreHead(rawValue: word) else {
                        throw APIError(.badValue, "expected \"ctr\" or \"cvr\", found \"\(word.prefix(60))\"")
                    }
                    head = known
                    return
                }
                requests = try reader.array("a list of requests", limit: limits.candidates) { reader throws(APIError) in
                    let request = try scoreRequest(&reader, limits)
                    total += request.candidates.count
                    guard total <= limits.candidates else {
                        throw APIError(.tooLarge, "expected at most \(limits.candidates) candidates in a call, found more")
                    }
                    return request
                }
            }
            guard let requests else { throw APIError(.badRequest, "missing: a list of requests", at: "requests") }
            return (requests, head)
        }
    }

    private static func scoreRequest(_ reader: inout BodyReader, _ limits: RequestLimits) throws(APIError) -> ScoreRequest {
        var user: FeatureValues?
        var candidates: [FeatureValues]?
        try reader.object(of: ["user", "candidates"]) { reader, key throws(APIError) in
            if key == "user" {
                user = try reader.features()
            } else {
                candidates = try reader.array("a list of candidates", limit: limits.candidates) { reader throws(APIError) in
                    try reader.features()
                }
            }
        }
        guard let user else { throw APIError(.badRequest, "missing: the user's features, as an object", at: "user") }
        guard let candidates else { throw APIError(.badRequest, "missing: a list of candidates", at: "candidates") }
        return ScoreRequest(user: user, candidates: candidates)
    }
}
