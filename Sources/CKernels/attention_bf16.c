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

// Rows side by side: what one waits for, its largest score and its sum, the others fill.
AVX512_BF16_INLINE void softmax_some_pairs(const int R, const float *p, long np, long n, float *pairs, float *sums,
                                           float *largest) {
    __m512 top[4], sum[4];
    UNROLL for (int i = 0; i < R; i++) top[i] = _mm512_set1_ps(-INFINITY), sum[i] = _mm512_setzero_ps();
    for (long j = 0; j < n; j += 16)
        UNROLL for (int i = 0; i < R; i++)
            top[i] = _mm512_mask_max_ps(top[i], FIRST_LANES(n - j), top[i], _mm512_loadu_ps(p + i * np + j));
    UNROLL for (int i = 0; i < R; i++) {
        largest[i] = _mm512_reduce_max_ps(top[i]);
        top[i] = _mm512_set1_ps(largest[i]);
    }
    for (long j = 0; j < np; j += 32)
        UNROLL for (int i = 0; i < R; i++) {
            __m512 e[2];
            UNROLL for (int v = 0; v < 2; v++) {
                const long c = j + 16 * v;
                e[v] = _mm512_maskz_mov_ps(c < n ? FIRST_LANES(n - c) : (__mmask16)0,
                                           rough_exp2_lanes(_mm512_sub_ps(_mm512_loadu_ps(p + i * np + c), top[i])));
                sum[i] = _mm512_add_ps(sum[i], e[v]);
            }
            _mm512_storeu_si512(pairs + i * (np / 2) + j / 2, (__m512i)_mm512_cvtne2ps_pbh(e[1], e[0]));
        }
    UNROLL for (int i = 0; i < R; i++) sums[i] = _mm512_reduce_add_ps(sum[i]);
}

// pairs along a row of 2^(p - max), zero from n to np; one over the sums of the rows, and their log-sum-exp.
static AVX512_BF16 void softmax_pairs(const float *p, long np, long rows, long n, float *pairs, float *over,
                                      float *lse) {
    float sums[QUERIES], largest[QUERIES];
    long i = 0;
    for (; i + 4 <= rows; i += 4) softmax_some_pairs(4, p + i * np, np, n, pairs + i * (np / 2), sums + i, largest + i);
    for (; i < rows; i++) softmax_some_pairs(1, p + i * np, np, n, pairs + i * (np / 2), sums + i, largest + i);
    finish_softmax(sums, largest, rows, over, lse);
}

AVX512_BF16 void hs_attention_bf16(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads,
                                   long d, float *out, long outstride, float *logsumexp) {
    const float scale = (float)(LOG2_E / sqrt((double)d));
    const long half = (d + 1) / 2, qstride = (d + 31) / 32 * 16, dp = whole_vectors(d);
    for (long r = 0; r < requests; r++) {
        const long first = offsets[r], n = offsets[r + 1] - first, np = (n + 31) / 32 * 32, pairs = (n + 1) / 2;
        if (n == 0) continue;
        float *keys = hs_scratch(sizeof(float) * (half * np + pairs * dp + QUERIES * (qstride + np + np / 2)));
        float *values = keys + half * np, *queries = values + pairs * dp, *p = queries + QUERIES * qstride;
        float *rounded = p + QUERIES * np;
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            transpose_pairs(k, qkvstride, n, d, scale, keys, np);
            pack_rows(v, qkvstride, n, d, values, dp);
            for (long i = 0; i < n; i += QUERIES) {
                const long rows = n - i < QUERIES ? n - i : QUERIES;
                float over[QUERIES], lse[QUERIES];
                float *o = out + (first + i) * outstride + h * d;
                pair_rows(q + i * qkvstride, qkvstride, rows, d, queries, qstride);
                multiply(rows, half, np, queries, qstride, 1, keys, np, p, np, 0, 0);
                softmax_pairs(p, np, rows, n, rounded, over, lse);
                multiply(rows, pairs, d, rounded, np / 2, 1, values, dp, o, outstride, 0, 0);
                scale_rows(o, outstride, rows, d, over);
                for (long j = 0; j < rows; j++) logsumexp[(first + i + j) * heads + h] = lse[j];
            }
        }
    }
}

typedef struct {
    const float *lse, *out, *dout;
    long lsestride, outstride, doutstride;
} hs_softmax_rows;

// <out, dout> of a row.
AVX512_BF16_INLINE __m512 delta_of_row(const hs_softmax_rows *kept, long i, long d) {
    __m512 product = _mm512_setzero_ps();
    for (long c = 0; c < d; c += 16) {
        const __mmask16 there = FIRST_LANES(d - c);
        product = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(there, kept->out + i * kept->outstride + c),
                                  _mm512_maskz_loadu_ps(there, kept->dout + i * kept->doutstride + c), product);
    }
    return _mm512_set1_ps(_mm512_reduce_add_ps(product));
}

// Of scores p and dp = dout V^T: P = 2^(p - lse) in pairs of rows, dS = P (dp - delta) scale in pairs of rows and in
// pairs along each row, all three zero from n to np.
static AVX512_BF16 void softmax_backward_pairs(const float *p, const float *dp, long rows, long n, long np, long d,
                                               float scale, const hs_softmax_rows *kept, float *probabilities,
                                               float *slopes, float *slopesInRow) {
    const __m512 factor = _mm512_set1_ps(scale);
    for (long i = 0; i < rows; i += 2) {
        const int two = i + 1 < rows;
        __m512 delta[2], shift[2];
        UNROLL for (int l = 0; l < 2; l++) {
            const long row = two ? i + l : i;
            delta[l] = delta_of_row(kept, row, d);
            shift[l] = _mm512_set1_ps(kept->lse[row * kept->lsestride] * LOG2_E);
        }
        for (long j = 0; j < np; j += 32) {
            __m512 slope[2][2];
            UNROLL for (int v = 0; v < 2; v++) {
                const long c = j + 16 * v;
                const __mmask16 there = c < n ? FIRST_LANES(n - c) : (__mmask16)0;
                __m512 probability[2];
                UNROLL for (int l = 0; l < 2; l++) {
                    const long at = (two ? i + l : i) * np + c;
                    const __mmask16 lanes = l == 1 && !two ? (__mmask16)0 : there;
                    probability[l] = _mm512_maskz_mov_ps(
                        lanes, rough_exp2_lanes(_mm512_sub_ps(_mm512_loadu_ps(p + at), shift[l])));
                    slope[l][v] = _mm512_maskz_mul_ps(lanes, _mm512_mul_ps(probability[l], factor),
                                                      _mm512_sub_ps(_mm512_loadu_ps(dp + at), delta[l]));
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
                                            const int32_t *offsets, long requests, long heads, long d, float *dqkv,
                                            long dqkvstride) {
    const float scale = (float)(1 / sqrt((double)d));
    const long half = (d + 1) / 2, qstride = (d + 31) / 32 * 16, dp = whole_vectors(d);
    for (long r = 0; r < requests; r++) {
        const long first = offsets[r], n = offsets[r + 1] - first, np = (n + 31) / 32 * 32, pairs = (n + 1) / 2;
        if (n == 0) continue;
        // Transposed keys and values, keys in pairs of rows; then, a block of queries at a time: queries and dout
        // in pairs along the row and in pairs of rows, scores and their gradients, and what becomes of them.
        float *keys = hs_scratch(sizeof(float) * (2 * half * np + pairs * dp + QUERIES * (qstride + dp) +
                                                  QUERIES * (2 * np + np + np / 2)));
        float *values = keys + half * np, *keyRows = values + half * np, *inRow = keyRows + pairs * dp;
        float *down = inRow + QUERIES * qstride, *p = down + QUERIES * dp, *dscore = p + QUERIES * np;
        float *probabilities = dscore + QUERIES * np, *slopes = probabilities + QUERIES / 2 * np;
        float *slopesInRow = slopes + QUERIES / 2 * np;
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            float *dq = dqkv + first * dqkvstride + h * d, *dk = dq + heads * d, *dv = dk + heads * d;
            // An inner step is two rows here: a head's rows are asked for in two halves.
            const float *nextq = head_after(qkv, qkvstride, first, n, h, heads, d), *nextk = nextq + heads * d;
            const float *nextv = nextk + heads * d, *nextout = head_after(out, outstride, first, n, h, heads, d);
            const hs_ahead keysAhead[4] = {{nextk, qkvstride}, {nextk + pairs * qkvstride, qkvstride},
                                           {nextv, qkvstride}, {nextv + pairs * qkvstride, qkvstride}};
            const hs_ahead restAhead[4] = {{nextq, qkvstride}, {nextq + pairs * qkvstride, qkvstride},
                                           {nextout, outstride}, {nextout + pairs * outstride, outstride}};
            transpose_pairs(k, qkvstride, n, d, scale * LOG2_E, keys, np);
            transpose_pairs(v, qkvstride, n, d, 1, values, np);
            pack_rows(k, qkvstride, n, d, keyRows, dp);
            for (long i = 0; i < n; i += QUERIES) {
                const long rows = n - i < QUERIES ? n - i : QUERIES, rowPairs = (rows + 1) / 2;
                const float *qi = q + i * qkvstride, *g = dout + (first + i) * doutstride + h * d;
                const hs_softmax_rows kept = {
                    .lse = logsumexp + (first + i) * heads + h,
                    .lsestride = heads,
                    .out = out + (first + i) * outstride + h * d,
                    .outstride = outstride,
                    .dout = g,
                    .doutstride = doutstride,
                };
                pair_rows(qi, qkvstride, rows, d, inRow, qstride);
                multiply(rows, half, np, inRow, qstride, 1, keys, np, p, np, 0, 0);
                pair_rows(g, doutstride, rows, d, inRow, qstride);
                multiply(rows, half, np, inRow, qstride, 1, values, np, dscore, np, 0, 0);
                softmax_backward_pairs(p, dscore, rows, n, np, d, scale, &kept, probabilities, slopes, slopesInRow);
                multiply(rows, pairs, d, slopesInRow, np / 2, 1, keyRows, dp, dq + i * dqkvstride, dqkvstride, 0,
                         keysAhead);
                pack_rows(qi, qkvstride, rows, d, down, dp);
                multiply(n, rowPairs, d, slopes, 1, np, down, dp, dk, dqkvstride, i > 0, restAhead);
                pack_rows(g, doutstride, rows, d, down, dp);
                multiply(n, rowPairs, d, probabilities, 1, np, down, dp, dv, dqkvstride, i > 0, 0);
            }
        }
    }
}
#endif
