/// Why a run could not start, go on or be read.
public enum TrainingError: Error, CustomStringConvertible {
    /// NaN or infinity in a loss or a gradient.
    case notFinite(tensor: String, value: Double, step: Int, epoch: Int, batch: Int, checkpoint: String?)
    /// A checkpoint that does not belong to this run, or none where one is needed.
    case checkpoint(path: String, problem: String)
    /// The run folder lacks something or is in use for another run.
    case runFolder(path: String, problem: String)
    /// A split that metrics or training are undefined on.
    case split(name: String, problem: String)

    public var description: String {
        switch self {
        case .notFinite(let tensor, let value, let step, let epoch, let batch, let checkpoint):
            let last = checkpoint.map { "The last checkpoint, \($0), is intact." } ?? "No checkpoint had been written."
            return """
                step \(step) (epoch \(epoch), batch \(batch)): \(tensor) is not finite (\(value)). Training stopped; \
                nothing of this step was saved. \(last) Try a lower training.optimiser.learning_rate or a longer \
                warm-up, and look for extreme sample weights or continuous labels in that batch.
                """
        case .checkpoint(let path, let problem): return "\(path): \(problem)"
        case .runFolder(let path, let problem): return "\(path): \(problem)"
        case .split(let name, let problem): return "the \(name) split \(problem)"
        }
    }
}
