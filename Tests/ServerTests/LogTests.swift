import Foundation
import Testing

@testable import Server

@Suite struct LogTests {
    @Test func soManyLinesASecondAreLetThroughAndTheRestIsCounted() {
        let allowance = LineAllowance(perSecond: 3)
        let start = ContinuousClock.now
        let taken = (0..<10).map { allowance.take(at: start + .milliseconds(50 * $0)) }
        #expect(taken == [true, true, true] + Array(repeating: false, count: 7))
        // The second is not over.
        #expect(allowance.heldBack(at: start + .milliseconds(900)) == 0)
        #expect(allowance.heldBack(at: start + .milliseconds(1_000)) == 7)
        // Told once.
        #expect(allowance.heldBack(at: start + .milliseconds(1_000)) == 0)
        #expect(allowance.take(at: start + .milliseconds(1_100)))
        for _ in 0..<4 { _ = allowance.take(at: start + .milliseconds(1_200)) }
        #expect(allowance.heldBack(at: start + .milliseconds(1_300), isEnd: true) == 2)
    }

    private func lines(_ body: (AccessLog) -> Void) -> [[String: Any]] {
        let pipe = Pipe()
        body(AccessLog(sink: LogSink(descriptor: pipe.fileHandleForWriting.fileDescriptor), requests: .all))
        try? pipe.fileHandleForWriting.close()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        return text.split(separator: "\n").compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    }

    private func entry(_ number: Int, _ status: Int, _ code: APIError.Code?) -> AccessLog.Entry {
        AccessLog.Entry(
            requestID: "r-\(number)", method: "POST", path: "/v1/rank", status: status, milliseconds: 1, bytes: 2, code: code)
    }

    @Test func aFloodOfShedRequestsIsSummedUpAndOthersKeepTheirLines() {
        let lines = lines { log in
            for number in 0..<250 {
                log.write(entry(number, 429, .overloaded))
                if number % 25 == 0 { log.write(entry(1_000 + number, 200, nil)) }
            }
            log.write(entry(2_000, 400, .badJSON))
            log.end()
        }
        #expect(lines.filter { $0["status"] as? Int == 200 }.count == 10)
        #expect(lines.contains { $0["request_id"] as? String == "r-2000" && $0["code"] as? String == "bad_json" })
        let shed = lines.filter { $0["status"] as? Int == 429 }.count
        let summed = lines.compactMap { $0["requests"] as? Int }.reduce(0, +)
        #expect(shed >= AccessLog.shedLinesPerSecond && shed + summed == 250, "\(shed) lines, \(summed) summed up")
        #expect(shed < 250)
    }
}
