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

// to [d, width] = the transpose of n rows of d lanes; the columns from n to width repeat the last row, which is of no
// account.
AVX512_INLINE void transpose_rows(const float *from, long stride, long n, long d, float *to, long width) {
    for (long j = 0; j < width; j += 16)
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

// Rows side by side: what one waits for, its largest score and its sum, the others fill.
AVX512_INLINE void softmax_some_rows(const int R, const int degree, float *p, long pstride, long whole, __mmask16 last,
                                     float scale, float *sums, float *largest) {
    const __m512 factor = _mm512_set1_ps(scale);
    __m512 top[4], sum[4];
    UNROLL for (int i = 0; i < R; i++)
        top[i] = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), last, _mm512_loadu_ps(p + i * pstride + whole));
    for (long j = 0; j < whole; j += 16)
        UNROLL for (int i = 0; i < R; i++) top[i] = _mm512_max_ps(top[i], _mm512_loadu_ps(p + i * pstride + j));
    UNROLL for (int i = 0; i < R; i++) {
        largest[i] = scale * _mm512_reduce_max_ps(top[i]);
        top[i] = _mm512_set1_ps(largest[i]);
        sum[i] = _mm512_setzero_ps();
    }
    for (long j = 0; j <= whole; j += 16) {
        const __mmask16 there = j < whole ? (__mmask16)0xffff : last;
        UNROLL for (int i = 0; i < R; i++) {
            float *at = p + i * pstride + j;
            __m512 e = _mm512_maskz_mov_ps(there, exp2_of_degree(degree, _mm512_fmsub_ps(_mm512_loadu_ps(at), factor, top[i])));
            _mm512_storeu_ps(at, e);
            sum[i] = _mm512_add_ps(sum[i], e);
        }
    }
    UNROLL for (int i = 0; i < R; i++) sums[i] = _mm512_reduce_add_ps(sum[i]);
}

// p = 2^(scale (p - max)) a row, the power to `degree`, and zero from n to the end of its last vector; one over the sums
// of the rows, and their log-sum-exp.
AVX512_INLINE void softmax_rows(const int degree, float *p, long pstride, long rows, long n, float scale, float *over,
                                float *lse) {
    float sums[QUERIES], largest[QUERIES];
    const long whole = whole_vectors(n) - 16;
    const __mmask16 last = FIRST_LANES(n - whole);
    long i = 0;
    for (; i + 4 <= rows; i += 4)
        softmax_some_rows(4, degree, p + i * pstride, pstride, whole, last, scale, sums + i, largest + i);
    for (; i < rows; i++)
        softmax_some_rows(1, degree, p + i * pstride, pstride, whole, last, scale, sums + i, largest + i);
    finish_softmax(sums, largest, rows, over, lse);
}

#endif
