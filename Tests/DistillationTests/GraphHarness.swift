import Distillation
import Kernels
import Layers
import Logs

/// A graph with parameters of its own, standing in for worker and parameter server.
final class GraphHarness<S: Scalar> {
    let graph: DistillationGraph<S>
    var weights: [S]
    /// One array of rows x dimension a table.
    var tables: [[S]]

    init(_ synthetic: SyntheticRun, seed: UInt64 = 3) {
        graph = DistillationGraph(DistillationPlan(synthetic.run, tableRows: synthetic.tableRows))
        weights = graph.layout.initialValues(seed: seed).map { S($0) }
        tables = graph.exchange.tables.map { table in
            var random = SplitMix64(seed: seed ^ stableHash(table.table))
            return (0..<(table.rows * table.dimension)).map { _ in S(Double.random(in: -1...1, using: &random)) }
        }
    }

    struct Result {
        var losses: StepLosses
        var weights: [S]
        var tables: [[S]]
        var studentLogits: [S]
        var teacherLogits: [S]?
    }

    func bind(_ batch: Batch) {
        graph.bind(batch)
        for t in tables.indices {
            let dimension = graph.exchange.tables[t].dimension
            guard let values = graph.exchange.values(t) else { continue }
            for (local, row) in graph.exchange.rows(t).enumerated() {
                for c in 0..<dimension { values[local, c] = tables[t][Int(row) * dimension + c] }
            }
        }
    }

    func train(_ batch: Batch, _ options: StepOptions) -> Result {
        bind(batch)
        var gradients = [S](repeating: 0, count: max(1, graph.layout.count))
        let losses = gradients.withUnsafeMutableBufferPointer { g in
            weights.withUnsafeMutableBufferPointer { w in
                graph.train(batch.targets, options: options, weights: w.baseAddress!, gradients: g.baseAddress!)
            }
        }
        var tableGradients = tables.map { [S](repeating: 0, count: $0.count) }
        for t in tables.indices {
            let dimension = graph.exchange.tables[t].dimension
            for (local, row) in graph.exchange.rows(t).enumerated() {
                for c in 0..<dimension {
                    tableGradients[t][Int(row) * dimension + c] = graph.exchange.gradients(t)[local, c]
                }
            }
        }
        return Result(
            losses: losses, weights: gradients, tables: tableGradients,
            studentLogits: logits(graph.studentLogits, batch.count)!, teacherLogits: logits(graph.teacherLogits, batch.count))
    }

    func predict(_ batch: Batch) -> (student: [S], teacher: [S]?) {
        bind(batch)
        weights.withUnsafeMutableBufferPointer { graph.predict(weights: $0.baseAddress!, teacher: true) }
        return (logits(graph.studentLogits, batch.count)!, logits(graph.teacherLogits, batch.count))
    }

    private func logits(_ pointer: UnsafeMutablePointer<S>?, _ count: Int) -> [S]? {
        pointer.map { Array(UnsafeBufferPointer(start: $0, count: count)) }
    }
}
