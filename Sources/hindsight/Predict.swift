import ArgumentParser
import Foundation
import Logs
import TensorFiles
import Training

struct Predict: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Score logs with a trained run's student (and teacher) into a Parquet or CSV file.",
        discussion: """
            The logs need the regular features only: no label, and no privileged feature unless --teacher is given. \
            The file has one line a row of the logs, in their order: row (from 0), score, and teacher_score.
            """)

    @Argument(help: "The run's output folder.", completion: .directory)
    var folder: String

    @Option(help: "The logs to score: file, glob or folder.")
    var data: [String]

    @Option(help: "Where to write: .parquet, .csv (or - for CSV on standard output).")
    var out: String

    @Flag(help: "Score with the teacher too.")
    var teacher = false

    func validate() throws {
        guard out == "-" || out.hasSuffix(".csv") || out.hasSuffix(".parquet") else {
            throw ValidationError("--out: '\(out)' should end in .parquet or .csv, or be -")
        }
    }

    func run() throws {
        try reportingFailures {
            let session = try RunSession(folder: folder, data: data, reads: teacher ? .inputs : .regularInputs)
            let scores = try session.trainedEngine().score(session.ordered(.test), teacher: teacher)
            if teacher && scores.teacher == nil {
                throw ValidationError("--teacher: the run in \(folder) has no teacher")
            }
            if out.hasSuffix(".parquet") {
                try writeParquet(scores)
            } else {
                try writeCSV(scores)
            }
        }
    }

    private func writeParquet(_ scores: Scores) throws {
        let temporary = out + ".partial"
        defer { unlink(temporary) }
        let writer = try TableWriter(path: temporary)
        var columns: [(name: String, values: ColumnValues)] = [
            ("row", .int64(scores.student.indices.map { Int64($0) })), ("score", .float(scores.student)),
        ]
        if let teacher = scores.teacher { columns.append(("teacher_score", .float(teacher))) }
        try writer.write(columns)
        try writer.close()
        guard rename(temporary, out) == 0 else {
            throw LogsError(.writeFailed, file: out, detail: String(cString: strerror(errno)))
        }
    }

    private func writeCSV(_ scores: Scores) throws {
        var text = scores.teacher == nil ? "row,score\n" : "row,score,teacher_score\n"
        for row in scores.student.indices {
            text += "\(row),\(scores.student[row])"
            if let teacher = scores.teacher { text += ",\(teacher[row])" }
            text += "\n"
        }
        if out == "-" {
            FileHandle.standardOutput.write(Data(text.utf8))
        } else {
            try atomicWrite(text, to: out)
        }
    }
}
