import Foundation
import Schema
import Testing

@testable import Marketplace

/// A market of some seconds, written once for all tests that only read it.
enum SmallMarket {
    static let configuration: MarketConfiguration = {
        var market = MarketConfiguration()
        market.seed = 5
        market.impressions = 40_000
        market.days = 4
        market.users = 500
        market.items = 600
        market.categories = 20
        market.shops = 60
        market.brands = 40
        market.candidates = 30
        market.history = 20
        market.usersPerFile = 128
        return market
    }()

    static let written = Result { try WrittenMarket(configuration, threads: 2) }

    static func changed(_ change: (inout MarketConfiguration) -> Void) -> MarketConfiguration {
        var market = configuration
        change(&market)
        return market
    }
}

/// A market's folder; gone with the object.
final class WrittenMarket: Sendable {
    let path: String
    let market: Market
    let totals: MarketTotals

    init(_ configuration: MarketConfiguration, threads: Int) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("market-\(UUID().uuidString)").path
        market = try configuration.validated()
        totals = try Simulation(market, folder: path).run(threads: threads)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Contents by path within the folder.
    func files() throws -> [String: Data] {
        var files: [String: Data] = [:]
        let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        for name in names {
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder)
            if exists && !isFolder.boolValue { files[name] = try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }
        }
        return files
    }

    /// Numeric columns of all days of a log, in order.
    func columns(_ log: String, _ names: [String]) throws -> [[Float]] {
        try LabelColumns(["\(path)/\(log)"], names).values
    }
}
