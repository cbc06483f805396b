// Float attention in AVX-512: the same steps as `hs_attention_portable`, products in tiles of `tiles.h`, softmax in
// base 2. A request's head lives in the first-level cache: 50 keys transposed are 8 KB, its scores 13 KB.
#include "attention_softmax.h"

#ifdef HS_AVX512
// Six rows by 56 columns: sequences of 50 fill three vectors and a half, and a half costs half.
AVX512_INLINE void tile_of_56(const int R, long inner, const float *a, long arow, const float *b, long brow, float *c,
                              long cstride) {
    __m512 sum[6][3];
    __m256 rest[6];
    UNROLL for (int i = 0; i < R; i++) {
        rest[i] = _mm256_setzero_ps();
        UNROLL for (int v = 0; v < 3; v++) sum[i][v] = _mm512_setzero_ps();
    }
#pragma clang loop unroll_count(4)
    for (long p = 0; p < inner; p++, a++, b += brow) {
        __m512 right[3];
        UNROLL for (int v = 0; v < 3; v++) right[v] = _mm512_loadu_ps(b + 16 * v);
        __m256 half = _mm256_loadu_ps(b + 48);
        UNROLL for (int i = 0; i < R; i++) {
            __m512 left = _mm512_set1_ps(a[i * arow]);
            UNROLL for (int v = 0; v < 3; v++) sum[i][v] = _mm512_fmadd_ps(left, right[v], sum[i][v]);
            rest[i] = _mm256_fmadd_ps(_mm512_castps512_ps256(left), half, rest[i]);
        }
    }
    UNROLL for (int i = 0; i < R; i++) {
        UNROLL for (int v = 0; v < 3; v++) _mm512_storeu_ps(c + i * cstride + 16 * v, sum[i][v]);
        _mm256_storeu_ps(c + i * cstride + 48, rest[i]);
    }
}

static AVX512 void multiply_by_56(long rows, long inner, const float *a, long arow, const float *b, long brow,
                                  float *c, long cstride) {
    long i = 0;
    for (; i + 6 <= rows; i += 6) tile_of_56(6, inner, a + i * arow, arow, b, brow, c + i * cstride, cstride);
    a += i * arow;
    c += i * cstride;
    switch (rows - i) {
        case 5: tile_of_56(5, inner, a, arow, b, brow, c, cstride); break;
        case 4: tile_of_56(4, inner, a, arow, b, brow, c, cstride); break;
        case 3: tile_of_56(3, inner, a, arow, b, brow, c, cstride); break;
        case 2: tile_of_56(2, inner, a, arow, b, brow, c, cstride); break;
        case 1: tile_of_56(1, inner, a, arow, b, brow, c, cstride); break;
    }
}

static AVX512 void multiply(long rows, long inner, long columns, const float *a, long arow, long ainner,
                            const float *b, long brow, float *c, long cstride, int accumulates,
                            const hs_ahead *ahead) {
    multiply_by(hs_tile_rows, rows, inner, columns, a, arow, ainner, b, brow, c, cstride, 0, accumulates, ahead);
}

// scores [rows, np] of n keys from their transpose; what lies between n and np is of no account.
static AVX512 void multiply_keys(long rows, long d, long n, const float *a, long arow, const float *keys, long np,
                                 float *scores) {
    if (n > 48 && n <= 56)
        multiply_by_56(rows, d, a, arow, keys, np, scores, np);
    else
        multiply(rows, d, np, a, arow, 1, keys, np, scores, np, 0, 0);
}

// Rows of whole vectors.
AVX512_INLINE void scale_rows(float *x, long stride, long rows, long columns, const float *factors) {
    for (long i = 0; i < rows; i++) {
        const __m512 factor = _mm512_set1_ps(factors[i]);
        for (long c = 0; c < columns; c += 16)
            _mm512_storeu_ps(x + i * stride + c, _mm512_mul_ps(factor, _mm512_loadu_ps(x + i * stride + c)));
    }
}

AVX512 void hs_attention_avx512(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads,
                                long d, float *out, long outstride, float *logsumexp, float *probabilities) {
    const float scale = (float)(LOG2_E / sqrt((double)d));
    for (long r = 0; r < requests; r++) {
        const long first = offsets[r], n = offsets[r + 1] - first, np = whole_vectors(n);
        if (n == 0) continue;
        float *keys = hs_scratch(sizeof(float) * (d + QUERIES) * np), *scratch = keys + d * np;
        const int keeps = probabilities && n <= HS_ATTENTION_ROOM;
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            float *p = keeps ? probabilities + kept_from(first, n, h, heads, np) : scratch;
            hs_ahead next[HS_AHEAD] = {{0, 0}};
            if (keeps) ask_kept(next, n, probabilities, first, n, h, heads, np);
            transpose_rows(k, qkvstride, n, d, keys, np);
            for (long i = 0; i < n; i += QUERIES) {
                const long rows = n - i < QUERIES ? n - i : QUERIES;
                float over[QUERIES], lse[QUERIES];
                multiply_keys(rows, d, n, q + i * qkvstride, qkvstride, keys, np, p);
                softmax_rows(EXACT, p, np, rows, n, scale, over, lse);
                scale_rows(p, np, rows, np, over);
                multiply(rows, n, d, p, np, 1, v, qkvstride, out + (first + i) * outstride + h * d, outstride, 0, next);
                for (long j = 0; j < rows; j++) logsumexp[(first + i + j) * heads + h] = lse[j];
            }
        }
    }
}

// scores -> P = 2^(scale scores - lse).
static AVX512 void probability_rows(float *p, long rows, long n, long np, float scale, const float *lse, long lsestride) {
    const __m512 factor = _mm512_set1_ps(scale);
    for (long i = 0; i < rows; i++) {
        const __m512 shift = _mm512_set1_ps(lse[i * lsestride] * LOG2_E);
        for (long j = 0; j < n; j += 16)
            _mm512_storeu_ps(p + i * np + j,
                             exp2_of_degree(EXACT, _mm512_fmsub_ps(_mm512_loadu_ps(p + i * np + j), factor, shift)));
    }
}

// <out, dout> of a row, in all lanes.
AVX512_INLINE __m512 delta_of_row(const float *out, const float *dout, long d) {
    __m512 product = _mm512_setzero_ps();
    for (long c = 0; c < d; c += 16) {
        const __mmask16 there = FIRST_LANES(d - c);
        product = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(there, out + c), _mm512_maskz_loadu_ps(there, dout + c), product);
    }
    return _mm512_set1_ps(_mm512_reduce_add_ps(product));
}

// dp: dout V^T -> dS = P (dp - delta) scale.
static AVX512 void softmax_backward_rows(const float *p, float *dp, long rows, long n, long np, const float *out,
                                         long outstride, const float *dout, long doutstride, long d, float scale) {
    const __m512 factor = _mm512_set1_ps(scale);
    for (long i = 0; i < rows; i++) {
        const float *row = p + i * np;
        float *drow = dp + i * np;
        const __m512 delta = delta_of_row(out + i * outstride, dout + i * doutstride, d);
        for (long j = 0; j < n; j += 16) {
            __m512 slope = _mm512_sub_ps(_mm512_loadu_ps(drow + j), delta);
            _mm512_storeu_ps(drow + j, _mm512_mul_ps(_mm512_mul_ps(_mm512_loadu_ps(row + j), factor), slope));
        }
    }
}

AVX512 void hs_attention_backward_avx512(const float *qkv, long qkvstride, const float *out, long outstride,
                                         const float *dout, long doutstride, const float *logsumexp,
                                         const float *probabilities, const int32_t *offsets, long requests, long heads,
                                         long d, float *dqkv, long dqkvstride) {
    const float scale = (float)(1 / sqrt((double)d));
    for (long r = 0; r < requests; r++) {
        const long first = offsets[r], n = offsets[r + 1] - first, np = whole_vectors(n);
        if (n == 0) continue;
        float *keys = hs_scratch(sizeof(float) * 2 * (d + QUERIES) * np), *values = keys + d * np;
        float *scratch = values + d * np, *dscore = scratch + QUERIES * np;
        const int kept = probabilities && n <= HS_ATTENTION_ROOM;
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            float *dq = dqkv + first * dqkvstride + h * d, *dk = dq + heads * d, *dv = dk + heads * d;
            // Nothing else guesses a head's narrow columns: the products, which compute, ask for the next head's.
            const float *nextq = head_after(qkv, qkvstride, first, n, h, heads, d), *nextk = nextq + heads * d;
            const hs_ahead queries[HS_AHEAD] = {{nextk, qkvstride}, {nextq, qkvstride}};
            const hs_ahead rest[HS_AHEAD] = {{nextk + heads * d, qkvstride},
                                             {head_after(out, outstride, first, n, h, heads, d), outstride}};
            hs_ahead last[HS_AHEAD] = {{0, 0}};
            if (kept) ask_kept(last, n, probabilities, first, n, h, heads, np);
            if (!kept) transpose_rows(k, qkvstride, n, d, keys, np);
            transpose_rows(v, qkvstride, n, d, values, np);
            for (long i = 0; i < n; i += QUERIES) {
                const long rows = n - i < QUERIES ? n - i : QUERIES;
                const float *qi = q + i * qkvstride, *g = dout + (first + i) * doutstride + h * d;
                const float *p = kept ? probabilities + kept_from(first, n, h, heads, np) : scratch;
                if (!kept) {
                    multiply_keys(rows, d, n, qi, qkvstride, keys, np, scratch);
                    probability_rows(scratch, rows, n, np, scale * LOG2_E, logsumexp + (first + i) * heads + h, heads);
                }
                multiply_keys(rows, d, n, g, doutstride, values, np, dscore);
                softmax_backward_rows(p, dscore, rows, n, np, out + (first + i) * outstride + h * d, outstride, g,
                                      doutstride, d, scale);
                multiply(rows, n, d, dscore, np, 1, k, qkvstride, dq + i * dqkvstride, dqkvstride, 0, queries);
                multiply(n, rows, d, dscore, 1, np, qi, qkvstride, dk, dqkvstride, i > 0, rest);
                multiply(n, rows, d, p, 1, np, g, doutstride, dv, dqkvstride, i > 0, last);
            }
        }
    }
}
#endif
