import Foundation
import Glibc

/// The `hindsight` that was built with these tests, as a process of its own whose memory is measured.
struct Spawned {
    var code: Int32
    var out: String
    var err: String
    /// Most memory that was resident at once.
    var peakKilobytes: Int

    private static let program: String = {
        let running = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let folders = [ProcessInfo.processInfo.arguments[0], running].map { ($0 as NSString).deletingLastPathComponent }
        let candidates = folders.map { "\($0)/hindsight" }
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[0]
    }()

    struct Failure: Error, CustomStringConvertible { var description: String }

    /// Runs the program in a folder, to its end.
    static func run(_ arguments: [String], in folder: String) throws -> Spawned {
        let (pid, name) = try start(arguments, in: folder)
        var status: Int32 = 0
        var usage = rusage()
        while wait4(pid, &status, 0, &usage) < 0 { guard errno == EINTR else { throw Failure(description: "wait4") } }
        func text(_ suffix: String) -> String {
            String(decoding: FileManager.default.contents(atPath: "\(name).\(suffix)") ?? Data(), as: UTF8.self)
        }
        let code = status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f)
        return Spawned(code: code, out: text("out"), err: text("err"), peakKilobytes: usage.ru_maxrss)
    }

    /// Starts the program; what it prints goes to the returned name with .out and .err.
    static func start(_ arguments: [String], in folder: String) throws -> (pid: pid_t, name: String) {
        let name = "\(folder)/\(UUID().uuidString)"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "\(name).out", O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "\(name).err", O_WRONLY | O_CREAT, 0o600)
        let words = (["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder, program] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var pid: pid_t = 0
        let failed = posix_spawn(&pid, "/bin/sh", &actions, nil, words, environ)
        guard failed == 0 else { throw Failure(description: "\(program): \(String(cString: strerror(failed)))") }
        return (pid, name)
    }
}

/// A new folder; gone with the object.
final class TemporaryFolder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("marketplace-\(UUID().uuidString)").path
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}
