import ArgumentParser
import Foundation
import Marketplace
import ModelPackage
import TensorFiles

struct AB: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ab",
        abstract: "Put two models behind the same simulated users and print the lift in clicks and conversions.",
        discussion: """
            An arm is a model package, a served directory (a package with items, see hindsight index), the address of \
            a running hindsight serve, or one of: truth (the best possible), policy (what made the logs), random:SEED. \
            Users live through the logged days first, then every one of them goes on in both arms with the same luck. \
            A CVR package is used with --ctr, and ranks by CTR x CVR.

              hindsight ab packages/baseline packages/pfd --market market --days 7 --users 5000
              hindsight ab packages/cvr-baseline packages/cvr-pfd --ctr packages/ctr --market market
              hindsight ab http://localhost:8080 http://localhost:8081 --market market
            """)

    @Argument(help: "Arm A, the one in production.")
    var armA: String

    @Argument(help: "Arm B, the one that is tried.")
    var armB: String

    @Option(help: "The folder that `hindsight simulate` wrote, or its market.yaml.")
    var market: String

    @Option(help: "Days of the test.")
    var days = 7

    @Option(help: "Users in the test (default: all of the market, at most 5000).")
    var users: Int?

    @Option(help: "Candidates that an arm puts in order, a page view.")
    var candidates = 100

    @Option(help: "A CTR package whose probability multiplies that of packages in both arms.")
    var ctr: String?

    @Option(help: "Power of the price in the score: 0 ranks for orders, 1 for revenue.")
    var priceExponent: Float = 0

    @Option(help: "Threads (default: all processors). They change nothing but the time it takes.")
    var threads: Int?

    @Option(help: "Write the report here too: .md or .json.")
    var out: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads: \(threads) is not a number of threads") }
        guard priceExponent.isFinite, abs(priceExponent) <= 16 else {
            throw ValidationError("--price-exponent: \(priceExponent) is not in -16 ... 16")
        }
        if let out, !out.hasSuffix(".md"), !out.hasSuffix(".json") {
            throw ValidationError("--out: '\(out)' should end in .md or .json")
        }
    }

    func run() throws {
        try reportingMarketFailures {
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: market, isDirectory: &isFolder)
            let file = exists && isFolder.boolValue ? "\(market)/\(Simulation.marketFile)" : market
            let world = try loadMarket(file, overrides: []).validated()
            let test = try ABTest(
                world, users: users ?? min(5_000, world.configuration.userCount), days: days, candidates: candidates)
            let report = try test.run(
                arm(armA, in: world), arm(armB, in: world),
                threads: threads ?? ProcessInfo.processInfo.activeProcessorCount)
            if let out { try atomicWrite(out.hasSuffix(".md") ? report.markdown() : encoded(report), to: out) }
            if json {
                print(try encoded(report))
            } else {
                print("A: \(report.armA)\nB: \(report.armB)\n\n\(report.table.rendered())\n\n\(report.summary)")
            }
        }
    }

    private func arm(_ name: String, in world: Market) throws -> any Arm {
        switch name {
        case "truth": return TruthArm()
        case "policy": return PolicyArm()
        case _ where name.hasPrefix("random:"):
            guard let seed = UInt64(name.dropFirst("random:".count)) else {
                throw MarketError(.arm, name, expected: "random:SEED with a whole number", found: "another seed")
            }
            return RandomArm(seed: seed)
        case _ where name.contains("://"): return try ServerArm(name: name, url: name, priceExponent: priceExponent)
        case _ where FileManager.default.fileExists(atPath: "\(name)/items.safetensors") && ctr == nil:
            return try ServedArm(name: name, path: name, priceExponent: priceExponent)
        default:
            return try PackageArm(
                name: name, packages: [ctr].compactMap { $0 } + [name], market: world, priceExponent: priceExponent)
        }
    }

    private func encoded(_ report: ABReport) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }
}
