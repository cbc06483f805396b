import Foundation
import Parameters
import Testing

@Suite struct LocalParameterServerTests {
    /// Integers below 2^24 add exactly, so one lost update shows.
    @Test(arguments: [(3, 16), (40, 4), (1000, 16), (5000, 7)])
    func noUpdateIsLost(rows: Int, dimension: Int) {
        let workers = 4
        let pushes = 100
        let weights = 20_000
        let server = server(rows: rows, dimension: dimension, weights: weights)
        DispatchQueue.concurrentPerform(iterations: workers) { worker in
            var random = SplitMix(state: UInt64(worker))
            let ones = [Float](repeating: 1, count: max(weights, rows * dimension))
            var pulled = [Float](repeating: 0, count: max(weights, rows * dimension))
            // Every row as often as every other, in batches of changing size and order.
            for push in 0..<pushes {
                var order = (0..<Int32(rows)).shuffled(using: &random)[...]
                while !order.isEmpty {
                    let batch = Array(order.prefix(Int.random(in: 1...rows, using: &random)))
                    order = order.dropFirst(batch.count)
                    batch.withUnsafeBufferPointer {
                        server.pushRows(table: 0, rows: $0, gradients: ones, learningRate: 1)
                        server.pullRows(table: 0, rows: $0, into: &pulled)
                    }
                    // Nobody sees a row half-updated.
                    for row in 0..<batch.count {
                        let values = pulled[row * dimension..<(row + 1) * dimension]
                        if !values.allSatisfy({ $0 == values.first }) { Issue.record("a torn row: \(values)") }
                    }
                }
                if push % 10 == 0 {
                    server.pushDense(ones, learningRate: 1)
                    server.pullDense(into: &pulled)
                }
            }
        }
        #expect(server.values().allSatisfy { $0 == Float(-workers * pushes) })
        #expect(server.dense().allSatisfy { $0 == Float(-workers * pushes / 10) })
    }

    @Test func rowsComeInTheOrderTheyAreAskedFor() {
        let server = server(rows: 10_000, dimension: 5, deviation: 1)
        let table = server.values()
        var random = SplitMix(state: 3)
        for count in [0, 1, 2, 63, 64, 65, 1000] {
            let rows = (0..<Int32(10_000)).shuffled(using: &random).prefix(count)
            #expect(server.rows(Array(rows)) == rows.flatMap { table[Int($0) * 5..<Int($0) * 5 + 5] })
        }
        // Pulls, unlike pushes, may repeat a row.
        #expect(server.rows([4, 4]) == Array(table[20..<25] + table[20..<25]))
    }

    @Test func onlyPushedRangesMove() {
        let layout = [(0, 3), (3, 9_000), (9_010, 5), (9_015, 12_000)].enumerated().map { index, part in
            DenseLayoutEntry(name: "w\(index)", offset: part.0, rows: 1, columns: part.1)
        }
        let server = LocalParameterServer(dense: layout.reversed(), tables: [], optimiser: SGD(), seed: 1)
        #expect(server.denseCount == 21_015)
        let gradients = (0..<server.denseCount).map { Float($0) }
        server.pushDense(gradients, ranges: [3..<9_003, 9_015..<21_015], learningRate: -1)
        let moved = { (index: Int) in (3..<9_003).contains(index) || index >= 9_015 }
        #expect(server.dense() == (0..<21_015).map { moved($0) ? Float($0) : 0 })
        server.pushDense(gradients, learningRate: -1)
        let gap = 9_003..<9_010
        #expect(server.dense() == (0..<21_015).map { gap.contains($0) ? 0 : moved($0) ? 2 * Float($0) : Float($0) })
    }

    @Test func pullingARangeLeavesTheRestAlone() {
        let server = server(weights: 20_000)
        server.setDense(from: (0..<20_000).map { Float($0) })
        var pulled = [Float](repeating: -1, count: 20_000)
        server.pullDense(into: &pulled, ranges: [5..<7, 8_000..<17_000, 9..<9])
        #expect(pulled == (0..<20_000).map { (5..<7).contains($0) || (8_000..<17_000).contains($0) ? Float($0) : -1 })
    }

    @Test func statisticsMoveTowardsWhatIsPushedWhateverTheRate() {
        let server = server(weights: 2, statistics: 3, optimiser: Adagrad(), momentum: 0.25)
        server.setDense(from: [0, 0, 0, 4, -8])
        server.pushDense([0, 0, 1, 0, 0], learningRate: 0)
        #expect(server.dense() == [0, 0, 0.25, 3, -6])
        server.pushDense([0, 0, 1, 0, 0], learningRate: 100)
        #expect(server.dense() == [0, 0, 0.4375, 2.25, -4.5])
    }

    @Test func aTrainedRangeCountsItsOwnSteps() {
        // Adam's correction depends on the step: an entry trained late moves as one trained from the start.
        let layout = (0..<2).map { DenseLayoutEntry(name: "w\($0)", offset: 10_000 * $0, rows: 1, columns: 10_000) }
        let server = LocalParameterServer(dense: layout, tables: [], optimiser: Adam(), seed: 1)
        let gradients = [Float](repeating: 0.5, count: 20_000)
        for _ in 0..<5 { server.pushDense(gradients, ranges: [0..<10_000], learningRate: 0.1) }
        for _ in 0..<5 { server.pushDense(gradients, ranges: [10_000..<20_000], learningRate: 0.1) }
        #expect(Set(server.dense()).count == 1)
    }

    @Test func aRowOutsideTheTableTraps() async {
        await #expect(processExitsWith: .failure) { _ = server(rows: 100).rows([100]) }
        await #expect(processExitsWith: .failure) { _ = server(rows: 100).rows([-1]) }
    }

    @Test func pushingPartOfAnEntryTraps() async {
        await #expect(processExitsWith: .failure) {
            server(weights: 10).pushDense([Float](repeating: 0, count: 10), ranges: [0..<5], learningRate: 1)
        }
    }
}
