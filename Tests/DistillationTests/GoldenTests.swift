import Distillation
import Kernels
import Layers
import Logs
import Rankers
import Schema
import Testing

@Suite struct GoldenTests {
    static let cases = [GoldenFile.ctr, .cvr, .options].flatMap { file in file.cases.map { (file, $0) } }

    @Test("the goldens name the script, the PyTorch and the seed that made them")
    func provenance() {
        for file in [GoldenFile.ctr, .cvr, .options, .training] {
            #expect(file.script == "Scripts/goldens/methods.py")
            #expect(file.torch.hasPrefix("2.13"))
            #expect(file.seed == 20_200_823)
        }
    }

    @Test("there is a golden of every task, method and manner")
    func everyMethod() {
        var wanted: Set<String> = []
        for task in RankingTask.allCases {
            for method in Method.allCases {
                for manner in method.hasTeacher ? ["independent", "share", "share*"] : ["independent"] {
                    wanted.insert("\(task.rawValue) \(method.rawValue) \(manner)")
                }
            }
        }
        #expect(Set((GoldenFile.ctr.cases + GoldenFile.cvr.cases).map(\.name)) == wanted)
    }

    @Test("losses, logits and gradients in Double are PyTorch's", arguments: cases.indices)
    func double(_ index: Int) { compare(index, Double.self, tolerance: 2e-8) }

    @Test("losses, logits and gradients in Float are PyTorch's to rounding", arguments: cases.indices)
    func float(_ index: Int) { compare(index, Float.self, tolerance: 2e-4) }

    private func compare<S: Scalar>(_ index: Int, _: S.Type, tolerance: Double) {
        let (file, golden) = Self.cases[index]
        let synthetic = golden.synthetic
        let harness = GraphHarness<S>(synthetic)
        #expect(Set(harness.shapes) == Set(golden.parameters), "\(golden.name)")
        harness.load(file.initial)
        let batch = file.batches[golden.batch!].batch(synthetic.run)
        let result = harness.step(
            batch,
            StepOptions(
                lambda: golden.lambda, trainsStudent: golden.trains != "teacher",
                trainsTeacher: golden.trains != "student",
                lossScale: 1 / batch.targets.weights.reduce(0) { $0 + Double($1) }))

        func check(_ values: [Double], _ expected: [Double], _ what: String) {
            let error = relativeDistance(values, expected, floor: 1e-2)
            #expect(error < tolerance, "\(golden.name), \(what): \(error)")
        }
        func check(_ value: Double, _ key: String) { check([value], [golden.losses![key] ?? 0], "loss \(key)") }
        check(result.losses.student, "student")
        check(result.losses.distillation, "distillation")
        check(result.losses.teacher, "teacher")
        #expect(result.losses.auxiliary.count == (golden.method == .mtl ? 2 : 0))
        for (i, loss) in result.losses.auxiliary.enumerated() { check(loss, "auxiliary\(i)") }
        check(result.student ?? [], golden.student_logits ?? [], "student's logits")
        check(result.teacher ?? [], golden.teacher_logits ?? [], "teacher's logits")
        for (name, values) in result.gradients {
            check(values, golden.gradients![name] ?? values.map { _ in 0 }, name)
        }
        #expect(Set(golden.gradients!.keys).isSubset(of: result.gradients.keys))
    }

    @Test("the losses alone are PyTorch's: Eq. 6, soft labels, squared error")
    func losses() {
        compareLosses(Double.self, tolerance: 1e-13)
        compareLosses(Float.self, tolerance: 1e-6)
    }

    private func compareLosses<S: Scalar>(_: S.Type, tolerance: Double) {
        let golden = GoldenFile.options.losses!
        func tensor(_ name: String) -> [S] { golden.tensors[name]!.map { S($0) } }
        let weight = tensor("weight")
        typealias Loss = (
            UnsafePointer<S>, UnsafePointer<S>, UnsafePointer<S>, S, UnsafeMutablePointer<S>?, Int
        ) -> Double
        func compare(_ name: String, _ loss: Loss, _ x: [S], target: String, scale: S, factor: Double = 1) {
            var gradient = [S](repeating: 0, count: x.count)
            let value = loss(x, tensor(target), weight, scale, &gradient, x.count)
            #expect(relativeDistance([factor * value], golden.tensors[name]!, floor: 1) < tolerance, "\(name)")
            let error = relativeDistance(gradient.map { Double($0) }, golden.tensors["d\(name)"]!, floor: 1)
            #expect(error < tolerance, "d\(name): \(error)")
            #expect(loss(x, tensor(target), weight, scale, nil, x.count) == value)
        }
        let x = tensor("x")
        compare("log_loss", S.logLoss, x, target: "label", scale: 1)
        compare("soft_log_loss", S.logLoss, x, target: "soft", scale: 1)
        compare("squared_loss", S.squaredLoss, x, target: "real", scale: 1)

        // L_d = T^2 BCE(sigmoid(t / T), sigmoid(x / T)), from its parts as the graph puts them together.
        let temperature = golden.temperature
        compare(
            "distillation", S.logLoss, x.map { $0 / S(temperature) }, target: "cool", scale: S(temperature),
            factor: temperature * temperature)
        var cool = [S](repeating: 0, count: x.count)
        S.sigmoid(tensor("teacher"), inverseTemperature: S(1 / temperature), into: &cool, count: x.count)
        #expect(relativeDistance(cool.map { Double($0) }, golden.tensors["cool"]!, floor: 1) < tolerance)
    }
}
