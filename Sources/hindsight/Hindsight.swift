import ArgumentParser

@main
struct Hindsight: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hindsight",
        abstract: "Train rankers with what you only learn afterwards, serve them with what you know now.",
        discussion: """
            A run file (YAML) names the logs, says of each feature whether it is known when serving or only \
            afterwards (privileged), and picks a method. Start with:

              hindsight check RUN.yaml        what would be trained, and what is wrong with the file
              hindsight train RUN.yaml        train, evaluate, write runs/<name>/
              hindsight compare RUN.yaml      baseline against every method, with intervals

            Any key of the run file can be set from the command line: --set distillation.method=pfd

            Exit codes: 0 done; 64 the command line is wrong; 65 the run file (or a --set) or the logs are wrong; 66 \
            a file is missing; 70 it had to stop (NaN, a damaged checkpoint, a full disk); 130 interrupted, after a checkpoint.
            """,
        subcommands: [
            Check.self, Prepare.self, Train.self, Evaluate.self, Predict.self, Compare.self, Demo.self, Export.self, Index.self, Parity.self, Serve.self,
            Simulate.self, RegretCommand.self, AB.self,
            StudyCommand.self, ReportCommand.self,
        ])
}
