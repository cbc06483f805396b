import Distillation
import Kernels
import Layers
import Logs
import Parameters
import Rankers
import Schema

/// How a worker comes by parameters.
enum ParameterReading {
    /// Where the server keeps them: for one worker, and for workers that compute and push in turns.
    case inPlace
    /// Copies a step: another worker may push while this one computes.
    case copied
}

/// One worker of the parameter server system: pulls what a batch needs, computes, pushes gradients.
/// "All parameters are stored in the servers and most computation is executed in the workers" (section 4).
///
/// Belongs to one thread at a time.
final class Worker: @unchecked Sendable {
    // Unchecked: the pool hands each worker to one thread.
    let graph: DistillationGraph<Float>
    private let server: any ParameterServer
    /// A copy of the dense parameters, unless they are read where they are.
    private let copy: UnsafeMutablePointer<Float>?
    private let weights: UnsafeMutablePointer<Float>
    let gradients: UnsafeMutablePointer<Float>
    private let statistics: [ParameterSlot]
    private let precision: ProductPrecision

    /// Emulated, bfloat16 would be many times slower than float32: whoever asks for it wants speed, and is told.
    static func requireProcessor(for precision: TrainingPrecision, hasBFloat16: Bool = Processor.hasBFloat16) throws {
        guard precision == .bfloat16, !hasBFloat16 else { return }
        throw TrainingError.processor(
            key: "training.precision", expected: "AVX512_BF16 for bfloat16", found: "no such instructions",
            advice: "Leave the key out, or say float32.")
    }

    init(plan: DistillationPlan, server: any ParameterServer, precision: TrainingPrecision, reading: ParameterReading) {
        graph = DistillationGraph(plan)
        self.precision = precision == .bfloat16 ? .bfloat16 : .float32
        self.server = server
        let count = max(1, graph.layout.count)
        if reading == .inPlace {
            for (index, table) in graph.exchange.tables.enumerated() {
                guard let base = server.rowsInPlace(table: index) else { continue }
                graph.exchange.read(index, in: Matrix(base: base, rows: table.rows, columns: table.dimension))
            }
        }
        if reading == .inPlace, let inPlace = server.denseInPlace {
            copy = nil
            weights = inPlace
        } else {
            let memory = Self.zeros(count)
            copy = memory
            weights = memory
        }
        gradients = Self.zeros(count)
        statistics = graph.layout.entries.filter { $0.kind == .statistic }.map(\.slot)
    }

    private static func zeros(_ count: Int) -> UnsafeMutablePointer<Float> {
        let raw = HugePages.allocate(byteCount: count * MemoryLayout<Float>.stride)
        let memory = raw.bindMemory(to: Float.self, capacity: count)
        memory.initialize(repeating: 0, count: count)
        return memory
    }

    deinit {
        copy?.deallocate()
        gradients.deallocate()
    }

    /// Forward and backward; gradients are left in `gradients` and `graph.exchange`.
    ///
    /// - Parameter share: this worker's share of the step's samples. Gradients of shares add up by
    ///   themselves (the loss scale is that of the whole step); batch statistics need the factor.
    func compute(_ batch: Batch, options: StepOptions, share: Float = 1) -> StepLosses {
        graph.bind(batch)
        pull()
        gradients.update(repeating: 0, count: graph.layout.count)
        var options = options
        options.precision = precision
        let losses = graph.train(batch.targets, options: options, weights: weights, gradients: gradients)
        if share != 1 {
            for slot in statistics {
                for i in slot.range { gradients[i] *= share }
            }
        }
        return losses
    }

    /// Sends every gradient of these owners' parameters to the server.
    func push(owners: Set<Owner>, learningRate: Float) {
        for (index, table) in graph.exchange.tables.enumerated() where owners.contains(table.owner) {
            let rows = graph.exchange.rows(index)
            guard !rows.isEmpty else { continue }
            server.pushRows(
                table: index, rows: rows, gradients: graph.exchange.gradients(index).base, learningRate: learningRate)
        }
        server.pushDense(gradients, ranges: graph.layout.ranges(of: owners), learningRate: learningRate)
    }

    /// Student (and teacher) probabilities of a batch.
    func predict(_ batch: Batch, teacher: Bool) -> (student: [Float], teacher: [Float]?) {
        graph.bind(batch.regular, privileged: teacher ? batch.privileged : nil)
        pull()
        graph.predict(weights: weights, teacher: teacher)
        return (probabilities(graph.studentLogits, count: batch.count)!, probabilities(graph.teacherLogits, count: batch.count))
    }

    /// sigmoid of logits of the last forward pass.
    func probabilities(_ logits: UnsafeMutablePointer<Float>?, count: Int) -> [Float]? {
        logits.map { logits in
            [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                Float.sigmoid(logits, inverseTemperature: 1, into: buffer.baseAddress!, count: count)
                initialized = count
            }
        }
    }

    /// The first tensor that holds a NaN or an infinity, if any.
    func nonFiniteTensor(_ losses: StepLosses) -> (name: String, value: Double)? {
        if !losses.isFinite {
            let named = [
                ("the student's loss", losses.student), ("the distillation loss", losses.distillation),
                ("the teacher's loss", losses.teacher),
            ]
            if let bad = named.first(where: { !$0.1.isFinite }) { return bad }
            return ("an auxiliary task's loss", losses.auxiliary.first { !$0.isFinite } ?? .nan)
        }
        if !Float.areFinite(gradients, count: graph.layout.count) {
            for entry in graph.layout.entries {
                let gradient = UnsafeBufferPointer(start: gradients + entry.slot.offset, count: entry.slot.count)
                if let bad = gradient.first(where: { !$0.isFinite }) { return ("the gradient of \(entry.name)", Double(bad)) }
            }
        }
        for (index, table) in graph.exchange.tables.enumerated() {
            let gradient = graph.exchange.gradients(index)
            if !Float.areFinite(gradient.base, count: gradient.count) {
                let bad = UnsafeBufferPointer(start: gradient.base, count: gradient.count).first { !$0.isFinite }
                return ("the gradient of table \(table.name)", Double(bad ?? .nan))
            }
        }
        return nil
    }

    private func pull() {
        if let copy { server.pullDense(into: copy) }
        for index in graph.exchange.tables.indices {
            let rows = graph.exchange.rows(index)
            guard !rows.isEmpty, let values = graph.exchange.values(index) else { continue }
            server.pullRows(table: index, rows: rows, into: values.base)
        }
    }
}
