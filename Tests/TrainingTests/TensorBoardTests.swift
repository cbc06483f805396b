import Foundation
import Testing

@testable import Training

/// Bytes by tensorboard 2.21.0's own RecordWriter over its compiled Event messages, on a BytesIO:
///
///     Event(wall_time=1700000000.5, file_version="brain.Event:2")
///     Event(wall_time=1700000001.25, step=300, summary=Summary(value=[
///         Summary.Value(tag="loss/student", simple_value=0.25),
///         Summary.Value(tag="auc/student", simple_value=0.0)]))
///     Event(wall_time=1700000002.0, summary=Summary(value=[
///         Summary.Value(tag="λ", simple_value=float("inf"))]))
private let goldenFile = """
    1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110\
    3700000000000000e7e8ca590900005040fc54d94110ac022a290a130a0c6c6f73732f73747564656e\
    74150000803e0a120a0b6175632f73747564656e741500000000a324c8eb\
    16000000000000004f61be280900008040fc54d9412a0b0a090a02cebb150000807fdae8579b
    """

@Suite("TensorBoard event files")
struct TensorBoardTests {
    /// A folder of its own, gone with the test.
    final class Folder {
        let path = NSTemporaryDirectory() + "hindsight-events-" + UUID().uuidString
        init() throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    final class Recorder {
        var lines: [String] = []
        var seconds = 1_700_000_000.5
    }

    private func writer(in directory: String, _ recorder: Recorder) -> EventFileWriter {
        EventFileWriter(
            directory: directory, host: "a/host", wallClock: { recorder.seconds },
            onFailure: { recorder.lines.append($0) })
    }

    private func writeGoldenEvents(to events: EventFileWriter, _ recorder: Recorder) {
        recorder.seconds = 1_700_000_001.25
        events.add([EventScalar("loss/student", 0.25), EventScalar("auc/student", 0)], step: 300)
        recorder.seconds = 1_700_000_002
        events.add([EventScalar("λ", .infinity)], step: 0)
    }

    @Test("CRC-32C has the check values of RFC 3720")
    func checksum() {
        #expect(crc32c(Array("123456789".utf8)) == 0xe306_9283)
        #expect(crc32c([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
        #expect(crc32c([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
        #expect(crc32c([]) == 0)
    }

    @Test("A file is byte for byte what TensorBoard's writer makes")
    func goldenBytes() throws {
        let (folder, recorder) = (try Folder(), Recorder())
        let events = writer(in: folder.path + "/made/for/us", recorder)
        #expect(events.path == folder.path + "/made/for/us/events.out.tfevents.1700000000.a-host")
        writeGoldenEvents(to: events, recorder)
        events.close()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: events.path))
        #expect(bytes.map { String(format: "%02x", $0) }.joined() == goldenFile)
        #expect(recorder.lines.isEmpty)
    }

    @Test("The version is there at once, scalars after the flush time, the rest on close")
    func flushes() throws {
        let (folder, recorder) = (try Folder(), Recorder())
        let events = writer(in: folder.path, recorder)
        let size = { try Data(contentsOf: URL(fileURLWithPath: events.path)).count }
        let start = try size()
        #expect(start == 40)
        events.add([EventScalar("a", 1)], step: 1)
        #expect(try size() == start)
        recorder.seconds += 2
        events.add([EventScalar("a", 1)], step: 2)
        let flushed = try size()
        #expect(flushed > start)
        events.add([EventScalar("a", 1)], step: 3)
        events.flush()
        #expect(try size() > flushed)
        let closed = try size()
        events.close()
        events.add([EventScalar("a", 1)], step: 4)
        events.close()
        #expect(try size() == closed)
        #expect(recorder.lines.isEmpty)
    }

    @Test(
        "A full disk is told once and never stops the run",
        .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
    func fullDisk() throws {
        let (folder, recorder) = (try Folder(), Recorder())
        let path = folder.path + "/events.out.tfevents.1700000000.a-host"
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/full")
        let events = writer(in: folder.path, recorder)
        for step in 0..<10 {
            events.add([EventScalar("a", 1)], step: step)
            events.flush()
        }
        events.close()
        #expect(
            recorder.lines == ["TensorBoard events are off: can't write \(path): No space left on device"])
    }

    @Test("A directory that can't be made is told once")
    func noDirectory() throws {
        let (folder, recorder) = (try Folder(), Recorder())
        try Data().write(to: URL(fileURLWithPath: folder.path + "/file"))
        let events = writer(in: folder.path + "/file/below", recorder)
        events.add([EventScalar("a", 1)], step: 1)
        events.close()
        #expect(recorder.lines.count == 1)
        #expect(
            recorder.lines.first?.hasPrefix(
                "TensorBoard events are off: can't make \(folder.path)/file/below") == true)
    }

    @Test(
        "TensorBoard reads back what was written",
        .enabled(
            if: TensorBoardPython.withTensorBoard != nil,
            "no python with tensorboard: set HINDSIGHT_PYTHON or make .deps/venv"))
    func readBack() throws {
        let (folder, recorder) = (try Folder(), Recorder())
        let events = writer(in: folder.path, recorder)
        for step in 0..<500 {
            recorder.seconds += 0.5
            events.add(
                [
                    EventScalar("loss/student", 1 / Float(step + 1)),
                    EventScalar("auc/student", Float(step) / 500),
                ],
                step: step * 1_000_000)
        }
        events.close()
        let script = """
            import sys
            from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
            events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
            events.Reload()
            print(sorted(events.Tags()["scalars"]))
            for tag in ["loss/student", "auc/student"]:
                for e in events.Scalars(tag): print(tag, e.step, repr(float(e.value)), e.wall_time)
            """
        let output = try TensorBoardPython.run(
            try #require(TensorBoardPython.withTensorBoard), script, folder.path)
        let lines = output.split(separator: "\n").map(String.init)
        #expect(lines.first == "['auc/student', 'loss/student']")
        #expect(lines.count == 1 + 2 * 500)
        for (i, line) in lines.dropFirst().enumerated() {
            let (tag, step) = (i < 500 ? "loss/student" : "auc/student", i % 500)
            let value = i < 500 ? 1 / Float(step + 1) : Float(step) / 500
            let columns = line.split(separator: " ")
            #expect(columns.first.map(String.init) == tag)
            // As numbers: Python and Swift may write the same one differently.
            let expected = [Double(step * 1_000_000), Double(value), 1_700_000_001 + Double(step) * 0.5]
            #expect(columns.dropFirst().map { Double($0) } == expected, "\(line)")
        }
    }
}

/// A python that has tensorboard, for reading back what we wrote.
enum TensorBoardPython {
    static let withTensorBoard: String? = {
        let candidates = [ProcessInfo.processInfo.environment["HINDSIGHT_PYTHON"], ".deps/venv/bin/python"]
        return candidates.compactMap { $0 }.first { path in
            FileManager.default.isExecutableFile(atPath: path)
                && (try? run(path, "import tensorboard; print('yes')")) == "yes\n"
        }
    }()

    static func run(_ python: String, _ script: String, _ arguments: String...) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-c", script] + arguments
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
