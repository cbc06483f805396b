/// Why a run could not start, go on or be read.
public enum TrainingError: Error, CustomStringConvertible {
    /// NaN or infinity in a loss, a gradient or a parameter. Step (of the whole run), epoch and batch count from 1.
    case notFinite(tensor: String, value: Double, step: Int, epoch: Int, batch: Int, checkpoint: String?)
    /// A checkpoint, or another file of the run folder, that is damaged or not what it should be.
    case checkpoint(path: String, problem: String)
    /// A checkpoint or run folder of a run with other settings or data.
    case otherRun(path: String)
    /// The run file asks for something that this processor cannot do.
    case processor(key: String, expected: String, found: String, advice: String)
    /// The run folder lacks something.
    case runFolder(path: String, problem: String)

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
        case .otherRun(let path):
            return """
                \(path): was written by a run with other settings or data than these. Restore the run file to resume, \
                or train into another output folder
                """
        case .processor(let key, let expected, let found, let advice):
            return "\(key): needs \(expected), and this processor has \(found). \(advice)"
        case .runFolder(let path, let problem): return "\(path): \(problem)"
        }
    }
}
