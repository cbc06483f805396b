import Foundation
import Logs
import ModelPackage
import Schema
import Serving
import Training

/// The rows of logs as the requests a client would send: raw values, nothing encoded.
///
/// Logs are read by the encoder alone, so raw values are asked of it: a vocabulary of everything in a column gives
/// each value's text. For numbers a text is not enough (0.1 in 32 bits is another number than in 64): cut points at
/// everything that the texts could stand for tell which it is.
final class RawRequests {
    private let schema: ServingSchema
    private let source: any BatchSource
    private let features: [[FeatureValue]]
    private let fields: [[FeatureValue]]

    init(_ data: [String], _ session: RunSession, schema: ServingSchema) throws {
        self.schema = schema
        func probing(_ encoding: FeatureEncoding, _ probe: (Encoding) -> Encoding) -> FeatureEncoding {
            var raw = encoding
            raw.encoding = probe(encoding.encoding)
            raw.table = encoding.name
            return raw
        }
        func logSchema(_ probe: (Encoding) -> Encoding) -> FeatureSchema {
            FeatureSchema(
                regular: schema.regular.map { RegularFeature(probing($0.encoding, probe), side: $0.side) },
                sequence: schema.sequence.map {
                    BehaviourSequence(name: $0.name, length: $0.length, fields: $0.fields.map { probing($0, probe) })
                }, labels: [], requestColumn: session.run.schema.requestColumn, groupColumn: session.run.schema.groupColumn)
        }
        var logs = session.run.logs
        (logs.train, logs.validation, logs.test) = (data, [], [])
        (logs.validationSplit, logs.testSplit) = (nil, nil)
        // Rows that the run skips are skipped here too; the run's own scorer keeps them aside.
        let badRows = FileManager.default.temporaryDirectory.appendingPathComponent("parity-\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: badRows) }
        func dataset(_ schema: FeatureSchema) throws -> Dataset {
            let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
            return try Dataset(logs: logs, schema: schema, baseFolder: here, badRowFile: badRows)
        }
        let texts = try dataset(logSchema { _ in .vocabulary(minCount: 1, maxSize: nil) }).fitEncoder()

        var tables: [FittedTable] = []
        func values(_ encoding: FeatureEncoding) throws -> [FeatureValue] {
            let found = try texts.table(encoding.name).values ?? []
            guard Self.isNumeric(encoding.encoding) else {
                tables.append(FittedTable(name: encoding.name, encoding: .vocabulary(minCount: 1, maxSize: nil), values: found))
                return [.missing, .missing] + found.map { .text($0) }
            }
            let numbers = Set(found.flatMap(Self.readings)).sorted()
            tables.append(FittedTable(name: encoding.name, encoding: .quantiles(buckets: 2), cuts: numbers))
            return [.missing, .missing] + numbers.map { .number($0) }
        }
        features = try schema.regular.map { try values($0.encoding) }
        fields = try (schema.sequence?.fields ?? []).map(values)
        let probed = logSchema { Self.isNumeric($0) ? .quantiles(buckets: 2) : .vocabulary(minCount: 1, maxSize: nil) }
        source = try dataset(probed).batches(
            .train, encoder: FittedEncoder(tables: tables), batchSize: session.run.training.batchSize, seed: 0,
            shuffle: false, deduplicate: true)
        try source.seek(epoch: 0, batches: 0)
    }

    private static func isNumeric(_ encoding: Encoding) -> Bool {
        switch encoding {
        case .boundaries, .quantiles: true
        case .vocabulary, .hash, .categories: false
        }
    }

    /// The numbers that a column's text can stand for.
    private static func readings(_ text: String) -> [Double] {
        let truth: Double? = text == "true" ? 1 : text == "false" ? 0 : nil
        let readings: [Double?] = [Double(text), Float(text).map { Double($0) }, truth]
        return readings.compactMap { $0 }.filter { !$0.isNaN }
    }

    struct Batch {
        var requests: [ScoreRequest]
        /// Sample -> its place among the candidates of all requests, one request after another.
        var place: [Int]

        func inOrder(_ scores: [Float]) -> [Float] {
            scores.count == place.count ? place.map { scores[$0] } : []
        }

        /// Samples whose rows differ between these requests, encoded, and the trainer's batch.
        func differences(_ ours: RegularInputs, _ theirs: RegularInputs, _ schema: ServingSchema) -> Int {
            place.indices.reduce(0) { $0 + (sameRows($1, ours, theirs, schema) ? 0 : 1) }
        }

        private func sameRows(
            _ sample: Int, _ ours: RegularInputs, _ theirs: RegularInputs, _ schema: ServingSchema
        ) -> Bool {
            let mine = place[sample]
            for (i, feature) in schema.regular.enumerated() {
                let (a, b) =
                    switch feature.side {
                    case .user: (Int(ours.userIndex[mine]), Int(theirs.userIndex[sample]))
                    case .item: (Int(ours.itemIndex[mine]), Int(theirs.itemIndex[sample]))
                    case .interaction: (mine, sample)
                    }
                if ours.columns[i].rows(a) != theirs.columns[i].rows(b) { return false }
            }
            guard let x = ours.sequence, let y = theirs.sequence else { return true }
            let (a, b) = (Int(ours.userIndex[mine]), Int(theirs.userIndex[sample]))
            return zip(x.fields, y.fields).allSatisfy { f, g in
                f[Int(x.offsets[a])..<Int(x.offsets[a + 1])] == g[Int(y.offsets[b])..<Int(y.offsets[b + 1])]
            }
        }
    }

    func next() throws -> Batch? {
        guard let inputs = try source.next()?.regular else { return nil }
        var requests = (0..<inputs.userCount).map { user in
            ScoreRequest(user: values(.user, user, inputs).merging(events(user, inputs)) { $1 }, candidates: [])
        }
        var within = [Int](repeating: 0, count: inputs.count)
        for sample in 0..<inputs.count {
            let user = Int(inputs.userIndex[sample])
            within[sample] = requests[user].candidates.count
            requests[user].candidates.append(
                values(.item, Int(inputs.itemIndex[sample]), inputs).merging(values(.interaction, sample, inputs)) { $1 })
        }
        var starts = [0]
        for request in requests { starts.append(starts[starts.count - 1] + request.candidates.count) }
        let place = within.indices.map { starts[Int(inputs.userIndex[$0])] + within[$0] }
        return Batch(requests: requests, place: place)
    }

    private func values(_ side: Side, _ entity: Int, _ inputs: RegularInputs) -> FeatureValues {
        var result: FeatureValues = [:]
        for i in schema.indices(side) {
            let column = inputs.columns[i]
            let raw = column.rows(entity).map { features[i][Int($0)] }
            result[schema.regular[i].name] = column.offsets == nil ? raw[0] : .list(raw)
        }
        return result
    }

    private func events(_ user: Int, _ inputs: RegularInputs) -> FeatureValues {
        guard let sequence = inputs.sequence, let described = schema.sequence else { return [:] }
        let events = Int(sequence.offsets[user])..<Int(sequence.offsets[user + 1])
        var result: FeatureValues = [:]
        for (f, field) in described.fields.enumerated() {
            result[field.name] = .list(sequence.fields[f][events].map { fields[f][Int($0)] })
        }
        return result
    }
}

extension EncodedColumn {
    func rows(_ entity: Int) -> ArraySlice<Int32> {
        guard let offsets else { return ids[entity...entity] }
        return ids[Int(offsets[entity])..<Int(offsets[entity + 1])]
    }
}
