import Evaluation
import Foundation
import TensorFiles
import Training

/// Predictions of one run on the compared split, kept beside its checkpoints so that runs can be paired sample by
/// sample: `scores.safetensors`.
struct RunScores: Sendable {
    static let name = "scores.safetensors"
    var student: [Float]
    var teacher: [Float]?

    init(student: [Float], teacher: [Float]?) {
        self.student = student
        self.teacher = teacher
    }

    init(_ scores: Scores) { self.init(student: scores.student, teacher: scores.teacher) }

    /// nil when there are none of this run.
    init?(folder: String, runHash: String, split: String) {
        let path = "\(folder)/\(Self.name)"
        guard FileManager.default.fileExists(atPath: path), let file = try? SafetensorsFile(path: path),
            file.metadata["run"] == runHash, file.metadata["split"] == split,
            let student = try? file.array("student", as: Float.self)
        else { return nil }
        self.student = student
        teacher = try? file.array("teacher", as: Float.self)
    }

    func write(folder: String, runHash: String, split: String) throws {
        var tensors = [TensorDescription(name: "student", elementType: .float32, shape: [student.count])]
        if let teacher {
            tensors.append(TensorDescription(name: "teacher", elementType: .float32, shape: [teacher.count]))
        }
        let writer = try SafetensorsWriter(
            path: "\(folder)/\(Self.name)", tensors: tensors,
            metadata: ["format": "hindsight-scores", "run": runHash, "split": split])
        try writer.write("student", student)
        if let teacher { try writer.write("teacher", teacher) }
        try writer.finish()
    }
}

/// A run that is done, with all that reports are made from.
struct FinishedRun: Sendable {
    let arm: Arm
    let seed: UInt64
    let folder: String
    let runHash: String
    let summary: RunSummary
    let scores: RunScores
    let student: ResampledScores
    let teacher: ResampledScores?
}
