import Schema
import Testing

@testable import Logs

@Suite struct SplitTests {
    /// Requests of `size` samples each; every sample has an item of its own.
    private func batch(_ count: Int, requestSize size: Int) -> Batch {
        let samples = (0..<Int32(count)).map { $0 }
        return Batch(
            regular: RegularInputs(
                count: count, userCount: (count + size - 1) / size, itemCount: count, userIndex: samples.map { $0 / Int32(size) },
                itemIndex: samples, columns: [], sequence: nil),
            privileged: PrivilegedInputs(columns: []),
            targets: Targets(
                labels: [samples.map { Float($0) }], weights: Array(repeating: 1, count: count), softLabels: nil,
                requests: samples.map { UInt64($0) / UInt64(size) }, groups: samples.map { UInt64($0) / UInt64(size) }))
    }

    @Test func piecesTogetherAreTheBatch() {
        for (count, size, parts) in [(1024, 10, 2), (1024, 7, 3), (1000, 1, 4), (5, 2, 8), (1024, 600, 2), (1, 1, 2)] {
            let batch = batch(count, requestSize: size)
            let pieces = batch.split(parts, sides: [])
            #expect(pieces.flatMap { $0.targets.labels[0] } == batch.targets.labels[0], "\(count) in \(parts)")
            #expect(pieces.allSatisfy { $0.count > 0 })
            let largest = pieces.map(\.count).max()!
            #expect(largest <= (count + parts - 1) / parts + 2 * (count / parts / 100), "\(count) in \(parts): \(largest)")
            for part in 0..<parts {
                #expect(batch.share(part, of: parts, sides: [])?.count ?? 0 == batch.shareRange(part, of: parts).count)
            }
        }
    }

    @Test func aCutCloseToTheEndOfARequestLeavesTheRequestWhole() {
        // 1024 samples are 102 requests of ten and one of four; half of them is in the middle of the 52nd.
        let pieces = batch(1024, requestSize: 10).split(2, sides: [])
        #expect(pieces.map(\.count) == [510, 514])
        #expect(pieces.map(\.regular.userCount) == [51, 52])
        // No request begins or ends near the middle.
        #expect(batch(1024, requestSize: 600).split(2, sides: []).map(\.count) == [512, 512])
    }
}
