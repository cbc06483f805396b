import Foundation
import TensorFiles
import Testing

@Suite struct AtomicFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test func replacesWhole() throws {
        try atomicWrite("first, and long", to: folder("note.json"))
        try atomicWrite("second", to: folder("note.json"))
        #expect(try String(contentsOfFile: folder("note.json"), encoding: .utf8) == "second")
        #expect(try folder.names == ["note.json"])
    }

    @Test func withoutCommitTheOldFileStays() throws {
        try atomicWrite("old", to: folder("note"))
        do {
            let file = try AtomicFile(path: folder("note"))
            try Array("new".utf8).withUnsafeBytes { try file.write($0, at: 0) }
        }
        #expect(try String(contentsOfFile: folder("note"), encoding: .utf8) == "old")
        #expect(try folder.names == ["note"])
    }

    @Test func whatAKilledWriterLeftIsStartedOver() throws {
        try Data(repeating: 7, count: 1000).write(to: URL(fileURLWithPath: folder(".note.partial")))
        try atomicWrite("new", to: folder("note"))
        #expect(try String(contentsOfFile: folder("note"), encoding: .utf8) == "new")
        #expect(try folder.names == ["note"])
    }

    @Test func twoWritersOfOnePathAreRefused() throws {
        let first = try AtomicFile(path: folder("note"))
        #expect(throws: TensorFileError.self) { try AtomicFile(path: folder("note")) }
        try first.commit()
    }

    @Test func aMissingFolderIsAnError() {
        let error = #expect(throws: TensorFileError.self) { try atomicWrite("x", to: folder("none/note")) }
        #expect(error?.found == "No such file or directory")
    }
}
