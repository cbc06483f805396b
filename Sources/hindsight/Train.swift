import ArgumentParser
import Foundation
import Schema
import Training

struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train the student (and teacher) of a run file, with checkpoints and evaluation.",
        discussion: """
            Writes into the run's output folder: run.json, encoder.json, checkpoints/, metrics.json and TensorBoard \
            event files. Ctrl-C writes a checkpoint and leaves with code 130; --resume goes on from the newest \
            checkpoint, in synchronous mode bit for bit as if nothing had happened.

              hindsight train Examples/retail-ctr.yaml --set distillation.method=pfd+md --set training.workers=2
              tensorboard --logdir runs
            """)

    @OptionGroup var file: RunFileOptions
    @OptionGroup var outputOptions: OutputOptions

    @Flag(help: "Go on from the newest checkpoint in the output folder.")
    var resume = false

    func run() throws {
        try reportingFailures {
            let checked = try file.load()
            let console = Console(outputOptions)
            for warning in checked.warnings { console.warn(warning) }
            let session = try RunSession(checked, resume: resume, prepared: file.prepared)
            warn(of: session.badRows)
            if !resume { try session.prepareFolder() }
            let events = EventFile(folder: session.folder.path)
            let trainer = try session.trainer { event in
                console.show(event)
                events.record(event)
            }
            for warning in checked.warnings(totalSteps: trainer.totalSteps) { console.warn(warning) }
            let signals = StopSignals(trainer.stopFlag)
            defer { signals.cancel() }
            switch try trainer.train(resume: resume) {
            case .finished(let summary):
                console.show(summary, folder: session.folder.path)
            case .interrupted(let checkpoint):
                console.warn("interrupted; \(checkpoint) is written. Go on with: hindsight train \(file.runFile) --resume")
                throw Exit.interrupted
            }
        }
    }
}
