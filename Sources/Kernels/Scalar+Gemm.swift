import CDNNL
import CKernels

extension Float {
    public static func gemm(
        _ a: Matrix<Float>, transposed ta: Bool, _ b: Matrix<Float>, transposed tb: Bool, into c: Matrix<Float>,
        alpha: Float, beta: Float
    ) {
        let (m, n, k) = Shapes.gemm(a, ta, b, tb, c)
        if Processor.hasAVX512, alpha == 1, beta == 0 || beta == 1 {
            hs_multiply_f32(
                m, n, k, a.base, a.stride, ta ? 1 : 0, b.base, b.stride, tb ? 1 : 0, beta == 1 ? 1 : 0, c.base, c.stride)
        } else {
            OneDNN.gemm(a, transposed: ta, b, transposed: tb, into: c, alpha: alpha, beta: beta)
        }
    }
}

/// oneDNN's product, at one thread a worker: for processors without AVX-512, and what the benchmark holds ours
/// against. The first call of a process pays for code generation.
public enum OneDNN {
    public static func gemm(
        _ a: Matrix<Float>, transposed ta: Bool, _ b: Matrix<Float>, transposed tb: Bool, into c: Matrix<Float>,
        alpha: Float, beta: Float
    ) {
        let (m, n, k) = Shapes.gemm(a, ta, b, tb, c)
        guard m > 0 && n > 0 else { return }
        guard k > 0 else { return hs_scale_f32(beta, c.base, m, n, c.stride) }
        hs_use_one_thread_per_worker()
        let status = dnnl_sgemm(
            transposeFlag(ta), transposeFlag(tb), Int64(m), Int64(n), Int64(k), alpha, a.base, leading(a), b.base,
            leading(b), beta,
            c.base, leading(c))
        precondition(
            status == dnnl_success, "gemm: oneDNN status \(status.rawValue) for [\(m), \(k)] x [\(k), \(n)]")
    }
}

extension Double {
    public static func gemm(
        _ a: Matrix<Double>, transposed ta: Bool, _ b: Matrix<Double>, transposed tb: Bool, into c: Matrix<Double>,
        alpha: Double, beta: Double
    ) {
        let (m, n, k) = Shapes.gemm(a, ta, b, tb, c)
        hs_gemm_f64(m, n, k, alpha, a.base, a.stride, ta ? 1 : 0, b.base, b.stride, tb ? 1 : 0, beta, c.base, c.stride)
    }
}

private func transposeFlag(_ transposed: Bool) -> CChar { CChar(UInt8(ascii: transposed ? "T" : "N")) }
/// oneDNN refuses a leading dimension below the row length, also where only one row is there to see.
private func leading(_ x: Matrix<Float>) -> Int64 { Int64(max(1, x.stride)) }
