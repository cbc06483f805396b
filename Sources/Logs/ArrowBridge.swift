import CArrow
import Foundation

/// The door to Apache Arrow: the bridge library, loaded at run time.
///
/// Looked for at `$HINDSIGHT_ARROW`, then in `.deps/lib` of every folder above the executable and above
/// the working folder, then on the system's library path. `Scripts/bootstrap` builds it.
final class ArrowBridge: @unchecked Sendable {
    // SAFETY: the table is constant, and the library is never unloaded.
    let functions: hindsight_arrow

    private init(functions: hindsight_arrow) { self.functions = functions }

    private static let loaded: Result<ArrowBridge, LogsError> = load()

    static func shared() throws -> ArrowBridge { try loaded.get() }

    private static func load() -> Result<ArrowBridge, LogsError> {
        // Arrow's allocator gives memory back to the kernel ten milliseconds after it falls free, and a reader takes as much
        // again with the next row group: clearing pages was a sixth of reading Parquet. It keeps what a row group takes
        // instead, unless the user has said otherwise. The allocator looks once, when it is loaded.
        setenv("MIMALLOC_PURGE_DELAY", "-1", 0)
        var complaints: [String] = []
        for candidate in candidates() {
            guard let handle = dlopen(candidate, RTLD_NOW | RTLD_LOCAL) else {
                complaints.append(dlerror().map { String(cString: $0) } ?? candidate)
                continue
            }
            guard let symbol = dlsym(handle, HINDSIGHT_ARROW_SYMBOL) else { continue }
            let entry = unsafeBitCast(symbol, to: hindsight_arrow_entry.self)
            guard let table = entry(), table.pointee.abi == HINDSIGHT_ARROW_ABI else {
                complaints.append("\(candidate): built for another version; run Scripts/bootstrap")
                continue
            }
            return .success(ArrowBridge(functions: table.pointee))
        }
        return .failure(
            LogsError(
                .bridgeMissing,
                detail: "Parquet, Arrow and CSV need the Arrow bridge: run Scripts/bootstrap, or set "
                    + "HINDSIGHT_ARROW to libhindsight_arrow.so (\(complaints.first ?? "not found"))"))
    }

    private static func candidates() -> [String] {
        let name = "libhindsight_arrow.so"
        if let named = ProcessInfo.processInfo.environment["HINDSIGHT_ARROW"], !named.isEmpty { return [named] }
        var found: [String] = []
        let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        for start in [executable, FileManager.default.currentDirectoryPath] where !start.isEmpty {
            var folder = URL(fileURLWithPath: start)
            while folder.path != "/" {
                let path = folder.appendingPathComponent(".deps/lib/\(name)").path
                if !found.contains(path), FileManager.default.fileExists(atPath: path) { found.append(path) }
                folder.deleteLastPathComponent()
            }
        }
        return found + [name]
    }

    /// Runs `body`, turning the bridge's error string into a thrown one.
    func checked(
        _ kind: LogsError.Kind, file: String, _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
    ) throws {
        var error: UnsafeMutablePointer<CChar>?
        guard body(&error) != 0 else { return }
        let message = error.map { String(cString: $0) } ?? "unknown error"
        if let error { functions.free_error(error) }
        throw LogsError.reading(kind, file: file, message: message)
    }
}

extension LogsError {
    /// An error in Arrow's words, in ours where its words do not help.
    static func reading(_ kind: Kind, file: String, message: String) -> LogsError {
        if message.contains("straddl") {
            return LogsError(
                .lineTooLong, file: file, detail: "a line does not end within the limit, or a quote is never closed")
        }
        return LogsError(kind, file: file, detail: message)
    }
}

/// Null-terminated copies of strings for the duration of a call.
func withCStrings<R>(_ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) throws -> R) rethrows -> R {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    let pointers = copies.map { UnsafePointer<CChar>($0) }
    return try pointers.withUnsafeBufferPointer { buffer in
        var empty: UnsafePointer<CChar>? = nil
        return try withUnsafePointer(to: &empty) { try body(buffer.baseAddress ?? $0) }
    }
}
