import Kernels
import Testing

@Suite("Workers")
struct ThreadTests {
    @Test("Kernels on several threads at once give what one thread gives")
    func reentrant() async {
        let sums = await withTaskGroup(of: Float.self, returning: [Float].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var random = SplitMix(state: 19)
                    let qkv = Twins(100, 3 * 64) { random.value() }
                    let out = Twins(100, 64) { 0 }
                    let lse = Twins(100, 2, gap: 0) { 0 }
                    let product = Twins(100, 100) { 0 }
                    for _ in 0..<20 {
                        Float.attention(
                            qkv: qkv.float, offsets: [0, 30, 100], requests: 2, heads: 2, headDimension: 32,
                            into: out.float, logSumExp: lse.f)
                        Float.gemm(
                            out.float, transposed: false, out.float, transposed: true, into: product.float, alpha: 1,
                            beta: 0)
                    }
                    return (0..<100).reduce(0) { $0 + product.float[$1, $1] }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(sums).count == 1)
    }
}
