// Float attention with the inputs of its products rounded to bfloat16: the steps of attention_avx512.c, softmax and
// all that is kept in float32. An operand is laid out in pairs along the inner dimension: along a row (what is
// broadcast), down two rows, or transposed.
#include "attention_softmax.h"
#include "bf16.h"

#ifdef HS_AVX512

// to [pairs of d, width] = scale from^T of n rows; the columns from n to width repeat the last row.
static AVX512_BF16 void transpose_pairs(const float *from, long stride, long n, long d, float scale, float *to,
                                        long width) {
    const __m512 factor = _mm512_set1_ps(scale);
    for (long j = 0; j < width; j += 16)
        for (long c = 0; c < d; c += 32) {
            const long last = n - 1 - j, pairs = (d - c + 1) / 2;
            const float *at = from + j * stride + c;
            __m512 rows[16];
            if (pairs >= 16 && last >= 15) {
                UNROLL for (int l = 0; l < 16; l++)
                    rows[l] = _mm512_castsi512_ps(scaled_pairs_in_row(at + l * stride, 32, factor));
            } else {
                UNROLL for (int l = 0; l < 16; l++)
                    rows[l] = _mm512_castsi512_ps(
                        scaled_pairs_in_row(at + (l < last ? l : last) * stride, d - c, factor));
            }
            transpose_lanes(rows);
            float *row = to + c / 2 * width + j;
            if (pairs >= 16) {
                UNROLL for (int l = 0; l < 16; l++) _mm512_storeu_ps(row + l * width, rows[l]);
            } else {
                for (long l = 0; l < pairs; l++) _mm512_storeu_ps(row + l * width, rows[l]);
            }
        }
}

static AVX512_BF16 void multiply(long rows, long pairs, long columns, const float *a, long arow, long ainner,
                                 const float *b, long brow, float *c, long cstride, int accumulates,
                                 const hs_ahead *ahead) {
    multiply_by(hs_bf16_tile_rows, rows, pairs, columns, a, arow, ainner, b, brow, c, cstride, accumulates, ahead);
}

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
    const long half = (d + 1) / 2, qstride = (d + 31) / 32 * 16, dp = whole_vectors(d);
    for (long r = 0; r < requests; r++) {
        const long first = offsets[r], n = offsets[r + 1] - first, np = (n + 31) / 32 * 32, pairs = (n + 1) / 2;
        if (n == 0) continue;
        float *keys = hs_scratch(sizeof(float) * (half * np + pairs * dp + QUERIES * (qstride + np + np / 2)));
        float *values = keys + half * np, *queries = values + pairs * dp, *p = queries + QUERIES * qstride;
        float *scratch = p + QUERIES * np;
        const int keeps = probabilities && n <= HS_ATTENTION_ROOM;
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            float *rounded = keeps ? probabilities + kept_from(first, n, h, heads, np / 2) : scratch;
            hs_ahead next[HS_AHEAD] = {{0, 0}};
            if (keeps) ask_kept(next, pairs, probabilities, first, n, h, heads, np / 2);
            transpose_pairs(k, qkvstride, n, d, scale, keys, np);
            pack_rows(v, qkvstride, n, d, values, dp);
            for (long i = 0; i < n; i += QUERIES) {
                const long rows = n - i < QUERIES ? n - i : QUERIES;
                float over[QUERIES], lse[QUERIES];
                pair_rows(q + i * qkvstride, qkvstride, rows, d, queries, qstride);
                multiply(rows, half, np, queries, qstride, 1, keys, np, p, np, 0, 0);
                softmax_rows(ROUGH, p, np, rows, n, over, lse);
                pair_scaled_rows(p, np, rows, n, over, rounded, np / 2);
                multiply(rows, pairs, d, rounded, np / 2, 1, values, dp, out + (first + i) * outstride + h * d, outstride,
                         0, next);
                for (long j = 0; j < rows; j++) logsumexp[(first + i + j) * heads + h] = lse[j];
            }
        }
    }
}

typedef struct {
    const float *out, *dout;
    long outstride, doutstride;
} hs_output_rows;

// scores -> P = 2^(scores - lse), in pairs along a row.
static AVX512_BF16 void probability_pairs(const float *scores, long rows, long n, long np, const float *lse,
                                          long lsestride, float *pairs) {
    for (long i = 0; i < rows; i++) {
        const __m512 shift = _mm512_set1_ps(lse[i * lsestride] * LOG2_E);
        for (long j = 0; j < np; j += 32) {
            __m512 p[2];
            UNROLL for (int v = 0; v < 2; v++) {
                const long c = j + 16 * v;
                p[v] = _mm512_maskz_mov_ps(
                    c < n ? FIRST_LANES(n - c) : (__mmask16)0,
                    exp2_of_degree(ROUGH, _mm512_sub_ps(_mm512_loadu_ps(scores + i * np + c), shift)));
            }
            _mm512_storeu_si512(pairs + i * (np / 2) + j / 2, (__m512i)_mm512_cvtne2ps_pbh(p[1], p[0]));
        }
    }
}

// Of P in pairs along its rows and dp = dout V^T: P in pairs of rows, dS = P (dp - delta) scale in pairs of rows and in
// pairs along each row, all zero from n to np.
static AVX512_BF16 void softmax_backward_pairs(const float *p, const float *dp, long rows, long n, long np, long d,
                                               float scale, const hs_output_rows *kept, float *probabilities,
                                               float *slopes, float *slopesInRow) {
    const __m512 factor = _mm512_set1_ps(scale);
    for (long i = 0; i < rows; i += 2) {
        const int two = i + 1 < rows;
        __m512 delta[2];
        UNROLL for (int l = 0; l < 2; l++) {
            const long row = two ? i + l : i;
            delta[l] = delta_of_row(kept->out + row * kept->outstride, kept->dout + row * kept->doutstride, d);
        }
        for (long j = 0; j < np; j += 32) {
            __m512 slope[2][2];
            UNROLL for (int v = 0; v < 2; v++) {
                const long c = j + 16 * v;
                const __mmask16 there = c < n ? FIRST_LANES(n - c) : (__mmask16)0;
                __m512 probability[2];
                UNROLL for (int l = 0; l < 2; l++) {
                    const long row = two ? i + l : i;
                    const __mmask16 lanes = l == 1 && !two ? (__mmask16)0 : there;
                    // A bfloat16 is the upper half of a float.
                    const __m256i rounded = _mm256_loadu_si256((const __m256i *)(p + row * (np / 2) + c / 2));
                    probability[l] = _mm512_maskz_mov_ps(
                        lanes, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(rounded), 16)));
                    slope[l][v] = _mm512_maskz_mul_ps(lanes, _mm512_mul_ps(probability[l], factor),
                                                      _mm512_sub_ps(_mm512_loadu_ps(dp + row * np + c), delta[l]));
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
    const long half = (d + 1) / 2, qstride = (d + 31) / 32 * 16, dp = whole_vectors(d);
    for (long r = 0; r < requests; r++) {
        const long first = offsets[r], n = offsets[r + 1] - first, np = (n + 31) / 32 * 32, pairs = (n + 1) / 2;
        if (n == 0) continue;
        // Transposed keys and values, keys in pairs of rows; then, a block of queries at a time: queries and dout
        // in pairs along the row and in pairs of rows, scores or their gradients, probabilities, and what becomes of
        // them.
        float *keys = hs_scratch(sizeof(float) * (2 * half * np + pairs * dp + QUERIES * (qstride + dp) +
                                                  QUERIES * (np + np / 2 + np + np / 2)));
        float *values = keys + half * np, *keyRows = values + half * np, *inRow = keyRows + pairs * dp;
        float *down = inRow + QUERIES * qstride, *scores = down + QUERIES * dp, *scratch = scores + QUERIES * np;
        float *downP = scratch + QUERIES * np / 2, *slopes = downP + QUERIES / 2 * np;
        float *slopesInRow = slopes + QUERIES / 2 * np;
        const int kept = probabilities && n <= HS_ATTENTION_ROOM;
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            float *dq = dqkv + first * dqkvstride + h * d, *dk = dq + heads * d, *dv = dk + heads * d;
            // An inner step is two rows here: a head's rows are asked for in two halves.
            const float *nextq = head_after(qkv, qkvstride, first, n, h, heads, d), *nextk = nextq + heads * d;
            const float *nextv = nextk + heads * d, *nextout = head_after(out, outstride, first, n, h, heads, d);
            const hs_ahead keysAhead[HS_AHEAD] = {{nextk, qkvstride}, {nextk + pairs * qkvstride, qkvstride},
                                                  {nextv, qkvstride}, {nextv + pairs * qkvstride, qkvstride}};
            const hs_ahead restAhead[HS_AHEAD] = {{nextq, qkvstride}, {nextq + pairs * qkvstride, qkvstride},
                                                  {nextout, outstride}, {nextout + pairs * outstride, outstride}};
            hs_ahead lastAhead[HS_AHEAD] = {{0, 0}};
            if (kept) ask_kept(lastAhead, pairs, probabilities, first, n, h, heads, np / 2);
            if (!kept) transpose_pairs(k, qkvstride, n, d, scale * LOG2_E, keys, np);
            transpose_pairs(v, qkvstride, n, d, 1, values, np);
            pack_rows(k, qkvstride, n, d, keyRows, dp);
            for (long i = 0; i < n; i += QUERIES) {
                const long rows = n - i < QUERIES ? n - i : QUERIES, rowPairs = (rows + 1) / 2;
                const float *qi = q + i * qkvstride, *g = dout + (first + i) * doutstride + h * d;
                const hs_output_rows output = {
                    .out = out + (first + i) * outstride + h * d,
                    .outstride = outstride,
                    .dout = g,
                    .doutstride = doutstride,
                };
                const float *p = kept ? probabilities + kept_from(first, n, h, heads, np / 2) : scratch;
                if (!kept) {
                    pair_rows(qi, qkvstride, rows, d, inRow, qstride);
                    multiply(rows, half, np, inRow, qstride, 1, keys, np, scores, np, 0, 0);
                    probability_pairs(scores, rows, n, np, logsumexp + (first + i) * heads + h, heads, scratch);
                }
                pair_rows(g, doutstride, rows, d, inRow, qstride);
                multiply(rows, half, np, inRow, qstride, 1, values, np, scores, np, 0, 0);
                softmax_backward_pairs(p, scores, rows, n, np, d, scale, &output, downP, slopes, slopesInRow);
                multiply(rows, pairs, d, slopesInRow, np / 2, 1, keyRows, dp, dq + i * dqkvstride, dqkvstride, 0,
                         keysAhead);
                pack_rows(qi, qkvstride, rows, d, down, dp);
                multiply(n, rowPairs, d, slopes, 1, np, down, dp, dk, dqkvstride, i > 0, restAhead);
                pack_rows(g, doutstride, rows, d, down, dp);
                multiply(n, rowPairs, d, downP, 1, np, down, dp, dv, dqkvstride, i > 0, lastAhead);
            }
        }
    }
}
#endif
