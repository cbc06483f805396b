import Parameters

/// One table of `rows` x `dimension` and a dense buffer of `weights` floats (and as many statistics).
func server(
    rows: Int = 100, dimension: Int = 8, weights: Int = 10, statistics: Int = 0, optimiser: any Optimiser = SGD(),
    momentum: Float = 0.1, seed: UInt64 = 7, deviation: Float = 0
) -> LocalParameterServer {
    var layout = [DenseLayoutEntry(name: "w", offset: 0, rows: 1, columns: weights)]
    if statistics > 0 {
        layout.append(.init(name: "s", offset: weights, rows: 1, columns: statistics, kind: .statistic))
    }
    return LocalParameterServer(
        dense: layout, tables: [TableSpec(name: "t", rows: rows, dimension: dimension, deviation: deviation)],
        optimiser: optimiser, statisticMomentum: momentum, seed: seed)
}

extension LocalParameterServer {
    func dense() -> [Float] {
        [Float](unsafeUninitializedCapacity: denseCount) { buffer, count in
            pullDense(into: buffer.baseAddress!)
            count = denseCount
        }
    }

    func rows(_ rows: [Int32], table: Int = 0) -> [Float] {
        let floats = rows.count * tables[table].dimension
        return [Float](unsafeUninitializedCapacity: floats) { buffer, count in
            rows.withUnsafeBufferPointer { pullRows(table: table, rows: $0, into: buffer.baseAddress!) }
            count = floats
        }
    }

    func push(_ rows: [Int32], _ gradients: [Float], table: Int = 0, learningRate: Float = 1) {
        precondition(gradients.count == rows.count * tables[table].dimension)
        rows.withUnsafeBufferPointer {
            pushRows(table: table, rows: $0, gradients: gradients, learningRate: learningRate)
        }
    }

    func values(table: Int = 0) -> [Float] { withTable(table) { Array($0) } }
}

func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

/// Distance in units in the last place.
func ulps(_ a: Float, _ b: Float) -> Int {
    func ordered(_ x: Float) -> Int {
        let bits = Int(Int32(bitPattern: x.bitPattern))
        return bits < 0 ? Int(Int32.min) - bits : bits
    }
    return a.isNaN || b.isNaN ? .max : abs(ordered(a) - ordered(b))
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &self) } }
}
