import Foundation
import Parameters
import TensorFiles
import Testing

@Suite struct CheckpointTests {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors").path

    func train(_ server: LocalParameterServer, steps: Range<Int>) {
        for step in steps {
            var random = SplitMix(state: UInt64(step))
            let rows = Array((0..<Int32(server.tables[0].rows)).shuffled(using: &random).prefix(50))
            server.push(rows, random.floats(50 * server.tables[0].dimension), learningRate: 0.05)
            server.pushDense(random.floats(server.denseCount), learningRate: 0.05)
        }
    }

    @Test(arguments: [SGD(), Adagrad(initialAccumulator: 0.1), RowWiseAdagrad(), Adam()] as [any Optimiser])
    func aRunContinuesBitForBit(optimiser: any Optimiser) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        func fresh(seed: UInt64) -> LocalParameterServer {
            server(rows: 3000, weights: 9000, statistics: 77, optimiser: optimiser, seed: seed, deviation: 0.1)
        }
        let whole = fresh(seed: 1)
        train(whole, steps: 0..<10)
        try whole.write(toFile: path, metadata: ["step": "10"])
        train(whole, steps: 10..<20)
        // Another seed, and values of its own, which must all be replaced.
        let resumed = fresh(seed: 2)
        train(resumed, steps: 90..<95)
        let file = try SafetensorsFile(path: path)
        #expect(file.metadata == ["step": "10"])
        try resumed.read(from: file)
        train(resumed, steps: 10..<20)
        #expect(bits(resumed.values()) == bits(whole.values()))
        #expect(bits(resumed.dense()) == bits(whole.dense()))
    }

    @Test func weightsAreReadableByName() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = LocalParameterServer(
            dense: [
                .init(name: "head/weight", offset: 16, rows: 2, columns: 3),
                .init(name: "head/mean", offset: 32, rows: 1, columns: 3, kind: .statistic),
            ], tables: [TableSpec(name: "item", rows: 4, dimension: 2)], optimiser: Adagrad(), seed: 1)
        server.setDense(from: (0..<35).map { Float($0) })
        try server.write(toFile: path)
        let file = try SafetensorsFile(path: path)
        #expect(
            Set(file.tensors.map(\.name)) == [
                "dense/head/weight", "dense/head/mean", "dense_state/adagrad_sum/head/weight", "dense_steps",
                "tables/item/values", "tables/item/adagrad_sum",
            ])
        #expect(file["dense/head/weight"]?.shape == [2, 3])
        #expect(Array(try file.floats("dense/head/weight")) == [16, 17, 18, 19, 20, 21])
        #expect(Array(try file.floats("tables/item/values")) == server.values())
    }

    @Test func aCheckpointOfAnotherRunIsRefusedAndChangesNothing() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try server(rows: 100, weights: 10, optimiser: Adagrad(), seed: 1, deviation: 1).write(toFile: path)
        let file = try SafetensorsFile(path: path)
        func refusal(_ other: LocalParameterServer) -> TensorFileError? {
            let before = bits(other.values())
            let error = #expect(throws: TensorFileError.self) { try other.read(from: file) }
            #expect(bits(other.values()) == before)
            return error
        }
        #expect(
            refusal(server(rows: 99, weights: 10, optimiser: Adagrad(), deviation: 1))
                == TensorFileError(.mismatch, file: path, tensor: "tables/t/values", expected: "F32 [99, 8]", found: "F32 [100, 8]"))
        #expect(refusal(server(rows: 100, weights: 11, optimiser: Adagrad()))?.tensor == "dense/w")
        #expect(refusal(server(rows: 100, weights: 10, optimiser: Adam()))?.tensor == "dense_state/adam_mean/w")
        // SGD knows all its tensors, but the file has a state that nobody would continue.
        #expect(refusal(server(rows: 100, weights: 10, optimiser: SGD()))?.problem == .unexpectedTensor)
    }

    @Test func tensorsOfOthersMayLieBeside() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let first = server(deviation: 1)
        let writer = try SafetensorsWriter(
            path: path, tensors: first.tensors + [.init(name: "reader/position", elementType: .int64, shape: [1])])
        try first.write(to: writer)
        try writer.write("reader/position", [42] as [Int64])
        try writer.finish()
        let second = server(seed: 99, deviation: 1)
        let file = try SafetensorsFile(path: path)
        try second.read(from: file)
        #expect(second.values() == first.values())
        #expect(try file.array("reader/position", as: Int64.self) == [42])
    }

    @Test func writingWhileWorkersPushIsSafe() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = server(rows: 2000, optimiser: Adagrad(), deviation: 1)
        let path = path
        DispatchQueue.concurrentPerform(iterations: 3) { worker in
            if worker == 0 {
                for _ in 0..<5 { #expect(throws: Never.self) { try server.write(toFile: path) } }
            } else {
                train(server, steps: worker * 100..<worker * 100 + 50)
            }
        }
        try server.read(from: SafetensorsFile(path: path))
    }
}
