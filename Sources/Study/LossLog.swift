import Foundation
import Training

/// Losses of every step of a run: `losses.f32`, three little-endian floats a step (student, teacher, distillation;
/// NaN where there is none).
///
/// Step n is always at the same place in the file, so that a run which was killed and goes on from a checkpoint writes
/// the steps after it again over themselves: the file ends with the same bytes.
final class LossLog {
    static let name = "losses.f32"
    private static let valuesPerStep = 3
    private let descriptor: Int32

    init(folder: String, startOver: Bool) throws {
        let path = "\(folder)/\(Self.name)"
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (startOver ? O_TRUNC : 0), 0o644)
        guard descriptor >= 0 else { throw StudyError(.output, path, String(cString: strerror(errno))) }
    }

    deinit { close(descriptor) }

    /// Written at once: what a checkpoint follows must be in the file before the checkpoint is.
    func record(_ progress: TrainingProgress) {
        let student = progress.phase == "train teacher" ? .nan : progress.studentLoss
        let values = [student, progress.teacherLoss ?? .nan, progress.distillationLoss ?? .nan]
            .map { Float($0).bitPattern.littleEndian }
        let offset = (progress.step - 1) * Self.valuesPerStep * MemoryLayout<UInt32>.size
        values.withUnsafeBytes { bytes in
            // A curve is not worth a run: on a full disk the checkpoint will say so.
            _ = pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset))
        }
    }

    /// Means of the student's, the teacher's and the distillation loss over `points` equal stretches of the run.
    static func curve(folder: String, points: Int) -> [LossPoint] {
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { return [] }
        let values = data.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map {
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
        let steps = values.count / valuesPerStep
        guard steps > 0 else { return [] }
        let points = min(points, steps)
        return (0..<points).map { point in
            let range = steps * point / points..<steps * (point + 1) / points
            func mean(_ column: Int) -> Double? {
                let known = range.map { Double(values[$0 * valuesPerStep + column]) }.filter { !$0.isNaN }
                return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
            }
            return LossPoint(step: range.upperBound, student: mean(0), teacher: mean(1), distillation: mean(2))
        }
    }
}

/// Mean training losses of a stretch of steps that ends at `step`.
public struct LossPoint: Sendable, Codable, Equatable {
    public var step: Int
    public var student: Double?
    public var teacher: Double?
    public var distillation: Double?
}
