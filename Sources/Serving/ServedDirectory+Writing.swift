import Foundation
import ModelPackage

extension ServedDirectory {
    /// What becomes of a fine part when a directory is indexed.
    public enum PartChange: Sendable, Equatable {
        /// It stays as it is, present or not.
        case keep
        /// This package is copied in.
        case copy(from: String)
        case remove
    }

    /// Puts items, and fine rankers, beside a package's own files.
    ///
    /// The item file names all networks and is written last, so that a directory that was left half-way is refused
    /// and never served mixed. A model that was opened before is not touched: files are replaced, not changed.
    /// - Parameters:
    ///   - out: nil: in place. Otherwise a directory that appears whole or not at all, with the package's files copied.
    /// - Returns: the table that was read, and the version of the whole directory.
    @discardableResult
    public static func index(
        _ path: String, items: [String], columns: ItemTable.Columns = .init(), parts changes: [FinePart: PartChange] = [:],
        out: String? = nil, threads: Int = 1
    ) throws -> (table: ItemTable, version: String) {
        guard let out else {
            return try index(inPlace: path, items: items, columns: columns, parts: changes, threads: threads)
        }
        guard !FileManager.default.fileExists(atPath: out) else {
            throw PackageError(.exists, path: out, expected: "a path that is free", found: "a file or folder")
        }
        let target = URL(fileURLWithPath: out)
        let folder = target.deletingLastPathComponent()
            .appendingPathComponent(".\(target.lastPathComponent).\(UUID().uuidString).partial").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try ModelPackage(path: path).copy(to: folder)
        for part in FinePart.allCases where changes[part] ?? .keep == .keep {
            let own = "\(path)/\(part.folder)"
            guard FileManager.default.fileExists(atPath: own) else { continue }
            try ModelPackage(path: own).copy(to: "\(folder)/\(part.folder)")
        }
        let result = try index(inPlace: folder, items: items, columns: columns, parts: changes, threads: threads)
        guard rename(folder, out) == 0 else {
            throw PackageError(
                .unreadable, path: out, expected: "the finished directory renamed to it", found: String(cString: strerror(errno)))
        }
        return result
    }

    private static func index(
        inPlace path: String, items: [String], columns: ItemTable.Columns, parts changes: [FinePart: PartChange], threads: Int
    ) throws -> (table: ItemTable, version: String) {
        let package = try ModelPackage(path: path)
        // Everything that can be refused is looked at before anything is changed.
        var parts = try ServedDirectory.parts(of: path)
        for (part, change) in changes {
            switch change {
            case .keep: break
            case .remove: parts[part] = nil
            case .copy(let from):
                let model = try ModelPackage(path: from)
                guard part == .ctr || model.student.task == .cvr else {
                    throw PackageError(.mismatch, path: from, expected: "a cvr model", found: model.student.task.rawValue)
                }
                parts[part] = model
            }
        }
        let table = try ItemTable(items, columns: columns, model: package, parts: parts)
        for (part, change) in changes { try apply(change, to: "\(path)/\(part.folder)") }
        try ItemFile.write(
            table.contents, of: package, parts: parts, to: "\(path)/\(ItemFile.fileName)", threads: threads)
        return (table, try ServedDirectory(path: path, threads: threads).version)
    }

    private static func apply(_ change: PartChange, to folder: String) throws {
        let files = FileManager.default
        switch change {
        case .keep: return
        case .remove: if files.fileExists(atPath: folder) { try files.removeItem(atPath: folder) }
        case .copy(let from):
            let fresh = folder + ".partial", old = folder + ".old"
            for left in [fresh, old] where files.fileExists(atPath: left) { try files.removeItem(atPath: left) }
            try ModelPackage(path: from).copy(to: fresh)
            if files.fileExists(atPath: folder) { try files.moveItem(atPath: folder, toPath: old) }
            try files.moveItem(atPath: fresh, toPath: folder)
            if files.fileExists(atPath: old) { try files.removeItem(atPath: old) }
        }
    }
}
