import Distillation
import Layers
import Rankers
import Schema
import Testing

/// Every method's whole graph, in Double, against central differences: each dense parameter and each
/// embedding value that the batch touches.
@Suite struct GradientTests {
    static let manners: [(String, Manner)] = [
        ("ind", Manner(inputs: .independent, synchronous: true)),
        ("share", Manner(inputs: .shared(except: []), synchronous: true)),
        ("share*", Manner(inputs: .shared(except: ["user"]), synchronous: true)),
    ]
    static let cases = RankingTask.allCases.flatMap { task in
        Method.allCases.flatMap { method in (method.hasTeacher ? manners : [manners[0]]).map { (task, method, $0.0, $0.1) } }
    }

    @Test("the gradient of every parameter is that of Eq. 5 with the teacher's part of L_d held fixed", arguments: cases)
    func wholeGraph(_ task: RankingTask, _ method: Method, _ name: String, _ manner: Manner) {
        let synthetic = SyntheticRun(task, method, manner: manner)
        let harness = GraphHarness<Double>(synthetic)
        check(harness, synthetic, lambda: 0.4)
    }

    @Test("temperature and a learned scale have the right gradients too")
    func temperatureAndScale() {
        var synthetic = SyntheticRun(.ctr, .pfdMD)
        synthetic.run.distillation.temperature = 2.5
        synthetic.run.networks.learnedScale = true
        check(GraphHarness<Double>(synthetic), synthetic, lambda: 0.7)
    }

    @Test("networks without batch normalisation have the right gradients too")
    func withoutBatchNorm() {
        var synthetic = SyntheticRun(.cvr, .pfd)
        synthetic.run.networks.batchNorm = false
        check(GraphHarness<Double>(synthetic), synthetic, lambda: 0.3)
    }

    private func check(_ harness: GraphHarness<Double>, _ synthetic: SyntheticRun, lambda: Double) {
        let batch = synthetic.batch()
        let scale = 1 / batch.targets.weights.reduce(0) { $0 + Double($1) }
        let options = StepOptions(lambda: lambda, lossScale: scale)
        let base = harness.train(batch, options)

        // Eq. 5, with the soft labels that the base point gave (the gradient stops at the teacher).
        let fixed = base.teacherLogits
        func objective() -> Double {
            let result = harness.train(batch, options)
            var value = result.losses.teacher
            let temperature = synthetic.run.distillation.temperature
            let distils = fixed != nil && lambda > 0
            value += (distils ? 1 - lambda : 1) * result.losses.student
            if let fixed, distils {
                for i in 0..<batch.count {
                    let q = 1 / (1 + Double.exp(-fixed[i] / temperature))
                    let s = result.studentLogits[i] / temperature
                    let loss = max(s, 0) - q * s + Double.log1p(Double.exp(-abs(s)))
                    value += lambda * temperature * temperature * Double(batch.targets.weights[i]) * loss
                }
            }
            for (auxiliary, label) in zip(result.losses.auxiliary, synthetic.run.schema.labels.dropFirst()) {
                value += label.weight * auxiliary
            }
            return value * scale
        }

        var worst = (error: 0.0, what: "")
        func compare(_ analytic: Double, _ what: String, _ set: (Double) -> Void) {
            var best = (error: Double.infinity, numeric: 0.0)
            // A leaky ReLU's kink between the two points spoils a difference; a smaller step steps over it.
            for h in [1e-5, 1e-7] where best.error > 1e-4 {
                set(h)
                let up = objective()
                set(-2 * h)
                let down = objective()
                set(h)
                let numeric = (up - down) / (2 * h)
                let error = abs(numeric - analytic) / max(1e-3, abs(numeric) + abs(analytic))
                if error < best.error { best = (error, numeric) }
            }
            if best.error > worst.error {
                worst = (best.error, "\(what): analytic \(analytic), numeric \(best.numeric)")
            }
        }
        for entry in harness.graph.layout.entries where entry.kind == .weight {
            for i in entry.slot.range {
                compare(base.weights[i], "\(entry.name)[\(i - entry.slot.offset)]") { harness.weights[i] += $0 }
            }
        }
        for t in harness.tables.indices {
            for i in harness.tables[t].indices {
                compare(base.tables[t][i], "\(harness.graph.exchange.tables[t].name)[\(i)]") { harness.tables[t][i] += $0 }
            }
        }
        #expect(worst.error < 1e-4, "\(worst.what)")
    }
}

import Foundation
extension Double {
    static func exp(_ x: Double) -> Double { Foundation.exp(x) }
    static func log1p(_ x: Double) -> Double { Foundation.log1p(x) }
}
