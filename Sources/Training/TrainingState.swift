import Distillation
import Layers
import Parameters
import Rankers
import Schema

/// The parameters of a run: a parameter server laid out for a plan, at its initial values.
///
/// The student starts from the same point whatever the method and manner: initial values depend on the
/// seed and on what a parameter is, and shared components count as the student's.
func makeParameterServer(_ run: RunConfiguration, plan: DistillationPlan) -> LocalParameterServer {
    let graph = DistillationGraph<Float>(plan)
    let server = LocalParameterServer(
        dense: graph.layout.entries.map { entry in
            DenseLayoutEntry(
                name: entry.name, offset: entry.slot.offset, rows: entry.slot.rows, columns: entry.slot.columns,
                kind: entry.kind == .statistic ? .statistic : .weight)
        },
        tables: graph.exchange.tables.map { table in
            TableSpec(
                name: table.name,
                initialisationKey: table.owner == .teacher ? table.name : "student/\(table.table)",
                rows: table.rows, dimension: table.dimension, deviation: Float(run.networks.embeddingDeviation))
        },
        optimiser: run.training.optimiser.optimiser, statisticMomentum: Float(run.networks.batchNormMomentum),
        seed: run.seed, shards: run.training.tableShards)
    let initial = graph.layout.initialValues(seed: run.seed) { name in
        name.hasPrefix("shared.") ? "student." + name.dropFirst("shared.".count) : name
    }
    initial.withUnsafeBufferPointer { server.setDense(from: $0.baseAddress!) }
    return server
}

extension TrainingConfiguration {
    /// Locks of a table. Synchronous workers, like a single one, push a table one at a time. Of the others, each holds one
    /// lock, and of four times as many one is free; more would be no freer, and take rows further out of their order.
    var tableShards: Int {
        guard workers > 1, !synchronous else { return 1 }
        return min(64, 1 << (Int.bitWidth - (4 * workers - 1).leadingZeroBitCount))
    }
}

extension OptimiserConfiguration {
    var optimiser: any Optimiser {
        switch kind {
        case .adagrad where rowWise:
            RowWiseAdagrad(initialAccumulator: Float(initialAccumulator), epsilon: Float(epsilon))
        case .adagrad: Adagrad(initialAccumulator: Float(initialAccumulator), epsilon: Float(epsilon))
        case .adam: Adam(beta1: beta1, beta2: beta2, epsilon: Float(epsilon))
        case .sgd: SGD()
        }
    }
}
