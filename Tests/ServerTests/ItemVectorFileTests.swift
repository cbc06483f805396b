import Foundation
import ModelPackage
import Testing

@testable import Serving

/// Item vectors for FAISS, Milvus and the like, read by the libraries that such users have.
@Suite struct ItemVectorFileTests {
    @Test func numPyAndParquetHoldTheVectorsThatAreServed() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vectors-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // Names of several lengths and alphabets, and one that NumPy could cut.
        let ids = ["item 1", "größer", "商品", "😀", "a much longer name than the others"]
        let items = folder.appendingPathComponent("items.jsonl").path
        let lines = ids.enumerated().map { #"{"item_id": "\#($1)", "price": \#($0), "tags": ["t\#($0)"]}"# }
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: items))
        let package = try Models.ctr.get().package
        let said = try Program.run(
            ["index", package.path, "--items", items, "--out", "served", "--numpy", "vectors.npy", "--parquet", "vectors.parquet"],
            in: folder.path)
        #expect(said.code == 0, "\(said.err)")

        let script = """
            import json, sys, numpy as np, pyarrow.parquet as parquet
            vectors, ids = np.load("vectors.npy", allow_pickle=False), np.load("vectors.ids.npy", allow_pickle=False)
            assert vectors.dtype == np.float32 and vectors.flags["C_CONTIGUOUS"], vectors.dtype
            table = parquet.read_table("vectors.parquet")
            rows = np.array(table.column("vector").to_pylist(), dtype=np.float32)
            assert np.array_equal(rows, vectors) and table.column("id").to_pylist() == ids.tolist()
            assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
            print(json.dumps({"ids": ids.tolist(), "bits": vectors.view(np.uint32).ravel().tolist()}))
            """
        let read = try runTool(["env", "-C", folder.path, python, "-c", script])
        let found = try #require(try JSONSerialization.jsonObject(with: Data(read.utf8)) as? [String: Any], "\(read)")
        let served = try ServedDirectory(path: folder.appendingPathComponent("served").path)
        let file = try #require(served.items)
        #expect(found["ids"] as? [String] == ids && file.allIds == ids)
        #expect(found["bits"] as? [Int] == file.vectors.map { Int($0.bitPattern) })
    }
}
