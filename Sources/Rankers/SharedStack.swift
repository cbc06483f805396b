import Kernels
import Layers

/// Joined input -> hidden layers -> an output a task. With one task it is a plain stack; with several,
/// "all tasks share first hidden layer and independently predict each task" (section 5.3).
final class SharedStack<S: Scalar> {
    private let bottom: JoinedStack<S>
    private let heads: [LayerStack<S>]
    private var parts: [InputPart<S>] = []

    /// - Parameters:
    ///   - widths: of all layers when there is one task.
    ///   - shared, head: of the shared layer and of each head when there are several.
    init(
        _ name: String, inputWidths: [Int], widths: [Int], shared: Int, head: [Int], tasks: [String],
        activation: ActivationShape, in layout: inout ParameterLayout
    ) {
        if tasks.count == 1 {
            bottom = JoinedStack(
                name, inputWidths: inputWidths, widths: widths, activation: activation, in: &layout)
            heads = [LayerStack([], inputWidth: bottom.outputWidth)]
        } else {
            bottom = JoinedStack(
                "\(name).shared", inputWidths: inputWidths, widths: [shared], activation: activation,
                activateLast: true, in: &layout)
            var heads: [LayerStack<S>] = []
            for task in tasks {
                heads.append(
                    LayerStack(
                        "\(name).\(task)", input: shared, widths: head, activation: activation, in: &layout))
            }
            self.heads = heads
        }
    }

    /// One `[count, output]` a task.
    func forward(_ parts: [InputPart<S>], count: Int, _ pass: Pass<S>) -> [Matrix<S>] {
        let shared = bottom.forward(parts, count: count, pass)
        return heads.map { $0.forward(shared, pass).matrix }
    }

    func backward(_ gradients: [Matrix<S>], _ pass: Pass<S>) -> [Matrix<S>] {
        let shared = zip(heads, gradients).map { $0.backward($1, pass) }
        for other in shared.dropFirst() { S.axpy(1, other.base, shared[0].base, count: other.count) }
        return bottom.backward(Operand(shared[0]), pass)
    }
}
