import Foundation
import Logs
import ModelPackage
import Schema

/// Turns raw values into the rows that the networks read, by the same `FittedEncoder` that training used, and
/// refuses what no table can take. Immutable; any thread may use it.
struct RequestEncoder: Sendable {
    let schema: ServingSchema
    let encoder: FittedEncoder
    let limits: ServingLimits
    private let homes: [String: Home]
    /// Names that only other networks of the same served model have, and the sides where they may stand.
    private let foreign: [String: Set<Side>]

    /// Where in a request a name belongs.
    private enum Home: Sendable, Equatable {
        case feature(Side)
        case field

        var words: String {
            switch self {
            case .feature(.user), .field: "user"
            case .feature(.item): "item"
            case .feature(.interaction): "candidate (an interaction)"
            }
        }
    }

    /// - Parameter siblings: other networks that are given the same requests: their features are let pass.
    init(_ package: ModelPackage, limits: ServingLimits, siblings: [ServingSchema] = []) {
        schema = package.schema
        encoder = package.encoder
        self.limits = limits
        var homes: [String: Home] = [:]
        for feature in package.schema.regular { homes[feature.name] = .feature(feature.side) }
        for field in package.schema.sequence?.fields ?? [] { homes[field.name] = .field }
        self.homes = homes
        var foreign: [String: Set<Side>] = [:]
        for sibling in siblings {
            for feature in sibling.regular { foreign[feature.name, default: []].insert(feature.side) }
            for field in sibling.sequence?.fields ?? [] { foreign[field.name, default: []].insert(.user) }
        }
        self.foreign = foreign
    }

    /// Every request is one user side; every candidate an item side and a sample of its own.
    func encode(_ requests: [ScoreRequest]) throws(ServingError) -> EncodedRequests {
        try check("requests", requests.count, limits.requests)
        let samples = requests.reduce(0) { $0 + $1.candidates.count }
        try check("candidates", samples, limits.candidates)
        var builder = ColumnsBuilder(self)
        for (number, request) in requests.enumerated() {
            try builder.add(request.user, [.user], at: .user(request: number))
            try builder.addSequence(request.user, at: .user(request: number))
            for (candidate, values) in request.candidates.enumerated() {
                try builder.add(values, [.item, .interaction], at: .candidate(candidate, request: number))
            }
        }
        let userIndex = requests.enumerated().flatMap { number, request in
            [Int32](repeating: Int32(number), count: request.candidates.count)
        }
        return builder.finish(
            count: samples, users: requests.count, items: samples, userIndex: userIndex,
            itemIndex: (0..<Int32(samples)).map { $0 })
    }

    /// User sides alone.
    func encode(users: [FeatureValues]) throws(ServingError) -> EncodedRequests {
        try encode(users.map { ScoreRequest(user: $0, candidates: []) })
    }

    /// Item sides alone.
    func encode(items: [FeatureValues]) throws(ServingError) -> EncodedRequests {
        try check("items", items.count, limits.candidates)
        var builder = ColumnsBuilder(self)
        for (number, values) in items.enumerated() { try builder.add(values, [.item], at: .item(number)) }
        return builder.finish(count: 0, users: 0, items: items.count, userIndex: [], itemIndex: [])
    }

    fileprivate func check(_ what: String, _ found: Int, _ limit: Int) throws(ServingError) {
        guard found <= limit else { throw .tooLarge(what: what, limit: limit, found: found) }
    }

    /// Refuses names that do not belong to these sides.
    fileprivate func checkNames(
        _ values: FeatureValues, _ sides: Set<Side>, at place: ServingError.Place
    ) throws(ServingError) {
        // The least of the wrong names, so that equal requests give equal errors.
        var wrong: (name: String, home: Home?)?
        for name in values.keys {
            let home = homes[name]
            let belongs =
                switch home {
                case .feature(let side): sides.contains(side)
                case .field: sides.contains(.user)
                case nil: false
                }
            if !belongs, foreign[name]?.isDisjoint(with: sides) ?? true, wrong == nil || name < wrong!.name { wrong = (name, home) }
        }
        guard let wrong else { return }
        let name = String(wrong.name.prefix(200))
        if let home = wrong.home { throw .misplacedFeature(name: name, in: place, belongsTo: home.words) }
        throw .unknownFeature(name: name, in: place, nearest: nearest(to: name))
    }

    private func nearest(to name: String) -> String? {
        let folded = name.lowercased()
        return homes.keys.sorted().first { $0.lowercased() == folded || similar($0.lowercased(), folded) }
    }

    /// One letter more, less or other.
    private func similar(_ a: String, _ b: String) -> Bool {
        let a = Array(a.utf8), b = Array(b.utf8)
        guard abs(a.count - b.count) <= 1, max(a.count, b.count) >= 4 else { return false }
        let start = zip(a, b).prefix { $0 == $1 }.count
        let end = zip(a.reversed(), b.reversed()).prefix { $0 == $1 }.count
        return start + end >= max(a.count, b.count) - 1
    }

    fileprivate func rows(
        _ value: FeatureValue, _ encoding: FeatureEncoding, at place: ServingError.Place
    ) throws(ServingError) -> [Int32] {
        try check(value, encoding, at: place)
        do {
            return try encoder.encodeList(value, as: encoding)
        } catch {
            throw bad(error, encoding, place)
        }
    }

    fileprivate func row(
        _ value: FeatureValue, _ encoding: FeatureEncoding, at place: ServingError.Place
    ) throws(ServingError) -> Int32 {
        try check(value, encoding, at: place)
        do {
            return try encoder.encode(value, as: encoding)
        } catch {
            throw bad(error, encoding, place)
        }
    }

    private func bad(_ error: any Error, _ encoding: FeatureEncoding, _ place: ServingError.Place) -> ServingError {
        let error = error as? LogsError
        let found = error?.found.map { $0.count > 200 ? "\($0.prefix(200))…" : $0 }
        return .badValue(
            feature: encoding.name, in: place, expected: error?.expected ?? "a value", found: found ?? "something else")
    }

    /// What the encoder would take but no client can mean: NaN, infinities and endless texts and lists.
    private func check(
        _ value: FeatureValue, _ encoding: FeatureEncoding, at place: ServingError.Place
    ) throws(ServingError) {
        func refuse(_ expected: String, _ found: String) -> ServingError {
            .badValue(feature: encoding.name, in: place, expected: expected, found: found)
        }
        switch value {
        case .number(let number) where !number.isFinite: throw refuse("a finite number", "\(number)")
        case .text(let text) where text.utf8.count > limits.textBytes:
            throw refuse("at most \(limits.textBytes) bytes of text", "\(text.utf8.count)")
        case .text(let text) where encoding.isNumeric:
            if let number = Double(text), !number.isFinite { throw refuse("a finite number", "'\(text.prefix(200))'") }
        case .list(let values):
            guard values.count <= limits.listValues else {
                throw refuse("at most \(limits.listValues) values", "\(values.count)")
            }
            for element in values {
                if case .list = element { throw refuse("a list of values", "a list of lists") }
                try check(element, encoding, at: place)
            }
        default: break
        }
    }
}

/// Encoded requests, and how many of their values no table knew.
struct EncodedRequests: Sendable {
    var inputs: RegularInputs
    /// By feature: values that fell back to the row of unseen values.
    var unknown: [String: Int]
}

extension FeatureEncoding {
    /// Whether its values have to be numbers.
    var isNumeric: Bool {
        switch encoding {
        case .boundaries, .quantiles: true
        case .vocabulary, .hash, .categories: false
        }
    }

    /// Whether row 1 means a value that the table has never seen.
    var hasUnseenRow: Bool {
        switch encoding {
        case .vocabulary, .categories: true
        case .hash, .boundaries, .quantiles: false
        }
    }
}

/// Columns of row ids, growing entity by entity.
private struct ColumnsBuilder {
    let owner: RequestEncoder
    var columns: [EncodedColumn]
    var sequence: EncodedSequence?
    var unknown: [String: Int] = [:]
    var total = 0

    init(_ owner: RequestEncoder) {
        self.owner = owner
        columns = owner.schema.regular.map { EncodedColumn(offsets: $0.encoding.bag == nil ? nil : [0]) }
        sequence = owner.schema.sequence.map { EncodedSequence(offsets: [0], fields: $0.fields.map { _ in [] }) }
    }

    mutating func add(
        _ values: FeatureValues, _ sides: Set<Side>, at place: ServingError.Place
    ) throws(ServingError) {
        try owner.checkNames(values, sides, at: place)
        for (i, feature) in owner.schema.regular.enumerated() where sides.contains(feature.side) {
            let value = values[feature.name] ?? .missing
            if feature.encoding.bag == nil {
                let row = try owner.row(value, feature.encoding, at: place)
                columns[i].ids.append(row)
                try count([row], feature.encoding)
            } else {
                let rows = try owner.rows(value, feature.encoding, at: place)
                columns[i].ids += rows
                let end = Int32(columns[i].ids.count)
                columns[i].offsets?.append(end)
                try count(rows, feature.encoding)
            }
        }
    }

    /// The newest events of the sequence, as many as the model was trained with. An absent sequence is an empty one.
    mutating func addSequence(_ values: FeatureValues, at place: ServingError.Place) throws(ServingError) {
        guard let description = owner.schema.sequence else { return }
        var events: Int?
        var length = 0
        for (f, field) in description.fields.enumerated() {
            // As in the logs, `missing: error` is about features, not about events.
            var encoding = field
            encoding.missing = .default
            var rows = try owner.rows(values[field.name] ?? .missing, encoding, at: place)
            if let events, events != rows.count {
                throw .unevenSequence(field: field.name, in: place, expected: events, found: rows.count)
            }
            events = rows.count
            length = min(rows.count, description.length)
            rows.removeLast(rows.count - length)
            sequence?.fields[f] += rows
            try count(rows, field)
        }
        if let last = sequence?.offsets.last { sequence?.offsets.append(last + Int32(length)) }
    }

    private mutating func count(_ rows: [Int32], _ encoding: FeatureEncoding) throws(ServingError) {
        total += rows.count
        try owner.check("values in a call", total, owner.limits.totalValues)
        guard encoding.hasUnseenRow else { return }
        let unseen = rows.reduce(0) { $0 + ($1 == 1 ? 1 : 0) }
        if unseen > 0 { unknown[encoding.name, default: 0] += unseen }
    }

    func finish(count: Int, users: Int, items: Int, userIndex: [Int32], itemIndex: [Int32]) -> EncodedRequests {
        EncodedRequests(
            inputs: RegularInputs(
                count: count, userCount: users, itemCount: items, userIndex: userIndex, itemIndex: itemIndex,
                columns: columns, sequence: sequence),
            unknown: unknown)
    }
}
