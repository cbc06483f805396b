/// What a reader of a document collects: every issue, and the place of every key.
package final class Findings {
    /// The first hundred: a file with more is broken in one way, a hundred times.
    package private(set) var issues: [SchemaError.Issue] = []
    /// `features[3].encoding` -> where that key was written.
    package var locations: [String: Location] = [:]

    package func report(_ location: Location?, _ path: String, _ message: @autoclosure () -> String) {
        guard issues.count < 100 else { return }
        issues.append(SchemaError.Issue(location: location, path: path, message: message()))
    }
}

/// One value of a document with its key path: reads it as a type, or reports what was found instead.
package struct Field {
    let value: DocumentValue
    package let path: String
    package let findings: Findings

    package func report(_ message: String) { findings.report(value.location, path, message) }

    package func expected(_ what: String) { report("expected \(what), found \(value.described)") }

    private var plainText: String? {
        guard case .scalar(let text, plain: true) = value.content else { return nil }
        return text
    }

    package var string: String? {
        guard case .scalar(let text, let plain) = value.content, !(plain && DocumentValue.isNull(text)) else {
            expected("text")
            return nil
        }
        return text
    }

    package var integer: Int? {
        guard let text = plainText, let number = Field.number(text) else {
            expected("a whole number")
            return nil
        }
        guard let integer = number.integer ?? Int(exactly: number.value) else {
            if number.value.rounded() == number.value {
                report("expected a whole number, found \(value.described), which is too large")
            } else {
                expected("a whole number")
            }
            return nil
        }
        return integer
    }

    package var unsigned: UInt64? {
        if let text = plainText, let number = UInt64(text) { return number }
        guard let integer else { return nil }
        guard integer >= 0 else {
            expected("a whole number that is not negative")
            return nil
        }
        return UInt64(integer)
    }

    package var double: Double? {
        guard let text = plainText, let number = Field.number(text) else {
            expected("a number")
            return nil
        }
        guard number.value.isFinite else {
            report("expected a finite number, found \(value.described)")
            return nil
        }
        return number.value
    }

    package var bool: Bool? {
        switch plainText {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default:
            expected("true or false")
            return nil
        }
    }

    package func choice<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) -> Choice?
    where Choice.RawValue == String {
        choice(from: Choice.allCases.map(\.rawValue)).flatMap(Choice.init(rawValue:))
    }

    package func choice(from known: [String]) -> String? {
        if case .scalar(let text, _) = value.content {
            if known.contains(text) { return text }
            report(
                "expected one of \(known.joined(separator: ", ")), found \(value.described)"
                    + Suggestion.hint(for: text, among: known))
        } else {
            expected("one of \(known.joined(separator: ", "))")
        }
        return nil
    }

    package var list: [Field]? {
        guard case .list(let elements) = value.content else {
            expected("a list")
            return nil
        }
        return elements.enumerated().map { index, element in
            let path = "\(path)[\(index)]"
            findings.locations[path] = element.location
            return Field(value: element, path: path, findings: findings)
        }
    }

    /// A list of text, or one text as a list of one.
    package var strings: [String]? {
        isList ? all(list) { $0.string } : string.map { [$0] }
    }

    package var integers: [Int]? { all(list) { $0.integer } }
    package var doubles: [Double]? { all(list) { $0.double } }

    private func all<Element>(_ fields: [Field]?, _ read: (Field) -> Element?) -> [Element]? {
        guard let fields else { return nil }
        let values = fields.compactMap(read)
        return values.count == fields.count ? values : nil
    }

    package var isMapping: Bool { if case .mapping = value.content { true } else { false } }
    var isEmptyMapping: Bool { if case .mapping(let entries) = value.content { entries.isEmpty } else { false } }
    package var isList: Bool { if case .list = value.content { true } else { false } }

    /// The keys of a mapping; keys that are not `known` are reported with the nearest one that is.
    package func mapping(_ known: [String]) -> Fields? {
        guard case .mapping(let entries) = value.content else {
            expected("a mapping with the keys \(known.joined(separator: ", "))")
            return nil
        }
        var fields: [String: Field] = [:]
        for entry in entries {
            let path = path.isEmpty ? entry.key : "\(self.path).\(entry.key)"
            guard known.contains(entry.key) else {
                findings.report(
                    entry.keyLocation, self.path,
                    "unknown key '\(DocumentValue.shortened(entry.key))'"
                        + Suggestion.hint(for: entry.key, among: known)
                        + " (known keys: \(known.joined(separator: ", ")))")
                continue
            }
            findings.locations[path] = entry.keyLocation
            fields[entry.key] = Field(value: entry.value, path: path, findings: findings)
        }
        return Fields(fields: fields, known: known, location: value.location, path: path, findings: findings)
    }

    /// Digits with optional sign, point, exponent and `_` between digits: no hexadecimal, no infinity.
    static func number(_ text: String) -> (value: Double, integer: Int?)? {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard
            text.utf8.contains(where: digits.contains),
            text.utf8.allSatisfy({ digits.contains($0) || "+-.eE_".utf8.contains($0) }),
            !text.hasPrefix("_"), !text.hasSuffix("_")
        else { return nil }
        let bare = text.filter { $0 != "_" }
        guard let value = Double(bare) else { return nil }
        return (value, Int(bare))
    }
}

/// The keys of one mapping. A key that is absent keeps its default; one that is wrong is reported.
package struct Fields {
    let fields: [String: Field]
    let known: [String]
    package let location: Location
    package let path: String
    package let findings: Findings

    package subscript(key: String) -> Field? {
        precondition(known.contains(key), "Fields: '\(key)' is read but is not a known key of '\(path)'")
        return fields[key]
    }

    package func has(_ key: String) -> Bool { self[key] != nil }

    package func required(_ key: String, _ explanation: String) -> Field? {
        if let field = self[key] { return field }
        findings.report(location, path, "'\(key)' is missing: \(explanation)")
        return nil
    }

    package func set<Value>(_ target: inout Value, _ key: String, _ read: (Field) -> Value?) {
        if let value = self[key].flatMap(read) { target = value }
    }
}
