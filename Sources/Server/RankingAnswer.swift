import Serving

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
