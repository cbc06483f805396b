// Layer norm of float32 in AVX-512, for rows of up to 128: a row stays in registers from its sum to its output.
#include <math.h>

#include "avx512.h"
#include "include/layernorm.h"
#include "include/product.h"

#ifdef HS_AVX512
#define MOST 8

/// What does not change from row to row of 16 (V - 1) + 1 to 16 V columns.
typedef struct {
    long columns;
    __mmask16 last;
    const float *gamma, *beta;
} hs_norm;

AVX512_INLINE __mmask16 lanes_of(const hs_norm *norm, const int V, int v) { return v == V - 1 ? norm->last : 0xffff; }

AVX512_INLINE float sum_of_vectors(const int V, const __m512 *x) {
    __m512 total = x[0];
    UNROLL for (int v = 1; v < V; v++) total = _mm512_add_ps(total, x[v]);
    return _mm512_reduce_add_ps(total);
}

// z is zero beyond the columns, and so is what is left of it when its mean is taken away.
AVX512_INLINE void forward_row(const int V, const hs_norm *norm, __m512 *z, float epsilon, float *y, float *mean,
                               float *rstd) {
    const float m = sum_of_vectors(V, z) / (float)norm->columns;
    __m512 squares[MOST];
    UNROLL for (int v = 0; v < V; v++) {
        z[v] = _mm512_maskz_sub_ps(lanes_of(norm, V, v), z[v], _mm512_set1_ps(m));
        squares[v] = _mm512_mul_ps(z[v], z[v]);
    }
    const float s = 1 / sqrtf(sum_of_vectors(V, squares) / (float)norm->columns + epsilon);
    UNROLL for (int v = 0; v < V; v++) {
        const __mmask16 there = lanes_of(norm, V, v);
        __m512 gamma = _mm512_maskz_loadu_ps(there, norm->gamma + 16 * v);
        __m512 beta = _mm512_maskz_loadu_ps(there, norm->beta + 16 * v);
        __m512 to = _mm512_fmadd_ps(gamma, _mm512_mul_ps(z[v], _mm512_set1_ps(s)), beta);
        _mm512_mask_storeu_ps(y + 16 * v, there, to);
    }
    *mean = m;
    *rstd = s;
}

AVX512_INLINE void forward(const int V, const hs_norm *norm, const float *x, long xstride, const float *residual,
                           long rstride, long rows, float epsilon, float *sum, long sumstride, float *y, long ystride,
                           float *mean, float *rstd) {
    for (long r = 0; r < rows; r++) {
        __m512 z[MOST];
        UNROLL for (int v = 0; v < V; v++) {
            const __mmask16 there = lanes_of(norm, V, v);
            z[v] = _mm512_maskz_loadu_ps(there, x + r * xstride + 16 * v);
            if (residual) z[v] = _mm512_add_ps(z[v], _mm512_maskz_loadu_ps(there, residual + r * rstride + 16 * v));
            if (residual || sum != x) _mm512_mask_storeu_ps(sum + r * sumstride + 16 * v, there, z[v]);
        }
        forward_row(V, norm, z, epsilon, y + r * ystride, mean + r, rstd + r);
    }
}

AVX512_INLINE void add_to_doubles(double *total, __m512 part) {
    __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(part));
    __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(part, 1));
    _mm512_storeu_pd(total, _mm512_add_pd(_mm512_loadu_pd(total), low));
    _mm512_storeu_pd(total + 8, _mm512_add_pd(_mm512_loadu_pd(total + 8), high));
}

AVX512_INLINE void backward(const int V, const hs_norm *norm, const float *sum, long sumstride, const float *dy,
                            long dystride, long rows, const float *mean, const float *rstd, float *dgamma, float *dbeta,
                            float *dsum, long dsumstride) {
    const __m512 over = _mm512_set1_ps(1 / (float)norm->columns);
    double total1[16 * MOST] = {0}, total2[16 * MOST] = {0};
    __m512 gamma[MOST];
    UNROLL for (int v = 0; v < V; v++) gamma[v] = _mm512_maskz_loadu_ps(lanes_of(norm, V, v), norm->gamma + 16 * v);
    for (long r0 = 0; r0 < rows; r0 += 8) {
        const long end = rows - r0 < 8 ? rows : r0 + 8;
        __m512 part1[MOST], part2[MOST];
        UNROLL for (int v = 0; v < V; v++) part1[v] = part2[v] = _mm512_setzero_ps();
        for (long r = r0; r < end; r++) {
            const __m512 s = _mm512_set1_ps(rstd[r]);
            __m512 centred[MOST], scaled[MOST], both[MOST];
            UNROLL for (int v = 0; v < V; v++) {
                const __mmask16 there = lanes_of(norm, V, v);
                // What forward kept has left the caches meanwhile.
                _mm_prefetch((const char *)(sum + (r + 12) * sumstride + 16 * v), _MM_HINT_T0);
                __m512 g = _mm512_maskz_loadu_ps(there, dy + r * dystride + 16 * v);
                __m512 z = _mm512_maskz_loadu_ps(there, sum + r * sumstride + 16 * v);
                centred[v] = _mm512_maskz_sub_ps(there, z, _mm512_set1_ps(mean[r]));
                scaled[v] = _mm512_mul_ps(g, gamma[v]);
                both[v] = _mm512_mul_ps(scaled[v], centred[v]);
                part1[v] = _mm512_add_ps(part1[v], g);
                part2[v] = _mm512_fmadd_ps(g, _mm512_mul_ps(centred[v], s), part2[v]);
            }
            const __m512 mean1 = _mm512_mul_ps(_mm512_set1_ps(sum_of_vectors(V, scaled)), over);
            // Times xhat's rstd twice: once in the sum, once below.
            const __m512 mean2 = _mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(sum_of_vectors(V, both)), over),
                                               _mm512_mul_ps(s, s));
            UNROLL for (int v = 0; v < V; v++) {
                __m512 to = _mm512_fnmadd_ps(centred[v], mean2, _mm512_sub_ps(scaled[v], mean1));
                _mm512_mask_storeu_ps(dsum + r * dsumstride + 16 * v, lanes_of(norm, V, v), _mm512_mul_ps(s, to));
            }
        }
        UNROLL for (int v = 0; v < V; v++) {
            add_to_doubles(total1 + 16 * v, part1[v]);
            add_to_doubles(total2 + 16 * v, part2[v]);
        }
    }
    for (long c = 0; c < norm->columns; c++) {
        dbeta[c] += (float)total1[c];
        dgamma[c] += (float)total2[c];
    }
}

static hs_norm norm_of(long columns, const float *gamma, const float *beta) {
    return (hs_norm){.columns = columns,
                     .last = FIRST_LANES(columns - (columns - 1) / 16 * 16),
                     .gamma = gamma,
                     .beta = beta};
}

#define FOR_VECTORS(CASE) \
    switch ((columns + 15) / 16) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) }

static AVX512 void layer_norm(const float *x, long xstride, const float *residual, long rstride, long rows, long columns,
                              const float *gamma, const float *beta, float epsilon, float *sum, long sumstride, float *y,
                              long ystride, float *mean, float *rstd) {
    const hs_norm norm = norm_of(columns, gamma, beta);
#define CASE(V)                                                                                                      \
    case V: return forward(V, &norm, x, xstride, residual, rstride, rows, epsilon, sum, sumstride, y, ystride, mean, \
                           rstd);
    FOR_VECTORS(CASE)
#undef CASE
}

static AVX512 void layer_norm_backward(const float *sum, long sumstride, const float *dy, long dystride, long rows,
                                       long columns, const float *gamma, const float *mean, const float *rstd,
                                       float *dgamma, float *dbeta, float *dsum, long dsumstride) {
    const hs_norm norm = norm_of(columns, gamma, 0);
#define CASE(V)                                                                                                       \
    case V: return backward(V, &norm, sum, sumstride, dy, dystride, rows, mean, rstd, dgamma, dbeta, dsum, dsumstride);
    FOR_VECTORS(CASE)
#undef CASE
}

static int fits(long columns) { return columns > 0 && columns <= 16 * MOST && hs_has_avx512(); }
#endif

void hs_layer_norm_f32(const float *x, long xstride, const float *residual, long rstride, long rows, long columns,
                       const float *gamma, const float *beta, float epsilon, float *sum, long sumstride, float *y,
                       long ystride, float *mean, float *rstd) {
#ifdef HS_AVX512
    if (fits(columns))
        return layer_norm(x, xstride, residual, rstride, rows, columns, gamma, beta, epsilon, sum, sumstride, y, ystride,
                          mean, rstd);
#endif
    hs_layer_norm_portable(x, xstride, residual, rstride, rows, columns, gamma, beta, epsilon, sum, sumstride, y, ystride,
                           mean, rstd);
}

void hs_layer_norm_backward_f32(const float *sum, long sumstride, const float *dy, long dystride, long rows, long columns,
                                const float *gamma, const float *mean, const float *rstd, float *dgamma, float *dbeta,
                                float *dsum, long dsumstride) {
#ifdef HS_AVX512
    if (fits(columns))
        return layer_norm_backward(sum, sumstride, dy, dystride, rows, columns, gamma, mean, rstd, dgamma, dbeta, dsum,
                                   dsumstride);
#endif
    hs_layer_norm_backward_portable(sum, sumstride, dy, dystride, rows, columns, gamma, mean, rstd, dgamma, dbeta, dsum,
                                    dsumstride);
}
