// Multi-head attention: the double twin, straight from the definition, then float for processors without AVX-512,
// built from small blocked products.
#include "include/attention.h"

#include <math.h>
#include <string.h>

#include "attention_parts.h"
#include "dispatch.h"
#include "include/product.h"
#include "lanes.h"
#include "scratch.h"

_Static_assert(HS_ATTENTION_ROOM <= QUERIES, "what is kept of a request is worked on at once");

// One query at a time, straight from the definition.
void hs_attention_f64(const double *qkv, long qkvstride, const int32_t *offsets, long requests, long heads,
                      long d, double *out, long outstride, double *logsumexp) {
    double scale = (1 / sqrt(d));
    for (long r = 0; r < requests; r++) {
        long first = offsets[r], n = offsets[r + 1] - first;
        double *p = hs_scratch(sizeof(double) * (n + 1));
        for (long h = 0; h < heads; h++) {
            const double *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            for (long i = 0; i < n; i++) {
                double largest = -INFINITY, sum = 0;
                for (long j = 0; j < n; j++) {
                    double s = 0;
                    for (long c = 0; c < d; c++) s += q[i * qkvstride + c] * k[j * qkvstride + c];
                    p[j] = s * scale;
                    if (p[j] > largest) largest = p[j];
                }
                for (long j = 0; j < n; j++) sum += p[j] = exp((p[j] - largest));
                double *o = out + (first + i) * outstride + h * d;
                for (long c = 0; c < d; c++) {
                    double s = 0;
                    for (long j = 0; j < n; j++) s += p[j] * v[j * qkvstride + c];
                    o[c] = s / sum;
                }
                logsumexp[(first + i) * heads + h] = largest + log(sum);
            }
        }
    }
}

// With P = exp(S - logsumexp) and delta_i = <dout_i, out_i>: dV = P^T dout, dS = P (dout V^T - delta) scale,
// dQ = dS K, dK = dS^T Q.
void hs_attention_backward_f64(const double *qkv, long qkvstride, const double *out, long outstride,
                               const double *dout, long doutstride, const double *logsumexp,
                               const int32_t *offsets, long requests, long heads, long d, double *dqkv,
                               long dqkvstride) {
    double scale = (1 / sqrt(d));
    for (long r = 0; r < requests; r++) {
        long first = offsets[r], n = offsets[r + 1] - first;
        for (long i = 0; i < n; i++)
            for (long c = 0; c < 3 * heads * d; c++) dqkv[(first + i) * dqkvstride + c] = 0;
        for (long h = 0; h < heads; h++) {
            const double *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            double *dq = dqkv + first * dqkvstride + h * d, *dk = dq + heads * d, *dv = dk + heads * d;
            for (long i = 0; i < n; i++) {
                const double *o = out + (first + i) * outstride + h * d, *g = dout + (first + i) * doutstride + h * d;
                double delta = 0, lse = logsumexp[(first + i) * heads + h];
                for (long c = 0; c < d; c++) delta += g[c] * o[c];
                for (long j = 0; j < n; j++) {
                    double s = 0, dp = 0;
                    for (long c = 0; c < d; c++) s += q[i * qkvstride + c] * k[j * qkvstride + c];
                    for (long c = 0; c < d; c++) dp += g[c] * v[j * qkvstride + c];
                    double p = exp((s * scale - lse)), ds = p * (dp - delta) * scale;
                    for (long c = 0; c < d; c++) {
                        dv[j * dqkvstride + c] += p * g[c];
                        dk[j * dqkvstride + c] += ds * q[i * qkvstride + c];
                        dq[i * dqkvstride + c] += ds * k[j * qkvstride + c];
                    }
                }
            }
        }
    }
}

// ---- Float: per request and head everything lives in L1 or L2,
// ---- QUERIES rows of probabilities at a time. ----

INLINE long round_up(long n, long to) { return (n + to - 1) / to * to; }

// C [ROWS, 16 VECTORS] = (or +=) A B for one register tile; A(i, p) = a[i ai + p ap].
INLINE void multiply_tile(const int ROWS, const int VECTORS, long inner, const float *a, long ai, long ap,
                          const float *b, long bstride, float *c, long cstride, int accumulate) {
    FAST_MATH
    lanes sum[4][2];
#pragma unroll
    for (int i = 0; i < ROWS; i++)
#pragma unroll
        for (int w = 0; w < VECTORS; w++)
            sum[i][w] = accumulate ? FROM(c + i * cstride + w * LANES) : (lanes)(0.0f);
    for (long p = 0; p < inner; p++) {
        lanes right[2];
#pragma unroll
        for (int w = 0; w < VECTORS; w++) right[w] = FROM(b + w * LANES);
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            float left = a[i * ai];
#pragma unroll
            for (int w = 0; w < VECTORS; w++) sum[i][w] += left * right[w];
        }
        a += ap;
        b += bstride;
    }
#pragma unroll
    for (int i = 0; i < ROWS; i++)
#pragma unroll
        for (int w = 0; w < VECTORS; w++) AT(c + i * cstride + w * LANES) = sum[i][w];
}

INLINE void multiply_rows(const int VECTORS, long rows, long inner, const float *a, long ai, long ap,
                          const float *b, long bstride, float *c, long cstride, int accumulate) {
    long i = 0;
    for (; i + 4 <= rows; i += 4)
        multiply_tile(4, VECTORS, inner, a + i * ai, ai, ap, b, bstride, c + i * cstride, cstride, accumulate);
    a += i * ai;
    c += i * cstride;
    switch (rows - i) {
        case 3: multiply_tile(3, VECTORS, inner, a, ai, ap, b, bstride, c, cstride, accumulate); break;
        case 2: multiply_tile(2, VECTORS, inner, a, ai, ap, b, bstride, c, cstride, accumulate); break;
        case 1: multiply_tile(1, VECTORS, inner, a, ai, ap, b, bstride, c, cstride, accumulate); break;
    }
}

// C [rows, columns] = (or +=) A [rows, inner] B [inner, columns], columns a multiple of 16.
static MULTIVERSION void multiply(long rows, long inner, long columns, const float *a, long ai, long ap,
                                  const float *b, long bstride, float *c, long cstride, int accumulate) {
    long j = 0;
    for (; j + 2 * LANES <= columns; j += 2 * LANES)
        multiply_rows(2, rows, inner, a, ai, ap, b + j, bstride, c + j, cstride, accumulate);
    if (j < columns) multiply_rows(1, rows, inner, a, ai, ap, b + j, bstride, c + j, cstride, accumulate);
}

// to [d, width] = scale from^T, the columns from n to width zero.
static MULTIVERSION void pack_transposed(const float *from, long stride, long n, long d, float scale, float *to,
                                         long width) {
    long j = 0;
    for (; j + LANES <= n; j += LANES)
        for (long c = 0; c < d; c++) {
            lanes v;
#pragma unroll
            for (int l = 0; l < LANES; l++) v[l] = from[(j + l) * stride + c];
            AT(to + c * width + j) = v * scale;
        }
    if (j == width) return;
    for (long c = 0; c < d; c++) AT(to + c * width + j) = 0.0f;
    for (; j < n; j++)
        for (long c = 0; c < d; c++) to[c * width + j] = from[j * stride + c] * scale;
}

// Rows of d floats as rows that whole vectors can be read from: themselves, or a zero-padded copy.
INLINE const float *padded(const float *from, long *stride, long n, long d, long dp, float *copy) {
    if (d == dp) return from;
    for (long j = 0; j < n; j++) {
        memcpy(copy + j * dp, from + j * *stride, d * sizeof(float));
        memset(copy + j * dp + d, 0, (dp - d) * sizeof(float));
    }
    *stride = dp;
    return copy;
}

INLINE void copy_rows(const float *from, long stride, long n, long d, float *to, long tostride) {
    for (long i = 0; i < n; i++) memcpy(to + i * tostride, from + i * stride, d * sizeof(float));
}

// p = exp(p - max) a row, the padding zero; the sums of the rows and their log-sum-exp.
static MULTIVERSION void softmax_rows(float *p, long rows, long n, long np, float *sums, float *lse) {
    float largest[QUERIES];
    for (long i = 0; i < rows; i++) {
        float *row = p + i * np;
        for (long j = n; j < np; j++) row[j] = -INFINITY;
        lanes top = FROM(row), sum = 0.0f;
        for (long j = LANES; j < np; j += LANES) {
            lanes v = FROM(row + j);
            top = v > top ? v : top;
        }
        float m = largest[i] = largest_of_lanes(&top);
        for (long j = 0; j < np; j += LANES) {
            lanes v = FROM(row + j) - m;
            exp_lanes(&v);
            AT(row + j) = v;
            sum += v;
        }
        sums[i] = sum_of_lanes(&sum);
    }
    for (long i = rows; i < round_up(rows, LANES); i++) sums[i] = 1, largest[i] = 0;
    for (long i = 0; i < rows; i += LANES) {
        lanes v = FROM(sums + i);
        log_lanes(&v);
        AT(lse + i) = v + FROM(largest + i);
    }
}

static MULTIVERSION void store_scaled(const float *o, long ostride, long rows, long d, const float *sums,
                                      float *out, long outstride) {
    for (long i = 0; i < rows; i++) {
        float over = 1 / sums[i];
        for (long c = 0; c < d; c++) out[i * outstride + c] = o[i * ostride + c] * over;
    }
}

void hs_attention_f32(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads,
                      long d, float *out, long outstride, float *logsumexp, float *probabilities) {
#ifdef HS_AVX512
    if (hs_has_avx512())
        return hs_attention_avx512(qkv, qkvstride, offsets, requests, heads, d, out, outstride, logsumexp,
                                   probabilities);
#endif
    hs_attention_portable(qkv, qkvstride, offsets, requests, heads, d, out, outstride, logsumexp);
}

void hs_attention_portable(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads,
                           long d, float *out, long outstride, float *logsumexp) {
    float scale = (float)(1 / sqrt((double)d));
    long dp = round_up(d, LANES);
    for (long r = 0; r < requests; r++) {
        long first = offsets[r], n = offsets[r + 1] - first, np = round_up(n, LANES);
        long next = first + n, nextn = r + 1 < requests ? offsets[r + 2] - next : 0;
        float *transposed = hs_scratch(sizeof(float) * (d * np + QUERIES * (np + dp) + (d == dp ? 0 : n * dp)));
        float *p = transposed + d * np, *o = p + QUERIES * np, *copy = o + QUERIES * dp;
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + first * qkvstride + h * d, *k = q + heads * d;
            long vstride = qkvstride;
            prefetch_share(qkv + next * qkvstride, qkvstride, nextn, 3 * heads * d, h, heads);
            prefetch_share(out + next * outstride, outstride, nextn, heads * d, h, heads);
            const float *v = padded(k + heads * d, &vstride, n, d, dp, copy);
            pack_transposed(k, qkvstride, n, d, scale, transposed, np);
            for (long i0 = 0; i0 < n; i0 += QUERIES) {
                long rows = n - i0 < QUERIES ? n - i0 : QUERIES;
                float sums[QUERIES], lse[QUERIES];
                multiply(rows, d, np, q + i0 * qkvstride, qkvstride, 1, transposed, np, p, np, 0);
                softmax_rows(p, rows, n, np, sums, lse);
                multiply(rows, n, dp, p, np, 1, v, vstride, o, dp, 0);
                store_scaled(o, dp, rows, d, sums, out + (first + i0) * outstride + h * d, outstride);
                for (long i = 0; i < rows; i++) logsumexp[(first + i0 + i) * heads + h] = lse[i];
            }
        }
    }
}

// p: scores -> P = exp(p - lse); dp: dout V^T -> dS = P (dp - delta) scale. The padding of P is zero.
static MULTIVERSION void softmax_backward_rows(float *p, float *dp, long rows, long n, long np, const float *lse,
                                               long lsestride, const float *out, long outstride,
                                               const float *dout, long doutstride, long d, float scale) {
    FAST_MATH
    for (long i = 0; i < rows; i++) {
        float *row = p + i * np, *drow = dp + i * np;
        const float *o = out + i * outstride, *g = dout + i * doutstride;
        float delta = 0, m = lse[i * lsestride];
        for (long c = 0; c < d; c++) delta += o[c] * g[c];
        for (long j = n; j < np; j++) row[j] = -INFINITY;
        for (long j = 0; j < np; j += LANES) {
            lanes v = FROM(row + j) - m;
            exp_lanes(&v);
            AT(row + j) = v;
            AT(drow + j) = v * (FROM(drow + j) - delta) * scale;
        }
    }
}

void hs_attention_backward_f32(const float *qkv, long qkvstride, const float *out, long outstride,
                               const float *dout, long doutstride, const float *logsumexp,
                               const float *probabilities, const int32_t *offsets, long requests, long heads, long d,
                               float *dqkv, long dqkvstride) {
#ifdef HS_AVX512
    if (hs_has_avx512())
        return hs_attention_backward_avx512(qkv, qkvstride, out, outstride, dout, doutstride, logsumexp, probabilities,
                                            offsets, requests, heads, d, dqkv, dqkvstride);
#endif
    hs_attention_backward_portable(qkv, qkvstride, out, outstride, dout, doutstride, logsumexp, offsets, requests,
                                   heads, d, dqkv, dqkvstride);
}

void hs_attention_backward_portable(const float *qkv, long qkvstride, const float *out, long outstride,
                                    const float *dout, long doutstride, const float *logsumexp,
                                    const int32_t *offsets, long requests, long heads, long d, float *dqkv,
                                    long dqkvstride) {
    float scale = (float)(1 / sqrt((double)d));
    long dp = round_up(d, LANES);
    for (long r = 0; r < requests; r++) {
        long first = offsets[r], n = offsets[r + 1] - first, np = round_up(n, LANES);
        long next = first + n, nextn = r + 1 < requests ? offsets[r + 2] - next : 0;
        float *keys = hs_scratch(sizeof(float) * (2 * d * np + 2 * QUERIES * np + (d == dp ? 0 : 6 * n * dp)));
        float *values = keys + d * np, *p = values + d * np, *dscore = p + QUERIES * np;
        float *copies = dscore + QUERIES * np;  // only where d is no multiple of 16
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            const float *o = out + first * outstride + h * d, *g = dout + first * doutstride + h * d;
            const float *lse = logsumexp + first * heads + h;
            float *dq = dqkv + first * dqkvstride + h * d, *dk = dq + heads * d, *dv = dk + heads * d;
            prefetch_share(qkv + next * qkvstride, qkvstride, nextn, 3 * heads * d, h, heads);
            prefetch_share(out + next * outstride, outstride, nextn, heads * d, h, heads);
            prefetch_share(dout + next * doutstride, doutstride, nextn, heads * d, h, heads);
            prefetch_share(dqkv + next * dqkvstride, dqkvstride, nextn, 3 * heads * d, h, heads);
            pack_transposed(k, qkvstride, n, d, scale, keys, np);
            pack_transposed(v, qkvstride, n, d, 1, values, np);
            long qs = qkvstride, ks = qkvstride, gs = doutstride, ds = dqkvstride;
            const float *qp = padded(q, &qs, n, d, dp, copies), *kp = padded(k, &ks, n, d, dp, copies + n * dp);
            const float *gp = padded(g, &gs, n, d, dp, copies + 2 * n * dp);
            float *dqp = dq, *dkp = dk, *dvp = dv;
            if (d != dp) dqp = copies + 3 * n * dp, dkp = dqp + n * dp, dvp = dkp + n * dp, ds = dp;
            for (long i0 = 0; i0 < n; i0 += QUERIES) {
                long rows = n - i0 < QUERIES ? n - i0 : QUERIES;
                multiply(rows, d, np, q + i0 * qkvstride, qkvstride, 1, keys, np, p, np, 0);
                multiply(rows, d, np, g + i0 * doutstride, doutstride, 1, values, np, dscore, np, 0);
                softmax_backward_rows(p, dscore, rows, n, np, lse + i0 * heads, heads, o + i0 * outstride,
                                      outstride, g + i0 * doutstride, doutstride, d, scale);
                multiply(rows, n, dp, dscore, np, 1, kp, ks, dqp + i0 * ds, ds, 0);
                multiply(n, rows, dp, dscore, 1, np, qp + i0 * qs, qs, dkp, ds, i0 > 0);
                multiply(n, rows, dp, p, 1, np, gp + i0 * gs, gs, dvp, ds, i0 > 0);
            }
            if (d != dp) {
                copy_rows(dqp, dp, n, d, dq, dqkvstride);
                copy_rows(dkp, dp, n, d, dk, dqkvstride);
                copy_rows(dvp, dp, n, d, dv, dqkvstride);
            }
        }
    }
}
