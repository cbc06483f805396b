import Foundation
import TensorFiles

@testable import ModelPackage
@testable import Serving

/// What comes from a disk: one file of a package is replaced and everything is signed again, so that what is read is
/// not stopped by a hash. It is refused by `PackageError`, or it serves.
final class FuzzedPackages: Sendable {
    static let shared = FuzzedPackages()

    /// The first byte of an input says which file the rest stands for.
    private static let files: [UInt8: String] = [
        UInt8(ascii: "m"): "manifest.json", UInt8(ascii: "s"): "schema.json", UInt8(ascii: "e"): "encoder.json",
        UInt8(ascii: "w"): "weights.safetensors", UInt8(ascii: "i"): "items.safetensors",
    ]

    private let folder: String
    private let manifest: PackageManifest
    private let originals: [String: Data]

    private init() {
        do {
            folder = try TinyModel.folder()
            try TinyModel.write(to: folder)
            manifest = try ModelPackage(path: "\(folder)/package").manifest
            var originals: [String: Data] = [:]
            for name in Self.files.values {
                let place = name == ItemFile.fileName ? "served" : "package"
                originals[name] = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(place)/\(name)"))
            }
            self.originals = originals
            // After a crash it stays: a few kilobytes.
            atexit { FuzzedPackages.shared.removeFolder() }
        } catch {
            fatalError("the package to fuzz with: \(error)")
        }
    }

    private func removeFolder() { try? FileManager.default.removeItem(atPath: folder) }

    /// Every file as it is, for libFuzzer to start from.
    func writeSeeds(to path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (letter, name) in Self.files {
            try (Data([letter]) + originals[name]!).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        }
    }

    func run(_ bytes: UnsafeRawBufferPointer) {
        guard let letter = bytes.first, let name = Self.files[letter] else { return }
        let content = Data(bytes.dropFirst())
        do {
            if name == ItemFile.fileName { try serve(items: content) } else { try serve(name, content) }
        } catch is PackageError {
        } catch is ServingError {
        } catch {
            fatalError("an error of no kind: \(error)")
        }
    }

    private func write(_ data: Data, _ place: String) {
        do { try data.write(to: URL(fileURLWithPath: "\(folder)/\(place)")) } catch { fatalError("\(place): \(error)") }
    }

    private func serve(_ name: String, _ content: Data) throws {
        defer {
            write(originals[name]!, "package/\(name)")
            write(originals[ModelPackage.manifestFile]!, "package/\(ModelPackage.manifestFile)")
        }
        var signed = manifest
        if name == ModelPackage.manifestFile {
            guard let changed = try? JSONDecoder().decode(PackageManifest.self, from: content) else {
                write(content, "package/\(name)")
                _ = try ModelPackage(path: "\(folder)/package")
                return
            }
            signed = changed
        } else {
            write(content, "package/\(name)")
            signed.files[name] = .init(bytes: content.count, sha256: SHA256.digest(of: content))
        }
        guard let version = try? signed.contentVersion() else { return }
        signed.version = version
        guard let json = try? canonicalJSON(signed) else { return }
        write(json, "package/\(ModelPackage.manifestFile)")
        let model = try RankingModel(path: "\(folder)/package")
        try model.warm()
        _ = try model.score([ScoreRequest(user: TinyModel.user, candidates: TinyModel.candidates)])
    }

    private func serve(items content: Data) throws {
        defer { write(originals[ItemFile.fileName]!, "served/\(ItemFile.fileName)") }
        write(content, "served/\(ItemFile.fileName)")
        if let file = try? SafetensorsFile(path: "\(folder)/served/\(ItemFile.fileName)"), let said = file.metadata["sha256"] {
            let digest = ItemFile.digest(file.tensors) { name in
                SHA256.treeDigest(of: (try? file.bytes(name)) ?? UnsafeRawBufferPointer(start: nil, count: 0), threads: 1)
            }
            if let place = content.range(of: Data("\"\(said)\"".utf8)) {
                var signed = content
                signed.replaceSubrange(place, with: Data("\"\(digest)\"".utf8))
                write(signed, "served/\(ItemFile.fileName)")
            }
        }
        let model = try RankingModel(path: "\(folder)/served")
        try model.warm()
        var request = RankRequest(user: TinyModel.user, topK: 10)
        _ = try model.rank(request)
        request.candidates = .ids(["item 1", "item 4", "nobody", ""])
        request.categories = ["kind 1"]
        _ = try model.rank(request)
    }
}
