import Evaluation
import Logs
import Synchronization

/// A split scored by student and teacher.
public struct Scores: Sendable {
    public var student: [Float] = []
    /// nil when the run has no teacher network.
    public var teacher: [Float]?
    public var labels: [Float] = []
    public var weights: [Float] = []
    public var requests: [UInt64] = []
    public var groups: [UInt64] = []

    /// The student's scores as every metric takes them in.
    public func studentSamples() throws -> ScoredSamples { try samples(student) }
    /// The teacher's, if there is one.
    public func teacherSamples() throws -> ScoredSamples? { try teacher.map(samples) }

    private func samples(_ predictions: [Float]) throws -> ScoredSamples {
        try ScoredSamples(
            predictions: predictions, labels: labels, weights: weights.allSatisfy { $0 == 1 } ? nil : weights,
            groups: groups.contains { $0 != groups[0] } ? groups : nil)
    }
}

/// Runs student and teacher over a split with all workers. The result does not depend on their number:
/// batches are scored one by one and put back in order.
struct Scorer {
    let pool: WorkerPool
    let workers: [Worker]
    let hasTeacher: Bool

    func score(_ source: any BatchSource, teacher: Bool) throws -> Scores {
        try source.seek(epoch: 0, batches: 0)
        let feed = BatchFeed(
            Segment(
                source: source, phase: .joint, firstStep: 0, firstBatch: 0, epoch: 0, limit: .max,
                plan: { _ in StepPlan(lambda: 0, learningRate: 0) }, onStep: { _ in }, shouldStop: { false }))
        let scored = Mutex<[Int: (Targets, [Float], [Float]?)]>([:])
        let wantsTeacher = teacher && hasTeacher
        try pool.run { index in
            do {
                while let (number, batch) = try feed.next() {
                    let result = workers[index].predict(batch, teacher: wantsTeacher)
                    scored.withLock { $0[number] = (batch.targets, result.student, result.teacher) }
                }
            } catch {
                feed.stop()
                throw error
            }
        }
        return assemble(scored.withLock { $0 }, teacher: wantsTeacher)
    }

    private func assemble(_ batches: [Int: (Targets, [Float], [Float]?)], teacher: Bool) -> Scores {
        var scores = Scores()
        if teacher { scores.teacher = [] }
        for number in 0..<batches.count {
            guard let (targets, student, teacherScores) = batches[number] else { continue }
            scores.student += student
            if let teacherScores { scores.teacher?.append(contentsOf: teacherScores) }
            scores.labels += targets.labels.first ?? []
            scores.weights += targets.weights
            scores.requests += targets.requests
            scores.groups += targets.groups
        }
        return scores
    }
}
