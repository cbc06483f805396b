import Schema

/// Which columns a schema needs, and where each of its parts finds its own.
struct SchemaColumns: Sendable {
    /// A feature, a sequence field or a label, with the number of its column among `wanted`.
    struct Use: Sendable {
        var feature: FeatureEncoding
        var column: Int
        var isList: Bool
        var isNumeric: Bool
        var isPrivileged: Bool
        var isField: Bool
    }

    private(set) var wanted: [WantedColumn] = []
    let schema: FeatureSchema
    private(set) var regular: [Use] = []
    private(set) var fields: [Use] = []
    private(set) var privileged: [Use] = []
    private(set) var labels: [Int] = []
    private(set) var weight: Int?
    private(set) var request: Int?
    private(set) var group: Int?
    private(set) var timestamp: Int?
    private(set) var softLabel: Int?

    /// - Parameter readsTime: whether the splits need the timestamp column.
    init(_ schema: FeatureSchema, readsTime: Bool) throws {
        self.schema = schema
        labels = schema.labels.map { column($0.column, isList: false) }
        weight = schema.weightColumn.map { column($0, isList: false) }
        request = schema.requestColumn.map { column($0, isList: false) }
        group = schema.groupColumn.map { column($0, isList: false) }
        softLabel = schema.softLabelColumn.map { column($0, isList: false) }
        if readsTime {
            guard let name = schema.timestampColumn else {
                throw LogsError(.badConfiguration, detail: "a split by time (from:) needs columns.timestamp")
            }
            timestamp = column(name, isList: false)
        }
        regular = schema.regular.map { use($0.encoding) }
        fields = (schema.sequence?.fields ?? []).map { use($0, isField: true) }
        privileged = schema.privileged.map { use($0.encoding, isPrivileged: true) }
    }

    var uses: [Use] { regular + fields + privileged }

    private mutating func use(_ feature: FeatureEncoding, isPrivileged: Bool = false, isField: Bool = false) -> Use {
        let isList = isField || feature.bag != nil
        let isNumeric =
            switch feature.encoding {
            case .boundaries, .quantiles: true
            default: false
            }
        return Use(
            feature: feature, column: column(feature.column, isList: isList), isList: isList, isNumeric: isNumeric,
            isPrivileged: isPrivileged, isField: isField)
    }

    private mutating func column(_ name: String, isList: Bool) -> Int {
        if let i = wanted.firstIndex(where: { $0.name == name && $0.isList == isList }) { return i }
        wanted.append(WantedColumn(name: name, isList: isList))
        return wanted.count - 1
    }

    /// Refuses a file whose columns are not what the schema says.
    func check(_ file: LogFile, _ description: FileDescription) throws {
        for column in wanted where description.columns[column.name] == nil && file.partitions[column.name] == nil {
            let known = description.order + file.partitions.keys.sorted()
            let near = nearest(to: column.name, among: known)
            throw LogsError(
                .missingColumn, file: file.path, column: column.name,
                detail: near.map { "did you mean '\($0)'?" } ?? "the file has \(known.prefix(20).joined(separator: ", "))")
        }
        guard !file.isTextual else { return }
        func refuse(_ column: Int, _ expected: String) throws {
            let name = wanted[column].name
            throw LogsError(
                .wrongType, file: file.path, column: name, expected: expected, found: description.columns[name]!.name)
        }
        func type(_ column: Int) -> ColumnType { description.columns[wanted[column].name] ?? .text }
        for (i, column) in wanted.enumerated() where !type(i).isSupported { try refuse(i, column.isList ? "lists" : "values") }
        for use in uses {
            let found = type(use.column)
            if use.isList {
                guard let element = found.element else { try refuse(use.column, "lists (feature '\(use.feature.name)')"); continue }
                if use.isNumeric, element.isText { try refuse(use.column, "lists of numbers (feature '\(use.feature.name)')") }
            } else if found.isList {
                try refuse(use.column, "one value a row (feature '\(use.feature.name)' has no bag)")
            } else if use.isNumeric, found.isText, description.columns[wanted[use.column].name] != nil {
                try refuse(use.column, "numbers (feature '\(use.feature.name)')")
            }
        }
        for (label, column) in zip(schema.labels, labels) where type(column).isList || (type(column).isText && label.positiveText == nil) {
            try refuse(column, label.kind == .binary ? "0 or 1" : "numbers")
        }
        for column in [weight, softLabel, timestamp].compactMap({ $0 }) where type(column).isList || type(column).isText {
            if description.columns[wanted[column].name] != nil { try refuse(column, "numbers") }
        }
        for column in [request, group].compactMap({ $0 }) where type(column).isList { try refuse(column, "one value a row") }
    }
}

extension Label {
    /// The text that counts as 1 in a column of texts.
    var positiveText: String? { positive }
}
