import Yams

/// A YAML document as a plain tree with places, free of anchors, tags and depth.
struct DocumentValue {
    enum Content {
        /// `plain`: written without quotes, so it may be read as a number or a truth value.
        case scalar(String, plain: Bool)
        case list([DocumentValue])
        case mapping([Entry])
    }
    struct Entry {
        var key: String
        var keyLocation: Location
        var value: DocumentValue
    }

    var content: Content
    var location: Location

    /// What a reader of an error message would call this value.
    var described: String {
        switch content {
        case .list: "a list"
        case .mapping: "a mapping"
        case .scalar(let text, let plain):
            if plain && DocumentValue.isNull(text) {
                "nothing"
            } else {
                "'\(DocumentValue.shortened(text))'"
            }
        }
    }

    static func isNull(_ text: String) -> Bool { ["", "~", "null", "Null", "NULL"].contains(text) }

    /// Keeps a user's megabyte out of an error message.
    static func shortened(_ text: String) -> String {
        let line = text.map { $0.isNewline ? " " : $0 }
        return line.count <= 60 ? String(line) : String(line.prefix(57)) + "..."
    }
}

/// What a run file may cost to read. A run file is small; a bomb is not.
struct DocumentLimits {
    var bytes = 1 << 20
    /// Values after aliases are expanded.
    var values = 100_000
    var depth = 32
    /// Aliases (`*name`) in the text.
    var aliases = 100
    /// Characters that can open a level, in a text with aliases.
    ///
    /// Nodes nest at most as deep as there are such characters, whatever the aliases do, and a deeply
    /// nested node is destroyed recursively: this bounds the stack.
    var openingsWithAliases = 4_000
}

enum DocumentReader {
    static func read(
        text: String, source: String, limits: DocumentLimits = DocumentLimits()
    ) throws(SchemaError) -> DocumentValue {
        let whole = Location(source: source)
        guard text.utf8.count <= limits.bytes else {
            throw SchemaError(
                location: whole,
                message: "is \(text.utf8.count) bytes long, and a run file may have \(limits.bytes)")
        }
        try refuseBombs(text: text, source: source, limits: limits)
        let node: Node?
        do {
            node = try Parser(yaml: text, resolver: .basic, constructor: .default, encoding: .utf8).singleRoot()
        } catch let error as YamlError {
            throw schemaError(error, text: text, source: source)
        } catch {
            throw SchemaError(location: whole, message: "not YAML: \(error)")
        }
        guard let node else { throw SchemaError(location: whole, message: "is empty") }
        var converter = Converter(source: source, limits: limits)
        return try converter.convert(node, depth: 0)
    }

    /// Refuses, from the bytes alone, texts that would cost the YAML library exponential time or a deep stack.
    ///
    /// The library itself stops at 1,000 levels of nesting in the text, and aliases share what they name, so
    /// a bomb needs aliases, and either deep chains of them or a mapping key that expands (keys are hashed).
    /// Both are looked for without understanding quotes or comments: never missed, at worst seen where there
    /// is none, and only in a text that does have aliases.
    private static func refuseBombs(text: String, source: String, limits: DocumentLimits) throws(SchemaError) {
        let bytes = Array(text.utf8)
        guard bytes.contains(UInt8(ascii: "&")), bytes.contains(UInt8(ascii: "*")) else { return }
        var line = 1
        var aliases = 0
        var openings = 0
        for (i, byte) in bytes.enumerated() {
            let previous = i > 0 ? bytes[i - 1] : UInt8(ascii: " ")
            let next = i + 1 < bytes.count ? bytes[i + 1] : UInt8(ascii: " ")
            var isComplexKey = false
            switch byte {
            case UInt8(ascii: "\n"): line += 1
            case UInt8(ascii: "*") where isWord(next) && !continuesPlainScalar(previous):
                aliases += 1
                var end = i + 1
                while end < bytes.count, isWord(bytes[end]) { end += 1 }
                isComplexKey = isFollowedByColon(bytes, from: end)
            case UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: "-"), UInt8(ascii: ":"): openings += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): isComplexKey = isFollowedByColon(bytes, from: i + 1)
            case UInt8(ascii: "?"): isComplexKey = !continuesPlainScalar(previous)
            default: break
            }
            if isComplexKey {
                throw SchemaError(
                    location: Location(source: source, line: line),
                    message: "a key that is not a plain word, in a file with aliases; write the key out")
            }
        }
        guard aliases > 0 else { return }
        if aliases > limits.aliases {
            throw SchemaError(
                location: Location(source: source),
                message: "has \(aliases) aliases (*name), and at most \(limits.aliases) are allowed; "
                    + "use `defaults:` or write the values out")
        }
        if openings > limits.openingsWithAliases {
            throw SchemaError(
                location: Location(source: source),
                message: "has aliases (*name) and is too long for them; write the values out")
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// After one of these a `*` or `?` can't begin a token: it belongs to the word before it (`share*_sync`).
    private static func continuesPlainScalar(_ byte: UInt8) -> Bool {
        (isWord(byte) && byte != UInt8(ascii: "-")) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".")
    }

    private static func isFollowedByColon(_ bytes: [UInt8], from start: Int) -> Bool {
        var i = start
        while i < bytes.count, bytes[i] == UInt8(ascii: " ") || bytes[i] == UInt8(ascii: "\t") { i += 1 }
        return i < bytes.count && bytes[i] == UInt8(ascii: ":")
    }

    private static func schemaError(_ error: YamlError, text: String, source: String) -> SchemaError {
        func at(_ mark: Mark, _ context: YamlError.Context?, _ problem: String) -> SchemaError {
            let context = context.map { "\($0.text) (line \($0.mark.line)), " } ?? ""
            return SchemaError(
                location: Location(source: source, line: mark.line, column: mark.column),
                message: "not YAML: \(context)\(problem)")
        }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            if problem.hasPrefix("Maximum nesting level") || problem.hasPrefix("exceeded max depth") {
                return at(mark, nil, "nested too deeply")
            }
            return at(mark, context, problem)
        case .composer(let context, let problem, let mark, _):
            return at(mark, context, problem)
        case .reader(let problem, let offset, _, _):
            var location = Location(source: source)
            if let offset {
                location.line = 1 + text.prefix(offset).reduce(0) { $1.isNewline ? $0 + 1 : $0 }
            }
            return SchemaError(location: location, message: "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "'\(DocumentValue.shortened($0))'" }.joined(separator: ", ")
            return SchemaError(
                location: Location(source: source, line: context.mark.line, column: context.mark.column),
                message: "\(names) said twice in one mapping; keep one")
        default:
            return SchemaError(location: Location(source: source), message: "not YAML: \(error)")
        }
    }

    /// Copies the library's tree into ours, counting what aliases expand to before doing the work.
    private struct Converter {
        let source: String
        let limits: DocumentLimits
        var values = 0

        mutating func convert(_ node: Node, depth: Int) throws(SchemaError) -> DocumentValue {
            let mark = node.mark
            let location = Location(source: source, line: mark?.line, column: mark?.column)
            values += 1
            guard values <= limits.values else {
                throw SchemaError(
                    location: location,
                    message: "more than \(limits.values) values (aliases expanded); a run file is smaller")
            }
            guard depth < limits.depth else {
                throw SchemaError(location: location, message: "nested more than \(limits.depth) levels deep")
            }
            switch node {
            case .scalar(let scalar):
                return DocumentValue(
                    content: .scalar(scalar.string, plain: scalar.style == .plain || scalar.style == .any),
                    location: location)
            case .sequence(let sequence):
                var list: [DocumentValue] = []
                for element in sequence { list.append(try convert(element, depth: depth + 1)) }
                return DocumentValue(content: .list(list), location: location)
            case .mapping(let mapping):
                var entries: [DocumentValue.Entry] = []
                var names: Set<String> = []
                for (key, value) in mapping {
                    let keyMark = key.mark
                    let keyLocation = Location(source: source, line: keyMark?.line, column: keyMark?.column)
                    guard case .scalar(let name) = key else {
                        throw SchemaError(location: keyLocation, message: "a key must be a word")
                    }
                    guard names.insert(name.string).inserted else {
                        throw SchemaError(
                            location: keyLocation,
                            message: "'\(DocumentValue.shortened(name.string))' said twice in one mapping; keep one")
                    }
                    entries.append(
                        DocumentValue.Entry(
                            key: name.string, keyLocation: keyLocation,
                            value: try convert(value, depth: depth + 1)))
                }
                return DocumentValue(content: .mapping(entries), location: location)
            case .alias:
                throw SchemaError(location: location, message: "an alias that names nothing")
            }
        }
    }
}
