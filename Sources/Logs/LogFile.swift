import Foundation
import Schema

/// One file of the logs, with the values that its folders' names give it (`day=7/part-0.parquet`).
struct LogFile: Sendable, Equatable {
    enum Format: String, Sendable { case parquet, arrow, csv, jsonl }

    var path: String
    var format: Format
    /// CSV: the character between fields.
    var delimiter: UInt8
    var partitions: [String: String]

    /// Whether every column arrives as text, so that the schema says what it means.
    var isTextual: Bool { format == .csv || format == .jsonl }
}

extension LogFile {
    /// Expands files, globs and folders (recursively), each in sorted order.
    static func expand(_ patterns: [String], logs: LogsConfiguration, baseFolder: URL) throws -> [LogFile] {
        try patterns.flatMap { try expand($0, logs: logs, baseFolder: baseFolder) }
    }

    private static func expand(_ pattern: String, logs: LogsConfiguration, baseFolder: URL) throws -> [LogFile] {
        let absolute = pattern.hasPrefix("/") ? pattern : baseFolder.appendingPathComponent(pattern).path
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: absolute, isDirectory: &isFolder) {
            let paths = isFolder.boolValue ? files(below: absolute, logs) : [absolute]
            guard !paths.isEmpty else {
                throw LogsError(.noSuchFile, file: absolute, detail: "the folder holds no log files")
            }
            return try paths.map { try LogFile($0, logs, below: absolute) }
        }
        let matches = glob(absolute)
        guard !matches.isEmpty else {
            let isGlob = pattern.contains { "*?[".contains($0) }
            throw LogsError(.noSuchFile, file: absolute, detail: isGlob ? "matches nothing" : "no such file or folder")
        }
        return try matches.flatMap { try expand($0, logs: logs, baseFolder: baseFolder) }
    }

    private static func glob(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard Glibc.glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
    }

    /// Hidden files and those whose name starts with `_` (`_SUCCESS`, `_metadata`) are not logs.
    private static func files(below folder: String, _ logs: LogsConfiguration) -> [String] {
        guard let names = FileManager.default.enumerator(atPath: folder) else { return [] }
        var paths: [String] = []
        for case let name as String in names {
            let parts = name.split(separator: "/")
            if parts.contains(where: { $0.hasPrefix(".") || $0.hasPrefix("_") }) { continue }
            let path = folder + "/" + name
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            if !exists || isFolder.boolValue || (logs.format == .auto && format(of: path) == nil) { continue }
            paths.append(path)
        }
        return paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func format(of path: String) -> LogFormat? {
        var name = path.lowercased()
        if name.hasSuffix(".gz") { name.removeLast(3) }
        switch URL(fileURLWithPath: name).pathExtension {
        case "parquet", "pq": return .parquet
        case "arrow", "arrows", "feather", "ipc": return .arrow
        case "csv": return .csv
        case "tsv": return .tsv
        case "jsonl", "ndjson": return .jsonl
        default: return nil
        }
    }

    private init(_ path: String, _ logs: LogsConfiguration, below root: String) throws {
        self.path = path
        guard let format = logs.format == .auto ? Self.format(of: path) : logs.format else {
            throw LogsError(
                .unreadable, file: path, expected: ".parquet, .arrow, .csv, .tsv or .jsonl (or logs.format)",
                found: "'.\(URL(fileURLWithPath: path).pathExtension)'")
        }
        if format == .jsonl, path.hasSuffix(".gz") {
            throw LogsError(.unreadable, file: path, expected: "JSON lines", found: "a compressed file: unpack it first")
        }
        let given = logs.delimiter.map { $0 == "\\t" ? "\t" : $0 }
        if let given, given.utf8.count != 1 {
            throw LogsError(.badConfiguration, expected: "a delimiter of one character", found: "'\(given)'")
        }
        switch format {
        case .parquet: self.format = .parquet
        case .arrow: self.format = .arrow
        case .jsonl: self.format = .jsonl
        case .csv, .tsv, .auto: self.format = .csv
        }
        delimiter = given?.utf8.first ?? UInt8(ascii: format == .tsv ? "\t" : ",")
        partitions = [:]
        for part in path.split(separator: "/").dropLast() {
            guard let equals = part.firstIndex(of: "="), equals != part.startIndex else { continue }
            let value = String(part[part.index(after: equals)...])
            let isNull = value == "__HIVE_DEFAULT_PARTITION__"
            partitions[String(part[..<equals])] = isNull ? "" : value.removingPercentEncoding ?? value
        }
    }
}
