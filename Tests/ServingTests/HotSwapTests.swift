import Dispatch
import Foundation
import Logs
import ModelPackage
import Synchronization
import Testing

@testable import Serving
@testable import hindsight

@Suite struct HotSwapTests {
    /// Another click model over the same items: every score differs.
    private static let other = Result { try ServedFolder(ctr: try Model(.sharedCTR, seed: 12)) }

    private let request = RankRequest(user: user, topK: 10, coarseTopK: 20)

    @Test func aLoadedVersionServesAndCanBeTakenBack() throws {
        let (a, b) = (try ServedFolder.shared.get(), try Self.other.get())
        for keeps in [true, false] {
            let service = try RankingService(path: a.path, calls: 1, keepsPrevious: keeps)
            let first = try service.rank(request)
            #expect(service.previousVersion == nil)
            #expect(throws: ServingError.noPreviousVersion) { try service.rollback() }

            let version = try service.load(path: b.path)
            let second = try service.rank(request)
            #expect(version == second.version && version != first.version && service.previousVersion == first.version)
            #expect(second.items.map(\.score) != first.items.map(\.score))

            #expect(try service.rollback() == first.version)
            #expect(try service.rank(request) == first)
            #expect(try service.rollback() == version)
            #expect(try service.rank(request) == second)
        }
    }

    /// While versions are swapped, every answer is wholly one's: the ids, scores and version that it gave when alone.
    @Test func everyAnswerIsOfOneVersion() throws {
        let folders = [try ServedFolder.shared.get(), try Self.other.get()]
        var alone: [String: RankAnswer] = [:]
        for folder in folders {
            let answer = try folder.model().rank(request)
            alone[answer.version] = answer
        }
        let expected = alone
        #expect(expected.count == 2)
        let service = try RankingService(path: folders[0].path, calls: 2)
        let isSwapping = Atomic<Bool>(true)
        let answers = Atomic<Int>(0), wrong = Atomic<Int>(0)
        let versions = Mutex<Set<String>>([])
        onThreads(3) { worker in
            if worker == 0 {
                var swap = 0
                // Until versions were swapped often, and answers came of all of them.
                while wrong.load(ordering: .relaxed) == 0, swap < 30 || answers.load(ordering: .relaxed) < 300 {
                    swap += 1
                    do {
                        _ = try swap % 5 == 0 ? service.rollback() : service.load(path: folders[swap % 2].path)
                    } catch {
                        wrong.add(1, ordering: .relaxed)
                    }
                }
                isSwapping.store(false, ordering: .releasing)
            } else {
                while isSwapping.load(ordering: .acquiring) {
                    guard let answer = try? service.rank(request), answer == expected[answer.version] else {
                        wrong.add(1, ordering: .relaxed)
                        continue
                    }
                    answers.add(1, ordering: .relaxed)
                    versions.withLock { _ = $0.insert(answer.version) }
                }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(versions.withLock { $0 } == Set(expected.keys))
    }

    @Test func aBadDirectoryIsRefusedAndTheOldVersionKeepsServing() throws {
        let (a, b) = (try ServedFolder.shared.get(), try Self.other.get())
        let service = try RankingService(path: a.path, calls: 1)
        let before = try service.rank(request)
        let files = FileManager.default
        let damages: [(String, (String) throws -> Void)] = [
            ("nothing there", { try files.removeItem(atPath: $0) }),
            ("no manifest", { try files.removeItem(atPath: "\($0)/manifest.json") }),
            ("no items for the fine ranker", { try files.removeItem(atPath: "\($0)/items.safetensors") }),
            ("no fine ranker for the items", { try files.removeItem(atPath: "\($0)/fine") }),
            (
                "items behind a link that leads nowhere",
                {
                    for name in ["items.safetensors", "fine"] {
                        try files.removeItem(atPath: "\($0)/\(name)")
                    }
                    try files.createSymbolicLink(atPath: "\($0)/items.safetensors", withDestinationPath: "gone")
                }
            ),
            (
                "a fine ranker behind a link that leads nowhere",
                {
                    try files.removeItem(atPath: "\($0)/fine/cvr")
                    try files.createSymbolicLink(atPath: "\($0)/fine/cvr", withDestinationPath: "gone")
                }
            ),
            (
                "a fine ranker cut short",
                {
                    let handle = try #require(FileHandle(forWritingAtPath: "\($0)/fine/cvr/weights.safetensors"))
                    try handle.truncate(atOffset: 999)
                }
            ),
            (
                "items of another version",
                {
                    try files.removeItem(atPath: "\($0)/items.safetensors")
                    try files.copyItem(atPath: "\(b.path)/items.safetensors", toPath: "\($0)/items.safetensors")
                }
            ),
            (
                "a click model of another version",
                {
                    for name in ["manifest.json", "schema.json", "encoder.json", "weights.safetensors"] {
                        try files.removeItem(atPath: "\($0)/\(name)")
                        try files.copyItem(atPath: "\(b.path)/\(name)", toPath: "\($0)/\(name)")
                    }
                }
            ),
            (
                "a click model where the conversion model belongs",
                {
                    try files.removeItem(atPath: "\($0)/fine/cvr")
                    try ModelPackage(path: b.path).copy(to: "\($0)/fine/cvr")
                }
            ),
        ]
        for (name, damage) in damages {
            let path = try a.copy("bad-\(UUID().uuidString)")
            try damage(path)
            #expect(throws: PackageError.self, "\(name)") { try service.load(path: path) }
            #expect(try service.rank(request) == before && service.previousVersion == nil, "\(name)")
        }
    }

    /// Neither the objects nor the mappings of versions that nobody can go back to are kept.
    @Test func theMemoryOfOldVersionsIsGivenBack() throws {
        let a = try ServedFolder.shared.get()
        let paths = try (0..<4).map { try a.copy("generation-\($0)-\(UUID().uuidString)") }
        func mapped(_ path: String) throws -> Bool {
            let maps = try #require(FileHandle(forReadingAtPath: "/proc/self/maps")).readToEnd()
            return maps?.range(of: Data("\(path)/items.safetensors".utf8)) != nil
        }
        func waitUntilGone(_ isGone: () throws -> Bool) throws {
            for _ in 0..<1500 where try !isGone() { usleep(10_000) }
            #expect(try isGone())
        }
        for keeps in [true, false] {
            let service = try RankingService(path: paths[0], calls: 1, keepsPrevious: keeps)
            weak let first = service.current
            #expect(try mapped(paths[0]))
            for path in paths.dropFirst() {
                _ = try service.rank(request)
                try service.load(path: path)
            }
            try waitUntilGone { try first == nil && !mapped(paths[0]) && !mapped(paths[1]) && mapped(paths[2]) == keeps }
            #expect(try mapped(paths[3]))
            _ = try service.rank(request)
        }
    }

    @Test func itemsBelongToTheVersionTheyWereAddedTo() throws {
        let (a, b) = (try ServedFolder.shared.get(), try Self.other.get())
        let service = try RankingService(path: a.path, calls: 1)
        let item = ItemUpsert(id: "fresh", features: ServedFolder.features(3), price: 1)
        let version = try service.upsert(items: [item])
        #expect(version == service.current.version && service.current.itemCount == 31)
        try service.load(path: b.path)
        #expect(service.current.itemCount == 30)
        try service.rollback()
        #expect(service.current.itemCount == 31 && service.remove(ids: ["fresh"]) == 1)
    }

    /// Items change while others rank; a ranking sees the whole of a change or none of it.
    @Test func rankingsSeeWholeChanges() throws {
        let model = try ServedFolder.shared.get().model()
        let isChanging = Atomic<Bool>(true)
        let wrong = Atomic<Int>(0), whole = Atomic<Int>(0)
        onThreads(3) { worker in
            if worker == 0 {
                var round = 0
                while wrong.load(ordering: .relaxed) == 0, round < 200 || whole.load(ordering: .relaxed) < 200 {
                    round += 1
                    let pair = ["left", "right"].map {
                        ItemUpsert(id: $0, features: ServedFolder.features(round % 30), price: Double(round + 1))
                    }
                    try? model.upsert(pair)
                    if round % 3 == 0 { _ = model.remove(ids: ["left", "right"]) }
                }
                isChanging.store(false, ordering: .releasing)
            } else {
                while isChanging.load(ordering: .acquiring) {
                    let answer = try? model.rank(RankRequest(user: user, candidates: .ids(["left", "right"]), topK: 5))
                    guard let answer, answer.items.isEmpty || answer.items.count == 2,
                        answer.items.first?.score == answer.items.last?.score,
                        answer.items.first?.price == answer.items.last?.price
                    else {
                        wrong.add(1, ordering: .relaxed)
                        continue
                    }
                    if answer.items.count == 2 { whole.add(1, ordering: .relaxed) }
                }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
    }
}
