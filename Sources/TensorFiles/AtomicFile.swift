import Foundation

/// A file that appears whole or not at all: bytes go to `.<name>.partial` in the same folder, and `commit`
/// flushes them to the disk, renames the file over `path` and flushes the folder.
///
/// Dropped without `commit`, the partial file is removed; after a `kill -9` it stays and the next writer of
/// the same path starts it over. Two writers of one path at the same time: the second gets an error.
/// One thread at a time.
public final class AtomicFile {
    public let path: String
    private let partialPath: String
    private var descriptor: Int32 = -1

    /// Opens the partial file, empty.
    public init(path: String) throws(TensorFileError) {
        self.path = path
        let url = URL(fileURLWithPath: path)
        partialPath = url.deletingLastPathComponent().appendingPathComponent(".\(url.lastPathComponent).partial").path
        while descriptor < 0 {
            descriptor = try openLocked()
        }
        if ftruncate(descriptor, 0) != 0 {
            let error = systemError("an empty partial file")
            discard()
            throw error
        }
    }

    deinit { discard() }

    /// Writes all of `bytes` at `offset` from the start of the file.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(TensorFileError) {
        precondition(descriptor >= 0, "AtomicFile: write after commit")
        var done = 0
        while done < bytes.count {
            // Linux moves at most 2^31 - 4096 bytes a call.
            let chunk = min(bytes.count - done, 1 << 30)
            let written = pwrite(descriptor, bytes.baseAddress! + done, chunk, off_t(offset + done))
            if written < 0 {
                if errno == EINTR { continue }
                throw systemError("\(chunk) bytes to be written at \(offset + done)")
            }
            done += written
        }
    }

    /// Makes the file durable and visible at `path`.
    public func commit() throws(TensorFileError) {
        precondition(descriptor >= 0, "AtomicFile: committed twice")
        guard fsync(descriptor) == 0 else { throw systemError("fsync") }
        guard rename(partialPath, path) == 0 else { throw systemError("the partial file renamed to \(path)") }
        close(descriptor)
        descriptor = -1
        try flushFolder()
    }

    /// Opens and locks the partial file; nil-like -1 when another writer renamed it away in between.
    private func openLocked() throws(TensorFileError) -> Int32 {
        let opened = open(partialPath, O_CREAT | O_RDWR | O_CLOEXEC, 0o666)
        guard opened >= 0 else { throw systemError("a file that can be written") }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let error = systemError("no other writer of this file")
            close(opened)
            throw error
        }
        // The lock may be on a file that its previous owner has just renamed to `path`: never truncate that.
        var locked = stat()
        var named = stat()
        if fstat(opened, &locked) == 0, stat(partialPath, &named) == 0, locked.st_ino == named.st_ino {
            return opened
        }
        close(opened)
        return -1
    }

    private func flushFolder() throws(TensorFileError) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let opened = open(folder, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { throw systemError("a folder that can be opened") }
        defer { close(opened) }
        // Some file systems cannot fsync a folder and say so with EINVAL; the rename stands all the same.
        guard fsync(opened) == 0 || errno == EINVAL else { throw systemError("fsync of the folder") }
    }

    private func discard() {
        guard descriptor >= 0 else { return }
        unlink(partialPath)
        close(descriptor)
        descriptor = -1
    }

    private func systemError(_ expected: String) -> TensorFileError {
        TensorFileError(.system, file: path, expected: expected, found: String(cString: strerror(errno)))
    }
}

/// Replaces the file at `path` by `data`, whole or not at all, and makes it durable.
public func atomicWrite(_ data: Data, to path: String) throws(TensorFileError) {
    let file = try AtomicFile(path: path)
    let written = data.withUnsafeBytes { bytes in
        Result { () throws(TensorFileError) in try file.write(bytes, at: 0) }
    }
    try written.get()
    try file.commit()
}

/// Replaces the file at `path` by `text` in UTF-8, whole or not at all, and makes it durable.
public func atomicWrite(_ text: String, to path: String) throws(TensorFileError) {
    try atomicWrite(Data(text.utf8), to: path)
}
