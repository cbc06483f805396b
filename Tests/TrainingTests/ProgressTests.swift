import Foundation
import Testing

@testable import Training

@Suite("Progress")
struct ProgressTests {
    /// What was written, and the time it is.
    final class Screen {
        var text = ""
        var now = 0.0
        var columns = 200

        func takeText() -> String {
            defer { text = "" }
            return text
        }
    }

    static let middle = TrainingProgress(
        phase: "train", epoch: 2, step: 4500, totalSteps: 10_000, samples: 576_000, samplesPerSecond: 12_345,
        studentLoss: 0.12344, teacherLoss: 0.112, distillationLoss: 0.5, studentAUC: 0.68214, teacherAUC: 0.7,
        learningRate: 0.01, lambda: 0.5)

    static func at(_ step: Int, of total: Int? = 100, phase: String = "train") -> TrainingProgress {
        TrainingProgress(
            phase: phase, epoch: 1, step: step, totalSteps: total, samples: step * 10, samplesPerSecond: 100,
            studentLoss: 0.5, learningRate: 0.01, lambda: 0)
    }

    private func terminal(_ screen: Screen) -> TerminalProgress {
        TerminalProgress(
            width: { screen.columns }, seconds: { screen.now }, write: { screen.text += $0 })
    }

    // MARK: Terminal

    @Test("The terminal line tells all when there is room")
    func wideLine() {
        #expect(
            TerminalProgress.line(for: Self.middle, columns: 199) == """
                train 2  [#############-----------------]   45 %  4500/10000  12.3k samples/s  ETA 0:57  \
                loss 0.1234  teacher 0.1120  AUC 0.6821  teacher 0.7000
                """)
    }

    @Test("A narrow terminal loses the bar first, then what matters least")
    func narrowLine() {
        let expected = [
            79: "train 2   45 %  4500/10000  12.3k samples/s  ETA 0:57  loss 0.1234  AUC 0.6821",
            60: "train 2   45 %  12.3k samples/s  ETA 0:57  loss 0.1234",
            40: "train 2   45 %  ETA 0:57  loss 0.1234",
            15: "train 2   45 %",
            3: "tra",
            0: "",
        ]
        for (columns, line) in expected {
            #expect(TerminalProgress.line(for: Self.middle, columns: columns) == line)
        }
    }

    @Test("No line is wider than it may be")
    func neverTooWide() {
        for columns in 0...140 {
            #expect(TerminalProgress.line(for: Self.middle, columns: columns).count <= columns)
            #expect(TerminalProgress.line(for: Self.at(3, of: nil), columns: columns).count <= columns)
        }
    }

    @Test("A stream of unknown length has no bar, no share and no ETA")
    func unknownLength() {
        #expect(
            TerminalProgress.line(for: Self.at(7, of: nil), columns: 120)
                == "train 1  step 7  100.0 samples/s  loss 0.5000")
    }

    @Test("The line is redrawn in place, ten times a second at most")
    func rateLimit() {
        let screen = Screen()
        var progress = terminal(screen)
        screen.columns = 60
        var draws = 0
        for step in 0..<1000 {
            screen.now = Double(step) * 0.001
            progress.report(Self.at(step, of: 100_000))
            let text = screen.takeText()
            if !text.isEmpty {
                draws += 1
                #expect(text.hasPrefix("\rtrain 1") && text.hasSuffix("\u{1B}[K"))
                #expect(!text.contains("\n"))
            }
        }
        #expect(draws == 10)
    }

    @Test("The last step shows at once, and finishing ends the line")
    func lastStep() {
        let screen = Screen()
        screen.columns = 47
        var progress = terminal(screen)
        progress.report(Self.at(1))
        _ = screen.takeText()
        progress.report(Self.at(99))
        #expect(screen.takeText() == "")
        progress.report(Self.at(100))
        #expect(screen.takeText() == "\rtrain 1  100 %  ETA 0:00  loss 0.5000\u{1B}[K")
        progress.finish()
        #expect(screen.takeText() == "\n")
        progress.finish()
        #expect(screen.takeText() == "")
    }

    @Test("A held-back report shows when the run ends, and a new phase starts a new line")
    func phases() {
        let screen = Screen()
        screen.columns = 12
        var progress = terminal(screen)
        progress.report(Self.at(1))
        progress.report(Self.at(50))
        progress.report(Self.at(1, phase: "evaluate"))
        #expect(
            screen.takeText()
                == "\rtrain 1\u{1B}[K\rtrain 1\u{1B}[K\n\revaluate 1\u{1B}[K")
        progress.note("a warning")
        #expect(screen.takeText() == "\r\u{1B}[Ka warning\n\revaluate 1\u{1B}[K")
    }

    // MARK: Plain

    @Test("Plain lines come every five seconds or five per cent, and at both ends")
    func plainLines() {
        let screen = Screen()
        var progress = PlainProgress(seconds: { screen.now }, write: { screen.text += $0 })
        var shown: [Int] = []
        for step in 1...100 {
            screen.now += step <= 20 ? 2 : 0
            progress.report(Self.at(step))
            if !screen.takeText().isEmpty { shown.append(step) }
        }
        #expect(shown == [1, 4, 7, 10, 13, 16, 19] + stride(from: 24, through: 99, by: 5) + [100])
        progress.finish()
        #expect(screen.takeText() == "")
    }

    @Test("A plain line says everything in words")
    func plainLine() {
        #expect(
            PlainProgress.line(for: Self.middle) == """
                train epoch 2  step 4500/10000 (45 %)  576000 samples  12.3k samples/s  ETA 0:57  loss 0.1234  \
                teacher loss 0.1120  distillation loss 0.5000  AUC 0.6821  teacher AUC 0.7000  lr 0.01  lambda 0.5
                """)
        #expect(
            PlainProgress.line(for: Self.at(3, of: nil))
                == "train epoch 1  step 3  30 samples  100.0 samples/s  loss 0.5000  lr 0.01")
    }

    // MARK: JSON

    @Test("A JSON line has all documented keys in order, null where unknown")
    func jsonLine() throws {
        #expect(
            JSONProgress.line(for: Self.middle) == """
                {"event":"progress","phase":"train","epoch":2,"step":4500,"total_steps":10000,"samples":576000,\
                "samples_per_second":12345.0,"seconds_left":57.02713649250709,"student_loss":0.12344,\
                "teacher_loss":0.112,"distillation_loss":0.5,"student_auc":0.68214,"teacher_auc":0.7,\
                "learning_rate":0.01,"lambda":0.5}
                """)
        var broken = Self.at(3, of: nil)
        broken.studentLoss = .nan
        broken.phase = "a \"b\"\n/c"
        let line = JSONProgress.line(for: broken)
        #expect(
            line.hasPrefix(
                #"{"event":"progress","phase":"a \"b\"\n/c","epoch":1,"step":3,"total_steps":null,"#))
        #expect(line.contains(#""student_loss":null,"teacher_loss":null"#))
        _ = try JSONSerialization.jsonObject(with: Data(line.utf8))
    }

    @Test("JSON events are limited to one a second, but a phase's first and last step always come")
    func jsonEvents() {
        let screen = Screen()
        var progress = JSONProgress(seconds: { screen.now }, write: { screen.text += $0 })
        for step in 1...100 {
            progress.report(Self.at(step))
            screen.now += 1.0 / 16
        }
        progress.report(Self.at(1, of: 9, phase: "evaluate"))
        progress.report(Self.at(2, of: 9, phase: "evaluate"))
        progress.note("saved to /a")
        progress.finish()
        let lines = screen.takeText().split(separator: "\n").map(String.init)
        let steps = lines.compactMap { line in
            line.split(separator: ",").first { $0.hasPrefix("\"step\"") }.map { Int($0.dropFirst(7))! }
        }
        #expect(steps == [1, 17, 33, 49, 65, 81, 97, 100, 1, 2])
        #expect(lines.suffix(1) == [#"{"event":"finish"}"#])
        #expect(lines.contains(#"{"event":"note","message":"saved to /a"}"#))
    }

    // MARK: Words and choices

    @Test("Times and rates read as people write them")
    func words() {
        let times: [(Double, String)] = [
            (0, "0:00"), (5.4, "0:05"), (59.7, "1:00"), (3_599, "59:59"), (3_723, "1:02:03"),
            (183_840, "2d 03:04"),
            (.infinity, "?"), (.nan, "?"), (1e300, "?"),
        ]
        for (seconds, text) in times { #expect(ProgressText.duration(seconds: seconds) == text) }
        let rates: [(Double, String)] = [
            (0, "0.0"), (999.9, "999.9"), (999.96, "1.0k"), (12_345, "12.3k"), (999_951, "1.0M"),
            (2.5e6, "2.5M"),
        ]
        for (rate, text) in rates { #expect(ProgressText.rate(rate) == text + " samples/s") }
        #expect(ProgressText.percent(0.9999) == " 99 %")
        #expect(ProgressText.bar(0.5, cells: 8) == "[####----]")
        #expect(ProgressText.number(.nan) == "nan")
    }

    @Test("The style follows the flag, then the terminal")
    func styles() {
        #expect(ProgressStyle.detect(wantsJSON: true, isTerminal: true, environment: [:]) == .json)
        #expect(
            ProgressStyle.detect(wantsJSON: false, isTerminal: true, environment: ["TERM": "xterm"])
                == .terminal)
        #expect(
            ProgressStyle.detect(wantsJSON: false, isTerminal: true, environment: ["TERM": "dumb"]) == .plain)
        #expect(ProgressStyle.detect(wantsJSON: false, isTerminal: false, environment: [:]) == .plain)
    }
}
