import CKernels

/// The dense buffer, its optimiser state and its locks, one a chunk.
final class DenseParameters: @unchecked Sendable {
    // SAFETY: `pieces[i].step`, values and states are touched only under the lock of their chunk.

    /// The part of an entry that lies in one chunk.
    private struct Piece {
        let entry: Int
        let range: Range<Int>
        let kind: DenseLayoutEntry.Kind
    }
    /// Floats a chunk: long enough that a lock is nothing, short enough for workers to pass each other.
    static let chunk = 1 << 13

    let layout: [DenseLayoutEntry]
    let count: Int
    let values: ZeroedMemory
    let stateSpecs: [OptimiserState]
    let states: [ZeroedMemory]
    let locks: LockStripes
    private let pieces: [Piece]
    /// Index of the first piece of each chunk, and one past the last.
    private let firstPiece: [Int]
    private let steps: UnsafeMutablePointer<Int>
    private let stateBases: UnsafeMutablePointer<UnsafeMutablePointer<Float>>
    private let optimiser: any Optimiser
    private let momentum: Float
    private let boundaries: (starts: Set<Int>, ends: Set<Int>)

    init(_ layout: [DenseLayoutEntry], optimiser: any Optimiser, statisticMomentum: Float) {
        self.layout = layout.sorted { $0.offset < $1.offset }
        count = self.layout.last?.range.upperBound ?? 0
        precondition(Set(layout.map(\.name)).count == layout.count, "dense parameters: a name occurs twice")
        for (entry, next) in zip(self.layout, self.layout.dropFirst()) {
            precondition(
                entry.range.upperBound <= next.offset, "dense parameters '\(entry.name)' and '\(next.name)' overlap")
        }
        self.optimiser = optimiser
        momentum = statisticMomentum
        values = ZeroedMemory(count: count)
        values.preferHugePages()
        stateSpecs = optimiser.denseState
        states = stateSpecs.map { [count] state in
            let memory = ZeroedMemory(count: count)
            memory.preferHugePages()
            if state.initialValue != 0 { memory.base.update(repeating: state.initialValue, count: count) }
            return memory
        }
        stateBases = .allocate(capacity: max(1, states.count))
        for (index, memory) in states.enumerated() { (stateBases + index).initialize(to: memory.base) }
        var pieces: [Piece] = []
        for (index, entry) in self.layout.enumerated() {
            var start = entry.offset
            while start < entry.range.upperBound {
                let end = min(entry.range.upperBound, (start / Self.chunk + 1) * Self.chunk)
                pieces.append(Piece(entry: index, range: start..<end, kind: entry.kind))
                start = end
            }
        }
        self.pieces = pieces
        let chunks = max(1, (count + Self.chunk - 1) / Self.chunk)
        var firstPiece = [Int](repeating: pieces.count, count: chunks + 1)
        for (index, piece) in pieces.enumerated().reversed() { firstPiece[piece.range.lowerBound / Self.chunk] = index }
        for chunk in stride(from: chunks - 1, through: 0, by: -1) {
            firstPiece[chunk] = min(firstPiece[chunk], firstPiece[chunk + 1])
        }
        self.firstPiece = firstPiece
        steps = .allocate(capacity: max(1, pieces.count))
        steps.initialize(repeating: 0, count: pieces.count)
        // A power of two of locks; chunk c has lock c.
        locks = LockStripes(count: 1 << (Int.bitWidth - (chunks - 1).leadingZeroBitCount))
        boundaries = (Set(self.layout.map(\.offset)), Set(self.layout.map(\.range.upperBound)))
    }

    deinit {
        steps.deallocate()
        stateBases.deallocate()
    }

    private static func chunks(of range: Range<Int>) -> Range<Int> {
        range.isEmpty ? 0..<0 : range.lowerBound / chunk..<(range.upperBound - 1) / chunk + 1
    }

    func pull(into destination: UnsafeMutablePointer<Float>, range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "pullDense: \(range) of \(count)")
        locks.forEach(Self.chunks(of: range), where: { _ in true }) { chunk in
            let part = range.clamped(to: chunk * Self.chunk..<(chunk + 1) * Self.chunk)
            (destination + part.lowerBound).update(from: values.base + part.lowerBound, count: part.count)
        }
    }

    func push(_ gradients: UnsafePointer<Float>, range: Range<Int>, learningRate: Float) {
        guard !range.isEmpty else { return }
        // A part of an entry would leave its steps uneven.
        precondition(
            range == 0..<count || boundaries.starts.contains(range.lowerBound) && boundaries.ends.contains(range.upperBound),
            "pushDense: \(range) does not begin and end where entries do")
        locks.forEach(Self.chunks(of: range), where: { _ in true }) { chunk in
            for index in firstPiece[chunk]..<firstPiece[chunk + 1] {
                let piece = pieces[index]
                if range.contains(piece.range.lowerBound) { apply(gradients, piece, at: index, learningRate) }
            }
        }
    }

    private func apply(_ gradients: UnsafePointer<Float>, _ piece: Piece, at index: Int, _ learningRate: Float) {
        let start = piece.range.lowerBound
        steps[index] += 1
        switch piece.kind {
        case .weight:
            optimiser.update(
                DenseUpdate(
                    values: values.base + start, states: stateBases, stateOffset: start, gradients: gradients + start,
                    count: piece.range.count, step: steps[index]),
                learningRate: learningRate)
        case .statistic:
            hs_moving_average(values.base + start, gradients + start, piece.range.count, momentum)
        }
    }

    /// Replaces all values; gaps between entries included.
    func set(from source: UnsafePointer<Float>) {
        locks.withAll { values.base.update(from: source, count: count) }
    }

    /// Updates that each entry has had; the caller holds all locks.
    var entrySteps: [Int64] {
        get {
            var result = [Int64](repeating: 0, count: layout.count)
            for (index, piece) in pieces.enumerated() { result[piece.entry] = Int64(steps[index]) }
            return result
        }
        set { for (index, piece) in pieces.enumerated() { steps[index] = Int(newValue[piece.entry]) } }
    }
}
