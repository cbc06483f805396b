import Distillation
import Layers
import Logs
import Parameters
import Rankers
import Schema
import Testing

/// Three steps of Algorithm 1 through the parameter server, against three steps of torch.optim.Adagrad.
@Suite struct GoldenTrainingTests {
    @Test("weights, running statistics and tables after training are PyTorch's", arguments: GoldenFile.training.cases)
    func adagrad(_ golden: GoldenCase) {
        let file = GoldenFile.training
        let synthetic = golden.synthetic
        let harness = GraphHarness<Float>(synthetic)
        #expect(Set(harness.shapes) == Set(golden.parameters))
        harness.load(file.initial)
        let graph = harness.graph
        let server = server(harness, golden)
        let schedule = LearningRateSchedule(peak: golden.peak!, warmUpSteps: golden.warm_up!)
        for (step, stored) in file.batches.enumerated() {
            let batch = stored.batch(synthetic.run)
            server.pullDense(into: &harness.weights)
            pullTables(server, into: harness)
            harness.bind(batch)
            var gradients = [Float](repeating: 0, count: graph.layout.count)
            let options = StepOptions(
                lambda: step < golden.swapping_step! ? 0 : golden.lambda,
                lossScale: 1 / batch.targets.weights.reduce(0) { $0 + Double($1) })
            let losses = graph.train(
                batch.targets, options: options, weights: &harness.weights, gradients: &gradients)
            for (name, loss) in [
                ("student", losses.student), ("teacher", losses.teacher), ("distillation", losses.distillation),
            ] {
                let expected = golden.losses_by_step![step][name] ?? 0
                #expect(abs(loss - expected) < 2e-5 * max(1, expected), "step \(step), \(name)")
            }
            let rate = schedule.rate(step: step)
            for t in graph.exchange.tables.indices {
                server.pushRows(
                    table: t, rows: graph.exchange.rows(t), gradients: graph.exchange.gradients(t).base,
                    learningRate: rate)
            }
            server.pushDense(
                gradients, ranges: graph.layout.ranges(of: Set(Owner.allCases)), learningRate: rate)
        }
        server.pullDense(into: &harness.weights)
        pullTables(server, into: harness)
        for entry in graph.layout.entries { check(harness.weights[entry.slot.range], entry.name, golden) }
        for (t, table) in graph.exchange.tables.enumerated() { check(harness.tables[t][...], table.name, golden) }
    }

    private func check(_ values: ArraySlice<Float>, _ name: String, _ golden: GoldenCase) {
        let expected = golden.after![name]!
        #expect(values.count == expected.count)
        // Three steps move a weight by up to 0.025; rounding by no more than this.
        let error = zip(values, expected).map { abs(Double($0) - $1) }.max() ?? 0
        #expect(error < 3e-6, "\(name): \(error)")
    }

    /// A server that holds the harness's parameters.
    private func server(_ harness: GraphHarness<Float>, _ golden: GoldenCase) -> LocalParameterServer {
        let graph = harness.graph
        let server = LocalParameterServer(
            dense: graph.layout.entries.map {
                DenseLayoutEntry(
                    name: $0.name, offset: $0.slot.offset, rows: $0.slot.rows, columns: $0.slot.columns,
                    kind: $0.kind == .weight ? .weight : .statistic)
            },
            tables: graph.exchange.tables.map {
                TableSpec(name: $0.name, rows: $0.rows, dimension: $0.dimension, deviation: 0)
            },
            optimiser: Adagrad(initialAccumulator: golden.accumulator!), statisticMomentum: golden.momentum!, seed: 1)
        server.setDense(from: harness.weights)
        for (t, values) in harness.tables.enumerated() {
            server.withTable(t) { table in
                // The server has no other way in than its own initial values; nobody else has it yet.
                _ = UnsafeMutableBufferPointer(mutating: table).update(fromContentsOf: values)
            }
        }
        return server
    }

    private func pullTables(_ server: LocalParameterServer, into harness: GraphHarness<Float>) {
        for t in harness.tables.indices { harness.tables[t] = server.withTable(t) { Array($0) } }
    }
}
