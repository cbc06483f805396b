// What attention in AVX-512 does the same way in float32 and in bfloat16: softmax, in base 2, and its bookkeeping.
#pragma once
#include <math.h>

#include "attention_parts.h"

#ifdef HS_AVX512
#include "lanes.h"
#include "product_parts.h"
#include "scratch.h"

#define LOG2_E 1.4426950408889634f
#define LN_2 0.6931471805599453f

AVX512_INLINE long whole_vectors(long n) { return (n + 15) / 16 * 16; }

typedef void hs_tile_rows_function(const hs_tile *, long, long, const float *, float *, const float *, const float *);

// C [rows, columns] = (or +=) A B, and asks for what is `ahead`, if anything; A(i, p) = a[i arow + p ainner]. A narrow C
// is not added to.
AVX512_INLINE void multiply_by(hs_tile_rows_function *tiles, long rows, long inner, long columns, const float *a,
                               long arow, long ainner, const float *b, long brow, float *c, long cstride,
                               int isNarrow, int accumulates, const hs_ahead *ahead) {
    for (long j = 0; j < columns;) {
        const long left = columns - j, width = left >= 64 ? 64 : left > 48 ? 48 : left;
        hs_tile tile = {
            .b = b + j,
            .k = inner,
            .arow = arow,
            .ainner = ainner,
            .brow = brow,
            .cstride = cstride,
            .addendstride = cstride,
            .cnarrow = isNarrow,
            .last = FIRST_LANES(width - (width - 1) / 16 * 16),
        };
        if (ahead && j == 0)
            for (int i = 0; i < HS_AHEAD; i++) tile.ahead[i] = ahead[i];
        tiles(&tile, rows, width, a, c + hs_place(j, isNarrow), accumulates ? c + j : 0, 0);
        j += width;
    }
}

/// The head that comes after this one: further columns of the same rows, or the next request's first, `heads` columns of
/// `d` a row. What lies after the last request may be asked for, and costs nothing.
AVX512_INLINE const float *head_after(const float *matrix, long stride, long first, long n, long head, long heads,
                                      long d) {
    return head + 1 < heads ? matrix + first * stride + (head + 1) * d : matrix + (first + n) * stride;
}

/// Where what a request's heads leave for backward begins, if they leave anything: heads one after another, each `n` rows
/// of `width` floats.
AVX512_INLINE long kept_from(long first, long n, long head, long heads, long width) {
    return first * heads * HS_ATTENTION_ROOM + head * n * width;
}

/// Asks for what the next head keeps, line by line, in two products of `inner` steps.
AVX512_INLINE void ask_kept(hs_ahead *ahead, long inner, const float *kept, long first, long n, long head, long heads,
                            long width) {
    const float *from = kept + (head + 1 < heads ? kept_from(first, n, head + 1, heads, width)
                                                 : kept_from(first + n, 0, 0, heads, width));
    for (long i = 0; i < 2; i++) ahead[i] = (hs_ahead){from + i * 32 * inner, 32};
}

// One over the sums of the rows, and their log-sum-exp; `sums` and `largest` are QUERIES long.
AVX512_INLINE void finish_softmax(float *sums, float *largest, long rows, float *over, float *lse) {
    for (long i = rows; i < whole_vectors(rows); i++) sums[i] = 1, largest[i] = 0;
    for (long i = 0; i < rows; i += 16) {
        __m512 sum = _mm512_loadu_ps(sums + i);
        lanes logarithm = (lanes)sum;
        log_lanes(&logarithm);
        _mm512_storeu_ps(over + i, _mm512_div_ps(_mm512_set1_ps(1), sum));
        _mm512_storeu_ps(
            lse + i, _mm512_fmadd_ps(_mm512_loadu_ps(largest + i), _mm512_set1_ps(LN_2), (__m512)logarithm));
    }
}

// to [d, width] = the transpose of n rows of d lanes; the columns from n to the end of their vector repeat the last row,
// which is of no account, and those beyond stay as they are.
AVX512_INLINE void transpose_rows(const float *from, long stride, long n, long d, float *to, long width) {
    for (long j = 0; j < n; j += 16)
        for (long c = 0; c < d; c += 16) {
            const float *at = from + j * stride + c;
            const long last = n - 1 - j;
            __m512 rows[16];
            if (d - c >= 16) {
                if (last >= 15) {
                    UNROLL for (int l = 0; l < 16; l++) rows[l] = _mm512_loadu_ps(at + l * stride);
                } else {
                    UNROLL for (int l = 0; l < 16; l++) rows[l] = _mm512_loadu_ps(at + (l < last ? l : last) * stride);
                }
            } else {
                UNROLL for (int l = 0; l < 16; l++)
                    rows[l] = _mm512_maskz_loadu_ps(FIRST_LANES(d - c), at + (l < last ? l : last) * stride);
            }
            transpose_lanes(rows);
            float *row = to + c * width + j;
            if (d - c >= 16) {
                UNROLL for (int l = 0; l < 16; l++) _mm512_storeu_ps(row + l * width, rows[l]);
            } else {
                for (long l = 0; l < d - c; l++) _mm512_storeu_ps(row + l * width, rows[l]);
            }
        }
}

// The largest of n scores, for each of R rows, at most eight.
AVX512_INLINE void largest_of_some_rows(const int R, const float *p, long pstride, const long whole, __mmask16 last,
                                        float scale, float *largest) {
    __m512 row[8];
    UNROLL for (int i = 0; i < R; i++)
        row[i] = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), last, _mm512_loadu_ps(p + i * pstride + whole));
    for (long j = 0; j < whole; j += 16)
        UNROLL for (int i = 0; i < R; i++) row[i] = _mm512_max_ps(row[i], _mm512_loadu_ps(p + i * pstride + j));
    UNROLL for (int i = R; i < 8; i++) row[i] = row[0];
    _mm256_storeu_ps(largest, _mm512_castps512_ps256(_mm512_mul_ps(_mm512_set1_ps(scale), lanes_of_eight(1, row))));
}

// Scores of R rows, at most eight, become powers; their sums.
AVX512_INLINE void powers_of_some_rows(const int R, const int degree, float *p, long pstride, const long whole,
                                       __mmask16 last, float scale, const float *largest, float *sums) {
    const __m512 factor = _mm512_set1_ps(scale);
    __m512 row[8];
    UNROLL for (int i = 0; i < R; i++, p += pstride) {
        const __m512 top = _mm512_set1_ps(largest[i]);
        __m512 sum = _mm512_setzero_ps();
        for (long j = 0; j < whole; j += 16) {
            const __m512 e = exp2_of_degree(degree, _mm512_fmsub_ps(_mm512_loadu_ps(p + j), factor, top));
            _mm512_storeu_ps(p + j, e);
            sum = _mm512_add_ps(sum, e);
        }
        const __m512 e = exp2_of_degree(degree, _mm512_fmsub_ps(_mm512_loadu_ps(p + whole), factor, top));
        _mm512_storeu_ps(p + whole, _mm512_maskz_mov_ps(last, e));
        row[i] = _mm512_mask_add_ps(sum, last, sum, e);
    }
    UNROLL for (int i = R; i < 8; i++) row[i] = row[0];
    _mm256_storeu_ps(sums, _mm512_castps512_ps256(lanes_of_eight(0, row)));
}

// All largest scores come first: powers wait for theirs, and a row's own would hold it up.
AVX512_INLINE void powers_of_rows(const int degree, float *p, long pstride, long rows, const long whole, __mmask16 last,
                                  float scale, float *largest, float *sums) {
    const long eights = rows / 8 * 8;
    for (long i = 0; i < eights; i += 8)
        largest_of_some_rows(8, p + i * pstride, pstride, whole, last, scale, largest + i);
    for (long i = eights; i < rows; i++)
        largest_of_some_rows(1, p + i * pstride, pstride, whole, last, scale, largest + i);
    for (long i = 0; i < eights; i += 8)
        powers_of_some_rows(8, degree, p + i * pstride, pstride, whole, last, scale, largest + i, sums + i);
    for (long i = eights; i < rows; i++)
        powers_of_some_rows(1, degree, p + i * pstride, pstride, whole, last, scale, largest + i, sums + i);
}

// p = 2^(scale (p - max)) a row, the power to `degree`, and zero from n to the end of its last vector; one over the sums
// of the rows, and their log-sum-exp.
AVX512_INLINE void softmax_rows(const int degree, float *p, long pstride, long rows, long n, float scale, float *over,
                                float *lse) {
    float sums[QUERIES + 8], largest[QUERIES + 8];
    const long whole = whole_vectors(n) - 16;
    const __mmask16 last = FIRST_LANES(n - whole);
    // The paper's 50 keys among others: loops of a known length are unrolled, for a seventh of the time.
    if (whole == 48)
        powers_of_rows(degree, p, pstride, rows, 48, last, scale, largest, sums);
    else
        powers_of_rows(degree, p, pstride, rows, whole, last, scale, largest, sums);
    finish_softmax(sums, largest, rows, over, lse);
}

#endif
