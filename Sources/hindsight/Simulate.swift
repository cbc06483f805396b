import ArgumentParser
import Foundation
import Marketplace
import Schema
import Study
import Synchronization

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Simulate a marketplace and write its logs, with a run file for CTR and one for CVR.",
        discussion: """
            Users with drifting interests look at pages that a cascade fills, click, linger, and buy. The logs have \
            regular, interacted and post-event features; the true probabilities go to files of their own (truth/). \
            The same market and seed give the same bytes for any number of threads. docs/marketplace.md has the model \
            as equations and every key of a market file.

              hindsight simulate --impressions 1000000 --days 8 --seed 1 --out market
              hindsight compare market/ctr.yaml --methods baseline,lupi,md,pfd,pfd+md --seeds 3
            """)

    @Argument(help: "A market file (YAML); without one, every number has its default.", completion: .file(extensions: ["yaml", "yml"]))
    var marketFile: String?

    @Option(help: "The folder to write; new or empty.", completion: .directory)
    var out: String

    @Option(help: "Rows of the CTR log over all days.")
    var impressions: Int?

    @Option(help: "Days; the last is the test day.")
    var days: Int?

    @Option(help: "The seed.")
    var seed: UInt64?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Change a key of the market, e.g. --set privileged.informativeness=0.8.", valueName: "key=value"))
    var overrides: [String] = []

    @Option(help: "Threads (default: all processors). They change nothing but the time it takes.")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads: \(threads) is not a number of threads") }
    }

    func run() throws {
        try reportingMarketFailures {
            let market = try load().validated()
            let simulation = try Simulation(market, folder: out)
            let wanted = market.configuration.impressions
            let shown = Mutex(0)
            let clock = ContinuousClock()
            let start = clock.now
            let totals = try simulation.run(threads: threads ?? ProcessInfo.processInfo.activeProcessorCount) { totals in
                let percent = totals.impressions * 100 / wanted
                let isNews = shown.withLock { last in
                    defer { last = max(last, percent / 10) }
                    return percent / 10 > last
                }
                if isNews { printError("\(percent) % of \(wanted) impressions") }
            }
            let seconds = (clock.now - start) / .seconds(1)
            print(
                """
                \(totals.impressions) impressions, \(totals.clicks) clicks (\(share(totals.clicks, totals.impressions))), \
                \(totals.purchases) purchases (\(share(totals.purchases, totals.clicks)) of clicks) \
                of \(market.configuration.userCount) users over \(market.configuration.days) days.
                Expected by the true probabilities: \(String(format: "%.1f", totals.expectedClicks)) clicks, \
                \(String(format: "%.1f", totals.expectedPurchases)) purchases.
                \(String(format: "%.1f", seconds)) s, \(Int(Double(totals.impressions) / seconds)) impressions/s, \
                at most \((peakResidentBytes() + 500_000) / 1_000_000) MB of memory. \
                Written to \(out): ctr.yaml, cvr.yaml, items.parquet, truth/.
                """)
        }
    }

    private func load() throws -> MarketConfiguration {
        var all = overrides
        if let impressions { all.append("impressions=\(impressions)") }
        if let days { all.append("days=\(days)") }
        if let seed { all.append("seed=\(seed)") }
        return try loadMarket(marketFile, overrides: all)
    }

    private func share(_ part: Int, _ whole: Int) -> String {
        String(format: "%.2f %%", 100 * Double(part) / Double(max(1, whole)))
    }
}

/// A market file with changes, or the defaults with changes.
func loadMarket(_ path: String?, overrides: [String]) throws -> MarketConfiguration {
    guard let path else { return try .parse(text: "{}", file: "market", overrides: overrides) }
    guard FileManager.default.fileExists(atPath: path) else {
        printError("error: \(path): no such market file")
        throw Exit.missingFile
    }
    return try .load(path: path, overrides: overrides)
}

/// As `reportingPackageFailures`; what is wrong with a market is bad data.
func reportingMarketFailures(_ body: () throws -> Void) throws {
    try reportingPackageFailures {
        do {
            try body()
        } catch let error as MarketError {
            printError("error: \(error)")
            throw Exit.badData
        }
    }
}
