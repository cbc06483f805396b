import Distillation
import Kernels
import Layers
import Logs
import Rankers
import Schema
import Testing

@Suite struct PropertyTests {
    static let distilling: [(RankingTask, Method)] = RankingTask.allCases.flatMap { task in
        Method.allCases.filter(\.hasTeacher).map { (task, $0) }
    }
    static let independent = Manner(inputs: .independent, synchronous: true)

    private func options(_ batch: Batch, lambda: Double) -> StepOptions {
        StepOptions(lambda: lambda, lossScale: 1 / batch.targets.weights.reduce(0) { $0 + Double($1) })
    }

    /// Gradients of everything an owner owns, by name.
    private func gradients<S>(_ harness: GraphHarness<S>, _ result: GraphHarness<S>.Result, of owner: Owner) -> [String: [S]] {
        var found: [String: [S]] = [:]
        for entry in harness.graph.layout.entries where entry.name.hasPrefix("\(owner.rawValue).") {
            found[entry.name] = Array(result.weights[entry.slot.range])
        }
        for (t, table) in harness.graph.exchange.tables.enumerated() where table.owner == owner {
            found[table.name] = result.tables[t]
        }
        return found
    }

    @Test("with lambda 0 and independent inputs the student's step is the baseline's, bit for bit", arguments: distilling)
    func lambdaZeroIsBaseline(_ task: RankingTask, _ method: Method) {
        let synthetic = SyntheticRun(task, method, manner: Self.independent)
        let baseline = SyntheticRun(task, .baseline)
        let batch = synthetic.batch()
        let taught = GraphHarness<Float>(synthetic)
        let alone = GraphHarness<Float>(baseline)
        let a = taught.train(batch, options(batch, lambda: 0))
        let b = alone.train(batch, options(batch, lambda: 0))
        #expect(a.studentLogits == b.studentLogits)
        #expect(a.losses.student == b.losses.student)
        #expect(gradients(taught, a, of: .student) == gradients(alone, b, of: .student))
    }

    @Test("Tables that are read where they lie give what their rows' copies give, bit for bit", arguments: distilling)
    func inPlace(_ task: RankingTask, _ method: Method) {
        let synthetic = SyntheticRun(task, method)
        let batch = synthetic.batch()
        let expected = GraphHarness<Float>(synthetic).train(batch, options(batch, lambda: 0.5))
        let harness = GraphHarness<Float>(synthetic)
        let exchange = harness.graph.exchange
        let copies = harness.tables.map { table in
            let copy = UnsafeMutableBufferPointer<Float>.allocate(capacity: table.count)
            _ = copy.initialize(from: table)
            return copy
        }
        defer { for copy in copies { copy.deallocate() } }
        for (number, table) in exchange.tables.enumerated() {
            exchange.read(number, in: Matrix(base: copies[number].baseAddress!, rows: table.rows, columns: table.dimension))
        }
        let result = harness.train(batch, options(batch, lambda: 0.5))
        #expect(exchange.tables.indices.allSatisfy { exchange.values($0) == nil })
        #expect(result.studentLogits == expected.studentLogits && result.teacherLogits == expected.teacherLogits)
        #expect(result.weights == expected.weights)
        #expect(result.tables == expected.tables)
    }

    /// One product is off by at most 2^-7 of its absolute sum (KernelsTests), and a network is a handful of them. The
    /// deviations add up over its layers, most in a deep teacher; the direction stays: the cosine is at least 0.97.
    @Test(
        "gradients of bfloat16 products are those of float32 but for rounding, and Double is not touched",
        arguments: distilling, [false, true])
    func bfloat16(_ of: (task: RankingTask, method: Method), batchNorm: Bool) {
        var synthetic = SyntheticRun(of.task, of.method)
        synthetic.run.networks.batchNorm = batchNorm
        // Heads of an odd dimension stay float32 inside a network that does not. (They go with batch norm since it leaves
        // some columns of the deepest teacher nearly constant on so small a batch, and those blow any rounding up.)
        synthetic.run.networks.attention.headDimension = batchNorm ? 3 : 4
        let batch = synthetic.batch()
        let wide = options(batch, lambda: 0.5)
        var rounded = wide
        rounded.precision = .bfloat16
        let harness = GraphHarness<Float>(synthetic)
        let (a, b) = (harness.train(batch, wide), harness.train(batch, rounded))
        #expect(abs(a.losses.student - b.losses.student) <= 0.02 * abs(a.losses.student))
        #expect(abs(a.losses.teacher - b.losses.teacher) <= 0.02 * abs(a.losses.teacher))
        for owner in Owner.allCases {
            let exact = gradients(harness, a, of: owner)
            let near = gradients(harness, b, of: owner)
            guard !exact.isEmpty else { continue }
            #expect(exact != near, "rounding shows")
            var (difference, length) = (0.0, 0.0)
            for (name, values) in exact {
                for (x, y) in zip(values, near[name]!) {
                    difference += Double((x - y) * (x - y))
                    length += Double(x * x)
                }
            }
            #expect((difference / length).squareRoot() <= 0.25, "\(owner)")
        }
        let double = GraphHarness<Double>(synthetic)
        #expect(double.train(batch, wide).weights == double.train(batch, rounded).weights)
    }

    @Test("the teacher's gradients do not depend on lambda with independent inputs", arguments: distilling)
    func teacherIgnoresLambda(_ task: RankingTask, _ method: Method) {
        let synthetic = SyntheticRun(task, method, manner: Self.independent)
        let batch = synthetic.batch()
        let harness = GraphHarness<Float>(synthetic)
        let without = harness.train(batch, options(batch, lambda: 0))
        let with = harness.train(batch, options(batch, lambda: 0.9))
        #expect(gradients(harness, without, of: .teacher) == gradients(harness, with, of: .teacher))
        #expect(gradients(harness, without, of: .student) != gradients(harness, with, of: .student))
    }

    @Test("the teacher's own weights never feel L_d, whoever shares the inputs", arguments: distilling)
    func sharedTeacherIgnoresLambda(_ task: RankingTask, _ method: Method) {
        let synthetic = SyntheticRun(task, method)
        let batch = synthetic.batch()
        let harness = GraphHarness<Float>(synthetic)
        let without = harness.train(batch, options(batch, lambda: 0))
        let with = harness.train(batch, options(batch, lambda: 0.9))
        #expect(gradients(harness, without, of: .teacher) == gradients(harness, with, of: .teacher))
    }

    @Test("Share* shares exactly the inputs that it does not except")
    func shareStar() {
        let run = SyntheticRun(.ctr, .pfdMD, manner: Manner(inputs: .shared(except: ["user"]), synchronous: true))
        let names = Set(GraphHarness<Float>(run).graph.exchange.tables.map(\.name))
        #expect(
            names == [
                "student/user", "teacher/user", "shared/country", "shared/item", "shared/tags", "shared/age",
                "teacher/clicks", "teacher/dwell",
            ])
        let dense = GraphHarness<Float>(run).graph.layout.entries.map(\.name)
        #expect(dense.contains { $0.hasPrefix("shared.sequence.") })
        #expect(!dense.contains { $0.hasPrefix("student.sequence.") || $0.hasPrefix("teacher.sequence.") })
    }

    @Test("no privileged feature has a table that the student could read", arguments: distilling)
    func privilegedIsTheTeachers(_ task: RankingTask, _ method: Method) {
        for manner in GradientTests.manners.map(\.1) {
            let harness = GraphHarness<Float>(SyntheticRun(task, method, manner: manner))
            for table in harness.graph.exchange.tables where ["clicks", "dwell"].contains(table.table) {
                #expect(table.owner == .teacher)
            }
        }
    }

    @Test(
        "a deduplicated batch gives what the undeduplicated one gives, to rounding",
        arguments: RankingTask.allCases.flatMap { task in Method.allCases.map { (task, $0) } })
    func deduplication(_ task: RankingTask, _ method: Method) {
        let synthetic = SyntheticRun(task, method)
        let batch = synthetic.batch()
        let harness = GraphHarness<Double>(synthetic)
        let folded = harness.train(batch, options(batch, lambda: 0.5))
        let unfolded = harness.train(synthetic.undeduplicated(batch), options(batch, lambda: 0.5))
        #expect(distance(folded.studentLogits, unfolded.studentLogits) < 1e-10)
        #expect(distance(folded.weights, unfolded.weights) < 1e-9)
        for t in folded.tables.indices { #expect(distance(folded.tables[t], unfolded.tables[t]) < 1e-9) }
    }

    @Test(
        "the order of a batch's samples changes nothing, to rounding",
        arguments: RankingTask.allCases.flatMap { task in Method.allCases.map { (task, $0) } })
    func permutation(_ task: RankingTask, _ method: Method) {
        let synthetic = SyntheticRun(task, method)
        let batch = synthetic.batch()
        let harness = GraphHarness<Double>(synthetic)
        let straight = harness.train(batch, options(batch, lambda: 0.5))
        let order = [7, 2, 11, 0, 5, 9, 1, 3, 10, 8, 4, 6]
        var shuffled = synthetic.undeduplicated(batch)
        shuffled = permuted(shuffled, order)
        let permuted = harness.train(shuffled, options(batch, lambda: 0.5))
        #expect(distance(order.map { straight.studentLogits[$0] }, permuted.studentLogits) < 1e-10)
        #expect(distance(straight.weights, permuted.weights) < 1e-9)
    }

    @Test("changing privileged values leaves the student's scores bit-identical", arguments: distilling)
    func noLeak(_ task: RankingTask, _ method: Method) {
        let synthetic = SyntheticRun(task, method)
        let batch = synthetic.batch()
        var other = batch
        for c in other.privileged.columns.indices {
            other.privileged.columns[c].ids = other.privileged.columns[c].ids.map { ($0 + 1) % 4 }
        }
        let harness = GraphHarness<Float>(synthetic)
        let before = harness.predict(batch)
        let after = harness.predict(other)
        #expect(before.student == after.student)
        if method.usesPrivileged { #expect(before.teacher != after.teacher) }
    }

    @Test("shares of a batch add up to the batch when there are no batch statistics")
    func sharesAddUp() {
        var synthetic = SyntheticRun(.ctr, .pfdMD)
        synthetic.run.networks.batchNorm = false
        let batch = synthetic.batch()
        let harness = GraphHarness<Double>(synthetic)
        let whole = harness.train(batch, options(batch, lambda: 0.5))
        let shares = batch.split(3, sides: synthetic.run.schema.regular.map(\.side))
        var sum = [Double](repeating: 0, count: whole.weights.count)
        for share in shares {
            for (i, g) in harness.train(share, options(batch, lambda: 0.5)).weights.enumerated() { sum[i] += g }
        }
        #expect(shares.map(\.count) == [4, 4, 4])
        #expect(distance(whole.weights, sum) < 1e-10)
    }

    @Test("the literal Algorithm 1 keeps L_d out of shared inputs, and teacher_only keeps the student out")
    func sharedGradients() {
        var synthetic = SyntheticRun(.ctr, .pfdMD)
        let batch = synthetic.batch()
        func shared(_ mode: SharedGradient, lambda: Double) -> [String: [Double]] {
            synthetic.run.distillation.sharedGradient = mode
            let harness = GraphHarness<Double>(synthetic)
            return gradients(harness, harness.train(batch, options(batch, lambda: lambda)), of: .shared)
        }
        let hard = shared(.joint, lambda: 0)
        #expect(shared(.joint, lambda: 0.7) != hard)
        let literal = shared(.withoutDistillation, lambda: 0.7)
        #expect(Set(literal.keys) == Set(hard.keys))
        for (name, values) in hard { #expect(distance(values, literal[name]!) < 1e-12, "\(name)") }
        #expect(shared(.teacherOnly, lambda: 0.7) == shared(.teacherOnly, lambda: 0))
    }

    @Test("a soft label column teaches as a teacher with those probabilities would")
    func softLabelColumn() {
        var synthetic = SyntheticRun(.cvr, .pfd, manner: Self.independent)
        var batch = synthetic.batch()
        let taught = GraphHarness<Double>(synthetic)
        let reference = taught.train(batch, options(batch, lambda: 0.6))
        batch.targets.softLabels = reference.teacherLogits!.map { Float(1 / (1 + Double.exp(-$0))) }
        synthetic.run.distillation.softLabelsFromColumn = true
        let column = GraphHarness<Double>(synthetic)
        let result = column.train(batch, options(batch, lambda: 0.6))
        #expect(result.teacherLogits == nil)
        let expected = gradients(taught, reference, of: .student)
        for (name, values) in gradients(column, result, of: .student) {
            #expect(distance(values, expected[name]!) < 1e-6, "\(name)")
        }
    }

    private func distance(_ a: [Double], _ b: [Double]) -> Double {
        #expect(a.count == b.count)
        return zip(a, b).map { abs($0 - $1) }.max() ?? 0
    }

    /// An undeduplicated batch in another order.
    private func permuted(_ batch: Batch, _ order: [Int]) -> Batch {
        var result = batch
        let sequence = batch.regular.sequence!
        var offsets: [Int32] = [0]
        var fields = sequence.fields.map { _ in [Int32]() }
        for i in order {
            for f in fields.indices {
                fields[f] += sequence.fields[f][Int(sequence.offsets[i])..<Int(sequence.offsets[i + 1])]
            }
            offsets.append(Int32(fields[0].count))
        }
        result.regular.sequence = EncodedSequence(offsets: offsets, fields: fields)
        for (c, column) in batch.regular.columns.enumerated() {
            guard let bag = column.offsets else {
                result.regular.columns[c].ids = order.map { column.ids[$0] }
                continue
            }
            var ids: [Int32] = []
            var ends: [Int32] = [0]
            for i in order {
                ids += column.ids[Int(bag[i])..<Int(bag[i + 1])]
                ends.append(Int32(ids.count))
            }
            result.regular.columns[c] = EncodedColumn(ids: ids, offsets: ends)
        }
        for c in batch.privileged.columns.indices {
            result.privileged.columns[c].ids = order.map { batch.privileged.columns[c].ids[$0] }
        }
        result.targets.labels = batch.targets.labels.map { labels in order.map { labels[$0] } }
        result.targets.weights = order.map { batch.targets.weights[$0] }
        return result
    }
}
