// Attention whose products take bfloat16: the steps of attention_avx512.c, softmax and all that lies between products in
// float32. What comes in and what goes out are narrow rows, which are what a product broadcasts; its right-hand side is
// laid out from them in pairs down two rows, or transposed.
#include "attention_softmax.h"
#include "bf16.h"

#ifdef HS_AVX512

#define TARGET AVX512_BF16
#define TILE_ROWS hs_bf16_tile_rows
#define MULTIPLY_ADD(sum, left, right) _mm512_dpbf16_ps(sum, (__m512bh)(left), (__m512bh)(right))
#define DEGREE ROUGH
#include "attention_rows.h"

// Rows of `n` floats times `factors`, each in pairs, zero after its end.
static AVX512_BF16 void pair_scaled_rows(const float *x, long stride, long rows, long n, const float *factors, float *to,
                                         long tostride) {
    for (long i = 0; i < rows; i++)
        for (long c = 0; c < n; c += 32)
            _mm512_storeu_si512(to + i * tostride + c / 2,
                                scaled_pairs_in_row(x + i * stride + c, n - c, _mm512_set1_ps(factors[i])));
}

// What is kept for backward: probabilities in pairs along a row, zero after its end.
AVX512_BF16 void hs_attention_bf16(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads,
                                   long d, float *out, long outstride, float *logsumexp, float *probabilities) {
    const float scale = (float)(LOG2_E / sqrt((double)d));
    const long half = d / 2, dp = whole_vectors(d);
    for (long r = 0; r < requests; r++) {
        const long first = offsets[r], n = offsets[r + 1] - first, np = (n + 31) / 32 * 32, pairs = (n + 1) / 2;
        if (n == 0) continue;
        float *keys = hs_scratch(sizeof(float) * (half * np + pairs * dp + QUERIES * (np + np / 2)));
        float *values = keys + half * np, *p = values + pairs * dp, *scratch = p + QUERIES * np;
        const int keeps = probabilities && n <= HS_ATTENTION_ROOM;
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + first * qkvstride + h * half, *k = q + heads * half, *v = k + heads * half;
            float *rounded = keeps ? probabilities + kept_from(first, n, h, heads, np / 2) : scratch;
            hs_ahead next[HS_AHEAD] = {{0, 0}};
            if (keeps) ask_kept(next, pairs, probabilities, first, n, h, heads, np / 2);
            transpose_rows(k, qkvstride, keys_in_vectors(n), half, keys, np);
            pack_narrow_rows(v, qkvstride, n, d, values, dp);
            for (long i = 0; i < n; i += QUERIES) {
                const long rows = n - i < QUERIES ? n - i : QUERIES;
                float over[QUERIES], lse[QUERIES];
                multiply_keys(rows, half, n, q + i * qkvstride, qkvstride, k, qkvstride, keys, np, p);
                softmax(p, np, rows, n, scale, over, lse);
                pair_scaled_rows(p, np, rows, n, over, rounded, np / 2);
                multiply(rows, pairs, d, rounded, np / 2, 1, values, dp, out + (first + i) * outstride + h * half, outstride,
                         1, 0, next);
                for (long j = 0; j < rows; j++) logsumexp[(first + i + j) * heads + h] = lse[j];
            }
        }
    }
}

// scores -> P = 2^(scale scores - lse), in pairs along a row.
static AVX512_BF16 void probability_pairs(const float *scores, long rows, long n, long np, float scale, const float *lse,
                                          long lsestride, float *pairs) {
    const __m512 factor = _mm512_set1_ps(scale);
    for (long i = 0; i < rows; i++) {
        const __m512 shift = _mm512_set1_ps(lse[i * lsestride] * LOG2_E);
        for (long j = 0; j < np; j += 32) {
            __m512 p[2];
            UNROLL for (int v = 0; v < 2; v++) {
                const long c = j + 16 * v;
                p[v] = _mm512_maskz_mov_ps(
                    c < n ? FIRST_LANES(n - c) : (__mmask16)0,
                    exp2_of_degree(ROUGH, _mm512_fmsub_ps(_mm512_loadu_ps(scores + i * np + c), factor, shift)));
            }
            _mm512_storeu_si512(pairs + i * (np / 2) + j / 2, (__m512i)_mm512_cvtne2ps_pbh(p[1], p[0]));
        }
    }
}

// Of P in pairs along its rows and dp = dout V^T: P in pairs of rows, dS = P (scale dp - delta) in pairs of rows and in
// pairs along each row, all zero from n to np.
static AVX512_BF16 void softmax_backward_pairs(const float *p, const float *dp, long rows, long n, long np, float scale,
                                               const float *delta, float *probabilities, float *slopes,
                                               float *slopesInRow) {
    const __m512 factor = _mm512_set1_ps(scale);
    for (long i = 0; i < rows; i += 2) {
        const int two = i + 1 < rows;
        const __m512 less[2] = {_mm512_set1_ps(delta[i]), _mm512_set1_ps(two ? delta[i + 1] : 0)};
        for (long j = 0; j < np; j += 32) {
            __m512 slope[2][2];
            UNROLL for (int v = 0; v < 2; v++) {
                const long c = j + 16 * v;
                const __mmask16 there = c < n ? FIRST_LANES(n - c) : (__mmask16)0;
                __m512 probability[2];
                UNROLL for (int l = 0; l < 2; l++) {
                    const long row = two ? i + l : i;
                    const __mmask16 lanes = l == 1 && !two ? (__mmask16)0 : there;
                    probability[l] = widened(lanes, p + row * (np / 2) + c / 2);
                    slope[l][v] = _mm512_maskz_mul_ps(
                        lanes, probability[l], _mm512_fmsub_ps(factor, _mm512_loadu_ps(dp + row * np + c), less[l]));
                }
                _mm512_storeu_si512(probabilities + i / 2 * np + c, pairs_of_rows(probability[0], probability[1]));
                _mm512_storeu_si512(slopes + i / 2 * np + c, pairs_of_rows(slope[0][v], slope[1][v]));
            }
            float *row = slopesInRow + i * (np / 2) + j / 2;
            _mm512_storeu_si512(row, (__m512i)_mm512_cvtne2ps_pbh(slope[0][1], slope[0][0]));
            if (two) _mm512_storeu_si512(row + np / 2, (__m512i)_mm512_cvtne2ps_pbh(slope[1][1], slope[1][0]));
        }
    }
}

AVX512_BF16 void hs_attention_backward_bf16(const float *qkv, long qkvstride, const float *out, long outstride,
                                            const float *dout, long doutstride, const float *logsumexp,
                                            const float *probabilities, const int32_t *offsets, long requests,
                                            long heads, long d, float *dqkv, long dqkvstride) {
    const float scale = (float)(1 / sqrt((double)d));
    const long half = d / 2, dp = whole_vectors(d);
    for (long r = 0; r < requests; r++) {
        const long first = offsets[r], n = offsets[r + 1] - first, np = (n + 31) / 32 * 32, pairs = (n + 1) / 2;
        if (n == 0) continue;
        // Transposed keys and values, keys in pairs of rows; then, a block of queries at a time: queries or dout in pairs
        // of rows, scores or their gradients, probabilities, and what becomes of them; where there are several blocks,
        // the sums of dK and dV.
        const int several = n > QUERIES;
        float *keys = hs_scratch(sizeof(float) * (2 * half * np + pairs * dp + QUERIES / 2 * dp +
                                                  QUERIES * (np + np / 2 + np + np / 2) + (several ? 2 * n * dp : 0)));
        float *values = keys + half * np, *keyRows = values + half * np, *down = keyRows + pairs * dp;
        float *scores = down + QUERIES / 2 * dp, *scratch = scores + QUERIES * np;
        float *downP = scratch + QUERIES * np / 2, *slopes = downP + QUERIES / 2 * np;
        float *slopesInRow = slopes + QUERIES / 2 * np, *sumk = slopesInRow + QUERIES * np / 2, *sumv = sumk + n * dp;
        const int kept = probabilities && n <= HS_ATTENTION_ROOM;
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + first * qkvstride + h * half, *k = q + heads * half, *v = k + heads * half;
            float *dq = dqkv + first * dqkvstride + h * half, *dk = dq + heads * half, *dv = dk + heads * half;
            // An inner step is two rows here: a head's rows are asked for in two halves.
            const float *nextq = head_after(qkv, qkvstride, first, n, h, heads, half), *nextk = nextq + heads * half;
            const float *nextv = nextk + heads * half, *nextout = head_after(out, outstride, first, n, h, heads, half);
            const hs_ahead keysAhead[HS_AHEAD] = {{nextk, qkvstride}, {nextk + pairs * qkvstride, qkvstride},
                                                  {nextv, qkvstride}, {nextv + pairs * qkvstride, qkvstride}};
            const hs_ahead restAhead[HS_AHEAD] = {{nextq, qkvstride}, {nextq + pairs * qkvstride, qkvstride},
                                                  {nextout, outstride}, {nextout + pairs * outstride, outstride}};
            hs_ahead lastAhead[HS_AHEAD] = {{0, 0}};
            if (kept) ask_kept(lastAhead, pairs, probabilities, first, n, h, heads, np / 2);
            if (!kept) transpose_rows(k, qkvstride, keys_in_vectors(n), half, keys, np);
            transpose_rows(v, qkvstride, keys_in_vectors(n), half, values, np);
            pack_narrow_rows(k, qkvstride, n, d, keyRows, dp);
            float *sumOfK = several ? sumk : dk, *sumOfV = several ? sumv : dv;
            const long sumstride = several ? dp : dqkvstride;
            for (long i = 0; i < n; i += QUERIES) {
                const long rows = n - i < QUERIES ? n - i : QUERIES, rowPairs = (rows + 1) / 2;
                const float *qi = q + i * qkvstride, *g = dout + (first + i) * doutstride + h * half;
                const float *p = kept ? probabilities + kept_from(first, n, h, heads, np / 2) : scratch;
                if (!kept) {
                    multiply_keys(rows, half, n, qi, qkvstride, k, qkvstride, keys, np, scores);
                    probability_pairs(scores, rows, n, np, scale * LOG2_E, logsumexp + (first + i) * heads + h, heads,
                                      scratch);
                }
                multiply_keys(rows, half, n, g, doutstride, v, qkvstride, values, np, scores);
                float delta[QUERIES];
                deltas(rows, half, out + (first + i) * outstride + h * half, outstride, g, doutstride, scale, delta);
                softmax_backward_pairs(p, scores, rows, n, np, scale, delta, downP, slopes, slopesInRow);
                multiply(rows, pairs, d, slopesInRow, np / 2, 1, keyRows, dp, dq + i * dqkvstride, dqkvstride, 1, 0,
                         keysAhead);
                pack_narrow_rows(qi, qkvstride, rows, d, down, dp);
                multiply(n, rowPairs, d, slopes, 1, np, down, dp, sumOfK, sumstride, !several, i > 0, restAhead);
                pack_narrow_rows(g, doutstride, rows, d, down, dp);
                multiply(n, rowPairs, d, downP, 1, np, down, dp, sumOfV, sumstride, !several, i > 0, lastAhead);
            }
            if (several) {
                narrow_rows(sumk, dp, n, d, dk, dqkvstride);
                narrow_rows(sumv, dp, n, d, dv, dqkvstride);
            }
        }
    }
}
#endif
