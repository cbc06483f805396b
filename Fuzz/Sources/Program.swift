import Foundation

/// libFuzzer has the main function and calls these two. What it fuzzes, the environment says (see ./fuzz):
///
///     HINDSIGHT_FUZZ_TARGET=requests|packages
///     HINDSIGHT_FUZZ_SEEDS=FOLDER    only writes inputs to start from, and ends
enum Target: String {
    case requests, packages

    static let chosen: Target = {
        let name = ProcessInfo.processInfo.environment["HINDSIGHT_FUZZ_TARGET"] ?? ""
        guard let target = Target(rawValue: name) else {
            FileHandle.standardError.write(Data("error: HINDSIGHT_FUZZ_TARGET: expected requests or packages, found '\(name)'\n".utf8))
            exit(64)
        }
        return target
    }()
}

@_cdecl("LLVMFuzzerInitialize")
func initialize(_ count: UnsafeMutablePointer<Int32>?, _ arguments: UnsafeMutableRawPointer?) -> Int32 {
    if let folder = ProcessInfo.processInfo.environment["HINDSIGHT_FUZZ_SEEDS"] {
        do { try FuzzedPackages.shared.writeSeeds(to: folder) } catch { fatalError("seeds to \(folder): \(error)") }
        exit(0)
    }
    switch Target.chosen {
    case .requests: _ = FuzzedRequests.shared
    case .packages: _ = FuzzedPackages.shared
    }
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = UnsafeRawBufferPointer(start: bytes, count: count)
    switch Target.chosen {
    case .requests: FuzzedRequests.shared.run(input)
    case .packages: FuzzedPackages.shared.run(input)
    }
    return 0
}
