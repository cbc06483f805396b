// Float attention in AVX-512: the same steps as `hs_attention_portable`, products in tiles of `tiles.h`, softmax in
// base 2. A request's head lives in the first-level cache: 50 keys transposed are 8 KB, its scores 13 KB.
#include "attention_softmax.h"

#ifdef HS_AVX512
#define TARGET AVX512
#define TILE_ROWS hs_tile_rows
#define MULTIPLY_ADD(sum, left, right) _mm512_fmadd_ps(left, right, sum)
#define DEGREE EXACT
#include "attention_rows.h"

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
            transpose_rows(k, qkvstride, keys_in_vectors(n), d, keys, np);
            for (long i = 0; i < n; i += QUERIES) {
                const long rows = n - i < QUERIES ? n - i : QUERIES;
                float over[QUERIES], lse[QUERIES];
                multiply_keys(rows, d, n, q + i * qkvstride, qkvstride, k, qkvstride, keys, np, p);
                softmax(p, np, rows, n, scale, over, lse);
                scale_rows(p, np, rows, np, over);
                multiply(rows, n, d, p, np, 1, v, qkvstride, out + (first + i) * outstride + h * d, outstride, 0, 0, next);
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

// dp: dout V^T -> dS = P (scale dp - delta).
static AVX512 void softmax_backward_rows(const float *p, float *dp, long rows, long n, long np, const float *delta,
                                         float scale) {
    const __m512 factor = _mm512_set1_ps(scale);
    for (long i = 0; i < rows; i++) {
        const __m512 less = _mm512_set1_ps(delta[i]);
        for (long j = i * np; j < i * np + n; j += 16)
            _mm512_storeu_ps(dp + j, _mm512_mul_ps(_mm512_loadu_ps(p + j),
                                                   _mm512_fmsub_ps(factor, _mm512_loadu_ps(dp + j), less)));
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
            if (!kept) transpose_rows(k, qkvstride, keys_in_vectors(n), d, keys, np);
            transpose_rows(v, qkvstride, keys_in_vectors(n), d, values, np);
            for (long i = 0; i < n; i += QUERIES) {
                const long rows = n - i < QUERIES ? n - i : QUERIES;
                const float *qi = q + i * qkvstride, *g = dout + (first + i) * doutstride + h * d;
                const float *p = kept ? probabilities + kept_from(first, n, h, heads, np) : scratch;
                if (!kept) {
                    multiply_keys(rows, d, n, qi, qkvstride, k, qkvstride, keys, np, scratch);
                    probability_rows(scratch, rows, n, np, scale * LOG2_E, logsumexp + (first + i) * heads + h, heads);
                }
                multiply_keys(rows, d, n, g, doutstride, v, qkvstride, values, np, dscore);
                float delta[QUERIES];
                deltas(rows, d, out + (first + i) * outstride + h * d, outstride, g, doutstride, scale, delta);
                softmax_backward_rows(p, dscore, rows, n, np, delta, scale);
                multiply(n, rows, d, p, 1, np, g, doutstride, dv, dqkvstride, 0, i > 0, queries);
                multiply(rows, n, d, dscore, np, 1, k, qkvstride, dq + i * dqkvstride, dqkvstride, 0, 0, rest);
                multiply(n, rows, d, dscore, 1, np, qi, qkvstride, dk, dqkvstride, 0, i > 0, last);
            }
        }
    }
}
#endif
