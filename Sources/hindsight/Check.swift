import ArgumentParser
import Logs
import Schema
import Training

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a run file and its logs without training, and print what would be trained.",
        discussion: """
            Everything that a run would refuse is refused here: unknown keys, missing columns, wrong types, bad \
            labels, a privileged feature where it would leak. Reads the training split once to learn the tables' \
            sizes; --no-logs only reads the run file.
            """)

    @OptionGroup var file: RunFileOptions

    @Flag(help: "Do not open the logs.")
    var noLogs = false

    func run() throws {
        try reportingFailures {
            let checked = try file.load()
            if noLogs {
                print(checked.plan())
            } else {
                let session = try RunSession(checked)
                let rows = try session.logs.rowCount(.train)
                warn(of: session.badRows)
                print(
                    checked.plan(
                        tableRows: session.encoder.tableRows, trainingRows: rows,
                        samplesPerRequest: try session.samplesPerRequest()))
            }
        }
    }
}
