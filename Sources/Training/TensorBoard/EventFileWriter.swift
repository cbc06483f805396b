import Foundation

/// Writes scalars to a TensorBoard event file.
///
///     let events = EventFileWriter(directory: "runs/pfd/tensorboard") { print($0) }
///     events.add([EventScalar("loss/student", 0.21)], step: 100)
///     events.close()
///
/// A picture of the run must never end the run: the writer throws nothing. The first failure (no directory, a
/// full disk) is told once to `onFailure`, with path and cause; everything after it is dropped. Records go out
/// whole in the order they were added, at most `flushSeconds` late, so a killed run loses no more than that.
///
/// One thread uses a writer at a time.
public final class EventFileWriter {
    /// `directory/events.out.tfevents.<seconds since 1970>.<host>`, the name TensorBoard looks for.
    public let path: String

    private let flushSeconds: Double
    private let wallClock: () -> Double
    private let onFailure: (String) -> Void
    /// Nil after a failure, or when closed.
    private var descriptor: Int32?
    private var buffer: [UInt8] = []
    private var lastFlush: Double

    private static let bufferLimit = 1 << 16

    /// Makes the directory and starts a file in it; appends when one of that name exists.
    ///
    /// - Parameters:
    ///   - host: the file name's last part; `/` in it becomes `-`.
    ///   - flushSeconds: longest time a record may wait in memory while others are added.
    ///   - wallClock: seconds since 1970.
    ///   - onFailure: told once, in one line, why nothing more is written.
    public init(
        directory: String,
        host: String = ProcessInfo.processInfo.hostName,
        flushSeconds: Double = 2,
        wallClock: @escaping () -> Double = { Date().timeIntervalSince1970 },
        onFailure: @escaping (String) -> Void
    ) {
        let now = wallClock()
        let safeHost = host.replacingOccurrences(of: "/", with: "-")
        path = directory + "/events.out.tfevents.\(Int(now)).\(safeHost)"
        self.flushSeconds = flushSeconds
        self.wallClock = wallClock
        self.onFailure = onFailure
        lastFlush = now
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            onFailure("TensorBoard events are off: can't make \(directory): \(error.localizedDescription)")
            return
        }
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor! >= 0 else {
            fail("can't open")
            return
        }
        append(Event(wallTime: now, content: .fileVersion("brain.Event:2")))
        flush()
    }

    deinit { close() }

    /// Adds scalars of one step.
    public func add(_ scalars: [EventScalar], step: Int) {
        guard descriptor != nil, !scalars.isEmpty else { return }
        let now = wallClock()
        append(Event(wallTime: now, step: Int64(step), content: .scalars(scalars)))
        if buffer.count >= Self.bufferLimit || now - lastFlush >= flushSeconds { flush() }
    }

    /// Hands all that was added to the operating system.
    public func flush() {
        guard let descriptor else { return }
        lastFlush = wallClock()
        var written = 0
        while written < buffer.count {
            let count = buffer[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                fail("can't write")
                return
            }
            written += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Flushes and closes the file; what is added later is dropped.
    public func close() {
        flush()
        if let descriptor { systemClose(descriptor) }
        descriptor = nil
    }

    private func append(_ event: Event) {
        TFRecord.append(event.encoded(), to: &buffer)
    }

    private func fail(_ action: String) {
        let cause = String(cString: strerror(errno))
        if let descriptor, descriptor >= 0 { systemClose(descriptor) }
        descriptor = nil
        buffer = []
        onFailure("TensorBoard events are off: \(action) \(path): \(cause)")
    }
}

/// The C function, whose name the method hides.
private func systemClose(_ descriptor: Int32) { _ = close(descriptor) }

/// One named number, such as `auc/student`; TensorBoard groups charts by what stands before the `/`.
public struct EventScalar: Sendable, Equatable {
    public let tag: String
    public let value: Float

    public init(_ tag: String, _ value: Float) {
        self.tag = tag
        self.value = value
    }
}
