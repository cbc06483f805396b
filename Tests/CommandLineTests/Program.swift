import Foundation
import Glibc

/// The `hindsight` that was built with these tests, run as its users do: as a process of its own.
struct Program {
    /// What a process that ended left.
    struct Output {
        /// Minus the signal's number when a signal ended the process.
        var code: Int32
        var out: String
        var err: String

        var outLines: [Substring] { out.split(separator: "\n") }
    }

    /// Beside the test bundle, where SwiftPM puts every product of a build.
    static let path = path(of: "hindsight")

    private static func path(of name: String) -> String {
        let running = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let folders = [ProcessInfo.processInfo.arguments[0], running].map { ($0 as NSString).deletingLastPathComponent }
        let candidates = (folders + ["\(package)/.build/release", "\(package)/.build/debug"]).map { "\($0)/\(name)" }
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[0]
    }

    let process = Process()
    private let folder: String
    private let name = UUID().uuidString
    private let ended = DispatchSemaphore(value: 0)

    /// Starts the program in a working folder.
    ///
    /// - Parameters:
    ///   - addressSpace: bytes of virtual memory that it may have.
    ///   - program: another executable of the package than `hindsight`.
    init(
        _ arguments: [String], in folder: String, addressSpace: Int? = nil, named program: String = "hindsight"
    ) throws {
        self.folder = folder
        let path = Self.path(of: program)
        if let addressSpace {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "ulimit -v \(addressSpace >> 10) && exec \"$0\" \"$@\"", path] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: path)
            process.arguments = arguments
        }
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        // Files, not pipes: a full pipe would stop the program, and files can be read while it runs.
        process.standardOutput = try Self.file("\(folder)/\(name).out")
        process.standardError = try Self.file("\(folder)/\(name).err")
        process.standardInput = FileHandle.nullDevice
        let ended = ended
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
    }

    private static func file(_ path: String) throws -> FileHandle {
        FileManager.default.createFile(atPath: path, contents: nil)
        return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    }

    var out: String { text("out") }
    var err: String { text("err") }

    private func text(_ suffix: String) -> String {
        String(decoding: FileManager.default.contents(atPath: "\(folder)/\(name).\(suffix)") ?? Data(), as: UTF8.self)
    }

    func kill(_ signal: Int32) { _ = Glibc.kill(process.processIdentifier, signal) }

    /// Waits until the program has ended by itself; nil when it has not within the time.
    func end(within seconds: Double) -> Output? {
        guard ended.wait(timeout: .now() + seconds) == .success else { return nil }
        let code = process.terminationStatus
        return Output(code: process.terminationReason == .exit ? code : -code, out: out, err: err)
    }

    /// Waits until `condition` holds; false when it has not within the time.
    func wait(within seconds: Double, until condition: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            if condition() { return true }
            if !process.isRunning { return condition() }
            Thread.sleep(forTimeInterval: 0.005)
        }
        return false
    }

    struct Hangs: Error, CustomStringConvertible {
        var description: String
    }

    /// Runs the program to its end.
    static func run(
        _ arguments: [String], in folder: String, addressSpace: Int? = nil, within seconds: Double = 60
    ) throws -> Output {
        let program = try Program(arguments, in: folder, addressSpace: addressSpace)
        guard let output = program.end(within: seconds) else {
            program.kill(SIGKILL)
            throw Hangs(description: "hindsight \(arguments.joined(separator: " ")) took more than \(seconds) s")
        }
        return output
    }
}
