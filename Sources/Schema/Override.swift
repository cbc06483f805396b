/// `training.epochs=2`: one value of a run file, said on the command line.
struct Override {
    let text: String
    private let path: Substring
    private let value: DocumentValue
    private let location: Location

    init(_ text: String) throws(SchemaError) {
        self.text = text
        location = Location(source: "override '\(DocumentValue.shortened(text))'")
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw SchemaError(location: location, message: "expected key.path=value")
        }
        path = text[..<equals]
        guard path.utf8.count <= 1_000 else {
            throw SchemaError(location: location, message: "has a key that is too long")
        }
        let written = String(text[text.index(after: equals)...])
        guard !written.allSatisfy(\.isWhitespace) else {
            throw SchemaError(location: location, message: "has no value; expected key.path=value")
        }
        do {
            let parsed = try DocumentReader.read(text: written, source: location.source)
            value = Override.relocated(parsed, to: location)
        } catch {
            throw SchemaError(location: location, message: error.issues[0].message)
        }
    }

    func apply(to document: inout DocumentValue) throws(SchemaError) {
        try replace(in: &document, path: path, above: "")
    }

    /// Replaces the value that `path` names inside `node`; creates mappings on the way.
    private func replace(in node: inout DocumentValue, path: Substring, above: String) throws(SchemaError) {
        switch node.content {
        case .scalar(let text, plain: true) where DocumentValue.isNull(text):
            node.content = .mapping([])
            try replace(in: &node, path: path, above: above)
        case .scalar:
            throw SchemaError(
                location: location, path: above,
                message: "is a single value, and '\(path)' can't be set inside it")
        case .mapping(var entries):
            let (key, rest) = firstComponent(of: path)
            guard !key.isEmpty else { throw SchemaError(location: location, message: "has an empty key") }
            let path = above.isEmpty ? key : "\(above).\(key)"
            let index = entries.firstIndex { $0.key == key }
            var child = index.map { entries[$0].value } ?? DocumentValue(content: .mapping([]), location: location)
            if let rest { try replace(in: &child, path: rest, above: path) } else { child = value }
            if let index {
                entries[index].value = child
                if rest == nil { entries[index].keyLocation = location }
            } else {
                entries.append(DocumentValue.Entry(key: key, keyLocation: location, value: child))
            }
            node.content = .mapping(entries)
        case .list(var elements):
            let (index, rest) = try element(of: path, in: elements, above: above)
            if let rest {
                try replace(in: &elements[index], path: rest, above: "\(above)[\(index)]")
            } else {
                elements[index] = value
            }
            node.content = .list(elements)
        }
    }

    /// `a.b.c` -> `a`, `b.c`; `a[1].b` -> `a`, `1.b`.
    private func firstComponent(of path: Substring) -> (String, rest: Substring?) {
        guard let end = path.firstIndex(where: { $0 == "." || $0 == "[" }) else { return (String(path), nil) }
        return (String(path[..<end]), path[path.index(after: end)...])
    }

    /// The element that the path begins with: its position, or its `name` (which may contain dots).
    private func element(
        of path: Substring, in elements: [DocumentValue], above: String
    ) throws(SchemaError) -> (index: Int, rest: Substring?) {
        let names = elements.map(\.name)
        let named = names.enumerated().filter { _, name in
            guard let name else { return false }
            return path == name || path.hasPrefix("\(name).")
        }
        if let (index, name) = named.max(by: { $0.element!.count < $1.element!.count }), let name {
            return (index, path == name ? nil : path.dropFirst(name.count + 1))
        }
        let (component, rest) = firstComponent(of: path)
        let digits = component.hasSuffix("]") ? String(component.dropLast()) : component
        if let index = Int(digits), elements.indices.contains(index) { return (index, rest) }
        let known = names.compactMap { $0 }
        throw SchemaError(
            location: location, path: above,
            message: "has no element '\(component)'" + Suggestion.hint(for: component, among: known)
                + (known.isEmpty
                    ? " (it has \(elements.count) elements)" : " (known: \(known.joined(separator: ", ")))"))
    }

    private static func relocated(_ value: DocumentValue, to location: Location) -> DocumentValue {
        var value = value
        value.location = location
        switch value.content {
        case .scalar: break
        case .list(let elements): value.content = .list(elements.map { relocated($0, to: location) })
        case .mapping(let entries):
            value.content = .mapping(
                entries.map {
                    DocumentValue.Entry(
                        key: $0.key, keyLocation: location, value: relocated($0.value, to: location))
                })
        }
        return value
    }
}

extension DocumentValue {
    /// The `name` of a mapping, by which an override may call it.
    fileprivate var name: String? {
        guard case .mapping(let entries) = content,
            case .scalar(let name, _)? = entries.first(where: { $0.key == "name" })?.value.content
        else { return nil }
        return name
    }
}
