import Kernels
import Layers
import Logs
import Rankers
import Schema

/// What is done in one step, and how.
public struct StepOptions: Sendable {
    /// lambda of Eq. 5 in this step: 0 before the swapping step.
    public var lambda: Double
    public var trainsStudent: Bool
    public var trainsTeacher: Bool
    /// Multiplies every sample's loss: 1 / (sum of the sample weights of the whole batch).
    public var lossScale: Double
    /// What matrix products round their inputs to.
    public var precision: ProductPrecision

    public init(
        lambda: Double, trainsStudent: Bool = true, trainsTeacher: Bool = true, lossScale: Double,
        precision: ProductPrecision = .float32
    ) {
        self.precision = precision
        self.lambda = lambda
        self.trainsStudent = trainsStudent
        self.trainsTeacher = trainsTeacher
        self.lossScale = lossScale
    }
}

/// Weighted sums of losses over a batch; sums, so that workers' results add up.
public struct StepLosses: Sendable, Equatable {
    /// Sum of the sample weights.
    public var weight: Double = 0
    /// L_s of the main task (hard labels).
    public var student: Double = 0
    /// L_d (soft labels).
    public var distillation: Double = 0
    /// L_t.
    public var teacher: Double = 0
    /// MTL: the auxiliary tasks' losses, unweighted.
    public var auxiliary: [Double] = []

    public init() {}

    public static func += (left: inout StepLosses, right: StepLosses) {
        left.weight += right.weight
        left.student += right.student
        left.distillation += right.distillation
        left.teacher += right.teacher
        if left.auxiliary.isEmpty {
            left.auxiliary = right.auxiliary
        } else {
            for i in right.auxiliary.indices { left.auxiliary[i] += right.auxiliary[i] }
        }
    }

    public var isFinite: Bool {
        student.isFinite && distillation.isFinite && teacher.isFinite && auxiliary.allSatisfy(\.isFinite)
    }
}

/// Student and teacher of a plan as one differentiable graph: everything between the rows pulled from
/// the parameter server and the gradients pushed back. One worker owns it.
///
/// A step: `bind` a batch; fill `exchange.values(t)` with `exchange.rows(t)`; `train` (or `predict`);
/// push `exchange.gradients(t)` and the dense gradients.
public final class DistillationGraph<S: Scalar> {
    public let plan: DistillationPlan
    public let layout: ParameterLayout
    public let exchange: EmbeddingExchange<S>
    public let arena: Arena<S>
    private let student: Network<S>
    private let teacher: Network<S>?
    private let sequences: [SequenceComponent<S>]
    private var bound: BoundBatch<S>?
    /// `[count]` logits of the last forward pass.
    public private(set) var studentLogits: UnsafeMutablePointer<S>?
    public private(set) var teacherLogits: UnsafeMutablePointer<S>?

    public init(_ plan: DistillationPlan) {
        self.plan = plan
        var builder = NetworkBuilder<S>(plan)
        student = builder.student()
        teacher = plan.hasTeacher ? builder.teacher() : nil
        layout = builder.layout
        arena = Arena()
        exchange = EmbeddingExchange(builder.registry, arena: arena)
        var sequences: [SequenceComponent<S>] = []
        for component in [student.sequence, teacher?.sequence].compactMap({ $0 })
        where !sequences.contains(where: { $0 === component }) {
            sequences.append(component)
        }
        self.sequences = sequences
    }

    /// Takes in a batch; everything handed out for the previous one becomes invalid.
    public func bind(_ batch: Batch) { bind(batch.regular, privileged: batch.privileged) }

    /// Takes in a batch without privileged inputs: enough to run the student.
    public func bind(_ regular: RegularInputs, privileged: PrivilegedInputs? = nil) {
        arena.reset()
        bound = exchange.bind(regular, privileged: privileged)
        for sequence in sequences { sequence.startStep() }
    }

    /// Forward only, with running batch statistics. Sets `studentLogits` and, if asked, `teacherLogits`.
    public func predict(weights: UnsafeMutablePointer<S>, teacher wantsTeacher: Bool) {
        guard let bound else { preconditionFailure("DistillationGraph: predict before bind") }
        let pass = Pass(weights: weights, gradients: weights, arena: arena, mode: .evaluation)
        studentLogits = student.forward(exchange, bound, pass)[0]
        teacherLogits = wantsTeacher ? teacher?.forward(exchange, bound, pass)[0] : nil
    }

    /// One step of Algorithm 1 up to the gradients, which are added to `gradients` (zero it first) and to
    /// the exchange. L_d never reaches the teacher's own weights.
    public func train(
        _ targets: Targets, options: StepOptions, weights: UnsafeMutablePointer<S>, gradients: UnsafeMutablePointer<S>
    ) -> StepLosses {
        guard let bound else { preconditionFailure("DistillationGraph: train before bind") }
        let pass = Pass(
            weights: weights, gradients: gradients, arena: arena, mode: .training, precision: options.precision)
        let sampleWeights = copy(targets.weights)
        let labels = targets.labels.map(copy)
        var losses = StepLosses()
        losses.weight = targets.weights.reduce(0) { $0 + Double($1) }

        if let teacher, options.trainsTeacher || options.trainsStudent {
            var teacherPass = pass
            teacherPass.mode = options.trainsTeacher ? .training : .evaluation
            let logits = teacher.forward(exchange, bound, teacherPass)[0]
            teacherLogits = logits
            let gradient = options.trainsTeacher ? arena.allocate(bound.count) : nil
            losses.teacher = S.logLoss(
                logits, target: labels[0], weight: sampleWeights, scale: S(options.lossScale), gradient: gradient,
                count: bound.count)
            if let gradient { teacher.backward([gradient], exchange, pass) { _ in true } }
        }
        if options.trainsStudent {
            trainStudent(
                labels: labels, weights: sampleWeights, softLabels: targets.softLabels.map(copy), options: options,
                bound: bound, pass: pass, losses: &losses)
        }
        for sequence in sequences { sequence.backward(exchange, pass) }
        return losses
    }

    private func trainStudent(
        labels: [UnsafeMutablePointer<S>], weights: UnsafeMutablePointer<S>, softLabels: UnsafeMutablePointer<S>?,
        options: StepOptions, bound: BoundBatch<S>, pass: Pass<S>, losses: inout StepLosses
    ) {
        let logits = student.forward(exchange, bound, pass)
        studentLogits = logits[0]
        let scale = S(options.lossScale)
        let main = mainGradient(
            logits[0], label: labels[0], weights: weights, softLabels: softLabels, options: options,
            count: bound.count, losses: &losses)
        var auxiliary: [UnsafeMutablePointer<S>] = []
        for task in logits.indices.dropFirst() {
            let label = plan.tasks[task]
            let gradient = arena.allocate(bound.count)
            let loss = label.kind == .binary ? S.logLoss : S.squaredLoss
            losses.auxiliary.append(
                loss(logits[task], labels[task], weights, scale * S(label.weight), gradient, bound.count))
            auxiliary.append(gradient)
        }
        switch plan.sharedGradient {
        case .joint:
            student.backward([main.joint] + auxiliary, exchange, pass) { _ in true }
        case .teacherOnly:
            student.backward([main.joint] + auxiliary, exchange, pass) { $0 != .shared }
        case .withoutDistillation:
            student.backward([main.joint] + auxiliary, exchange, pass) { $0 != .shared }
            var scratch = pass
            scratch.gradients = arena.zeros(1, layout.count).base
            student.backward([main.hard] + auxiliary, exchange, scratch) { $0 == .shared }
        }
    }

    /// d/d logit of (1 - lambda) L_s + lambda L_d, and of L_s alone (which is the same memory when lambda is 0).
    ///
    /// The log-loss is linear in its target: at temperature 1 the two losses are one, with the target
    /// (1 - lambda) y + lambda q. At temperature T, L_d = T^2 BCE(sigmoid(t / T), sigmoid(s / T)) as in
    /// Hinton et al. 2015, whose gradient is T (sigmoid(s / T) - sigmoid(t / T)).
    private func mainGradient(
        _ logits: UnsafeMutablePointer<S>, label: UnsafeMutablePointer<S>, weights: UnsafeMutablePointer<S>,
        softLabels: UnsafeMutablePointer<S>?, options: StepOptions, count: Int, losses: inout StepLosses
    ) -> (joint: UnsafeMutablePointer<S>, hard: UnsafeMutablePointer<S>) {
        let scale = S(options.lossScale)
        let hard = arena.allocate(count)
        losses.student = S.logLoss(
            logits, target: label, weight: weights, scale: scale, gradient: hard, count: count)
        guard plan.distills, teacherLogits != nil || softLabels != nil else { return (hard, hard) }

        let temperature = S(softLabels == nil ? plan.temperature : 1)
        let soft: UnsafeMutablePointer<S>
        if let softLabels {
            soft = softLabels
        } else {
            soft = arena.allocate(count)
            S.sigmoid(teacherLogits!, inverseTemperature: 1 / temperature, into: soft, count: count)
        }
        let cooled = arena.zeros(1, count).base
        S.axpy(1 / temperature, logits, cooled, count: count)
        let distilled = arena.allocate(count)
        losses.distillation =
            Double(temperature * temperature)
            * S.logLoss(
                cooled, target: soft, weight: weights, scale: scale * temperature, gradient: distilled, count: count)
        guard options.lambda > 0 else { return (hard, hard) }
        let lambda = S(options.lambda)
        let joint = arena.zeros(1, count).base
        S.axpy(1 - lambda, hard, joint, count: count)
        S.axpy(lambda, distilled, joint, count: count)
        return (joint, hard)
    }

    private func copy(_ values: [Float]) -> UnsafeMutablePointer<S> {
        let pointer = arena.allocate(values.count)
        if S.self == Float.self {
            values.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                UnsafeMutableRawPointer(pointer).copyMemory(from: base, byteCount: bytes.count)
            }
        } else {
            for i in values.indices { pointer[i] = S(values[i]) }
        }
        return pointer
    }
}

extension ParameterLayout {
    /// The ranges of the dense parameters of these owners, from entry to entry, neighbours merged unless said otherwise.
    public func ranges(of owners: Set<Owner>, merged: Bool = true) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var continues = false
        for entry in entries {
            let belongs = owners.contains { entry.name.hasPrefix("\($0.rawValue).") }
            if belongs, continues, merged {
                result[result.count - 1] = result[result.count - 1].lowerBound..<entry.slot.range.upperBound
            } else if belongs {
                result.append(entry.slot.range)
            }
            continues = belongs
        }
        return result
    }
}
