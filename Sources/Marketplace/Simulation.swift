import Foundation
import Logs
import Synchronization
import TensorFiles

/// Writes a market's logs: `ctr/` and `cvr/` with a folder a day, `truth/` beside them, `items.parquet`, a run file
/// for each task, and `market.yaml` last, which says that all is there.
///
/// Each file holds the rows of one block of users on one day, so that memory is bounded by threads x users a file,
/// and the bytes do not depend on the number of threads.
public struct Simulation: Sendable {
    public let market: Market
    public let folder: String

    /// - Throws: `MarketError` when the folder holds something already.
    public init(_ market: Market, folder: String) throws {
        self.market = market
        self.folder = folder
        let found = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        guard found.isEmpty else {
            throw MarketError(
                .folder, folder, expected: "a new or empty folder", found: found.sorted().prefix(3).joined(separator: ", "))
        }
    }

    /// Simulates all days. `onFile` is told the impressions so far, from any thread.
    public func run(threads: Int, onFile: @escaping @Sendable (MarketTotals) -> Void = { _ in }) throws -> MarketTotals {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let totals = Mutex(MarketTotals())
        let files = market.configuration.fileCount
        try inParallel(count: files, threads: threads) { file in
            var simulation = FileSimulation(market, file: file)
            for day in 0..<market.configuration.days {
                let log = try DayLog(folder: folder, day: day, file: file)
                let ofDay = try simulation.run(day: day, log: log)
                try log.close()
                onFile(
                    totals.withLock {
                        $0 += ofDay
                        return $0
                    })
            }
        }
        try writeItems()
        for task in MarketRunFile.allCases { try atomicWrite(task.text(market), to: "\(folder)/\(task.rawValue).yaml") }
        try atomicWrite(market.configuration.yaml, to: "\(folder)/\(Self.marketFile)")
        return totals.withLock { $0 }
    }

    public static let marketFile = "market.yaml"

    /// The item-side features as they are after the last day: what `hindsight index` reads.
    private func writeItems() throws {
        let catalogue = market.catalogue
        var table = try WholeTable(path: "\(folder)/items.parquet")
        let day = market.configuration.days - 1
        for start in stride(from: 0, to: catalogue.items.count, by: 65_536) {
            let numbers = (start..<min(start + 65_536, catalogue.items.count)).map(Int32.init)
            let values = numbers.map { ItemSide.values($0, day: day, catalogue) }
            try table.write([
                ("item_id", .plainInt32(numbers)), ("category", .plainInt32(values.map(\.1))),
                ("shop", .plainInt32(values.map(\.2))), ("brand", .plainInt32(values.map(\.3))),
                ("item_views_1d", .plainInt32(values.map(\.4))), ("item_sales_7d", .plainInt32(values.map(\.5))),
                (ItemSide.price, .plainFloat(numbers.map { catalogue.items[Int($0)].price })),
            ])
        }
        try table.close()
    }
}

/// Runs `body` for 0 ..< count on threads that take the next number when they are free; the first error stops all.
func inParallel(count: Int, threads: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let state = Mutex<(next: Int, error: (any Error)?)>((0, nil))
    @Sendable func work() {
        while true {
            let number: Int? = state.withLock {
                guard $0.error == nil, $0.next < count else { return nil }
                $0.next += 1
                return $0.next - 1
            }
            guard let number else { return }
            do { try body(number) } catch { state.withLock { $0.error = $0.error ?? error } }
        }
    }
    let others = (1..<max(1, min(threads, count))).map { _ in
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            work()
            done.signal()
        }
        thread.stackSize = 8 << 20
        thread.start()
        return done
    }
    work()
    for done in others { done.wait() }
    if let error = state.withLock({ $0.error }) { throw error }
}
