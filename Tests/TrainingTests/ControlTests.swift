import Foundation
import Testing

@testable import Training

@Suite("Controls")
struct ControlTests {
    private func trained(_ folder: TemporaryFolder, _ overrides: [String], _ output: String) throws -> TinyRun {
        let run = try TinyRun(in: folder, overrides + ["distillation.manner=ind_sync"], output: output)
        try run.train()
        return run
    }

    @Test("self-distillation of pfd+md is md, bit for bit, and of pfd it is another teacher")
    func selfDistillation() throws {
        let folder = try TemporaryFolder()
        let md = try trained(folder, ["distillation.method=md"], "md")
        let control = try trained(
            folder, ["distillation.method=pfd+md", "distillation.control=self_distillation"], "control")
        expectSame(try md.result(), try control.result())
        let pfd = try trained(folder, ["distillation.method=pfd", "distillation.control=self_distillation"], "pfd")
        let names = try pfd.tensors().keys
        #expect(!names.contains { $0.contains("clicks") || $0.contains("dwell") }, "\(names.sorted())")
        // The teacher's network is the method's own: an inner product, not MD's MLP.
        #expect(Set(names) != Set(try md.tensors().keys))
    }

    @Test("permuted privileged features leave the student's start and lower the teacher, not to chance")
    func permuted() throws {
        let folder = try TemporaryFolder()
        let epochs = ["distillation.method=pfd", "training.epochs=8"]
        let own = try trained(folder, epochs, "own")
        let control = try trained(folder, epochs + ["distillation.control=permuted_privileged"], "control")
        let (a, b) = (try own.result().test, try control.result().test)
        let (ownTeacher, wrongTeacher) = (try #require(a?.teacher?[.auc]?.value), try #require(b?.teacher?[.auc]?.value))
        // The count of clicks gives the label away; permuted it gives nothing.
        #expect(ownTeacher > wrongTeacher + 0.1, "\(ownTeacher) and \(wrongTeacher)")
    }
}
