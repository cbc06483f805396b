import Dispatch
import Synchronization
import Testing

@testable import Server

@Suite struct PoolTests {
    private static let later = ContinuousClock.now + .seconds(600)

    private final class Box<Value: Sendable>: Sendable {
        private let value: Mutex<Value>
        init(_ value: Value) { self.value = Mutex(value) }
        func change(_ body: (inout Value) -> Void) { value.withLock { body(&$0) } }
        var now: Value { value.withLock { $0 } }
    }

    /// A door that jobs wait at.
    private final class Door: Sendable {
        let semaphore = DispatchSemaphore(value: 0)
        func open(_ times: Int) { for _ in 0..<times { semaphore.signal() } }
    }

    @Test func whatDoesNotFitIsRefusedAtOnceAndTheRestIsDone() async throws {
        let pool = ScoringPool(workers: 2, queueLimit: 3)
        defer { pool.stop() }
        let door = Door()
        let done = Box(0)
        let outcomes = await withTaskGroup(of: String.self) { group in
            for _ in 0..<5 {
                group.addTask {
                    let result = try? await pool.run(before: Self.later) {
                        door.semaphore.wait()
                        done.change { $0 += 1 }
                        return true
                    }
                    return result == true ? "done" : "refused"
                }
            }
            while pool.load.running + pool.load.waiting < 5 { await Task.yield() }
            #expect(pool.isFull)
            for _ in 0..<4 {
                do {
                    _ = try await pool.run(before: Self.later) { true }
                    Issue.record("one too many was let in")
                } catch let error as APIError {
                    #expect(error.code == .overloaded && error.code.retryAfterSeconds == 1)
                } catch {
                    Issue.record(error)
                }
            }
            door.open(5)
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.allSatisfy { $0 == "done" } && done.now == 5)
        #expect(try await pool.run(before: Self.later) { 7 } == 7)
    }

    @Test func workWhoseTimeIsOverIsNotBegun() async throws {
        let pool = ScoringPool(workers: 1, queueLimit: 1)
        defer { pool.stop() }
        let begun = Box(false)
        do {
            try await pool.run(before: .now - .milliseconds(1)) { begun.change { $0 = true } }
            Issue.record("late work was done")
        } catch let error as APIError {
            #expect(error.code == .deadline && error.code.status == 503)
        }
        #expect(!begun.now)
    }

    @Test func errorsOfTheWorkComeBack() async throws {
        struct Oops: Error {}
        let pool = ScoringPool(workers: 1, queueLimit: 1)
        defer { pool.stop() }
        await #expect(throws: Oops.self) { try await pool.run(before: Self.later) { throw Oops() } }
    }

    @Test func jobsAreTakenInTheOrderTheyCame() async throws {
        let pool = ScoringPool(workers: 1, queueLimit: 20)
        defer { pool.stop() }
        let door = Door()
        let order = Box<[Int]>([])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await pool.run(before: Self.later) { door.semaphore.wait() } }
            while pool.load.running == 0 { await Task.yield() }
            for i in 0..<20 {
                group.addTask { try? await pool.run(before: Self.later) { order.change { $0.append(i) } } }
                while pool.load.waiting <= i { await Task.yield() }
            }
            door.open(1)
        }
        #expect(order.now == Array(0..<20))
    }

    @Test func aStoppedPoolFinishesWhatItHasAndTakesNoMore() async throws {
        let pool = ScoringPool(workers: 1, queueLimit: 4)
        let door = Door()
        async let first = pool.run(before: Self.later) { () -> Int in
            door.semaphore.wait()
            return 1
        }
        while pool.load.running == 0 { await Task.yield() }
        pool.stop()
        await #expect(throws: APIError.self) { try await pool.run(before: Self.later) { 2 } }
        door.open(1)
        #expect(try await first == 1)
    }
}
