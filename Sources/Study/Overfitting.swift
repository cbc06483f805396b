/// Whether a student fits what it trains on better than what comes after, as far as its losses say.
struct Overfitting {
    /// Log-loss over the last training steps.
    let training: Double
    /// Log-loss on the compared split.
    let test: Double
    let validation: [ValidationPoint]

    /// The last tenth of a run is its end: that validation was a little better a step earlier is chance.
    private static let end = 0.9

    var isSeen: Bool { test > training * 1.1 || turn != nil }

    var sentence: String {
        var text = "log-loss \(four(training)) over the last training steps, \(four(test)) on the compared split"
        if let turn {
            text += "; validation was best (\(four(turn.best))) at step \(grouped(turn.step)) of \(grouped(turn.steps)) and ended "
                + "at \(four(turn.end))"
        }
        return text + (isSeen ? ". The student overfits, or the time of the test differs." : ".")
    }

    /// Where validation began to get worse, when that was well before the end.
    private var turn: (step: Int, steps: Int, best: Double, end: Double)? {
        let losses = validation.compactMap { point in point.studentLogLoss.map { (step: point.step, loss: $0) } }
        guard let best = losses.min(by: { $0.loss < $1.loss }), let last = losses.last, best.loss < last.loss,
            Double(best.step) < Self.end * Double(last.step)
        else { return nil }
        return (best.step, last.step, best.loss, last.loss)
    }
}
