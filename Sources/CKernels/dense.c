// This file includes itself once a type: the plain loops are the fast ones, so both types share them.
#ifndef REAL
#include "include/dense.h"

#include "dispatch.h"
#include "scratch.h"

#define REAL float
#define NAMED(name) hs_##name##_f32
#include "dense.c"
#undef REAL
#undef NAMED
#define REAL double
#define NAMED(name) hs_##name##_f64
#include "dense.c"
#else

// c = beta c, where beta = 0 overwrites whatever is there, NaN included.
void NAMED(scale)(REAL beta, REAL *c, long rows, long columns, long stride) {
    if (beta == 1) return;
    for (long r = 0; r < rows; r++) {
        REAL *row = c + r * stride;
        if (beta == 0)
            for (long j = 0; j < columns; j++) row[j] = 0;
        else
            for (long j = 0; j < columns; j++) row[j] *= beta;
    }
}

// One row of op(A) is laid out flat, then either sums of B's rows (op(B) = B) or dot products with
// them (op(B) = B^T): B is read along its rows in all four cases.
MULTIVERSION void NAMED(gemm)(long m, long n, long k, REAL alpha, const REAL *a, long astride, int ta,
                              const REAL *b, long bstride, int tb, REAL beta, REAL *c, long cstride) {
    FAST_MATH
    NAMED(scale)(beta, c, m, n, cstride);
    REAL *restrict left = hs_scratch(sizeof(REAL) * (k + 1));
    for (long i = 0; i < m; i++) {
        for (long p = 0; p < k; p++) left[p] = alpha * (ta ? a[p * astride + i] : a[i * astride + p]);
        REAL *restrict row = c + i * cstride;
        if (tb) {
            for (long j = 0; j < n; j++) {
                const REAL *right = b + j * bstride;
                REAL sum = 0;
                for (long p = 0; p < k; p++) sum += left[p] * right[p];
                row[j] += sum;
            }
        } else {
            long p = 0;
            for (; p + 4 <= k; p += 4) {
                const REAL *b0 = b + p * bstride, *b1 = b0 + bstride, *b2 = b1 + bstride, *b3 = b2 + bstride;
                REAL l0 = left[p], l1 = left[p + 1], l2 = left[p + 2], l3 = left[p + 3];
                for (long j = 0; j < n; j++) row[j] += (l0 * b0[j] + l1 * b1[j]) + (l2 * b2[j] + l3 * b3[j]);
            }
            for (; p < k; p++) {
                const REAL *right = b + p * bstride;
                for (long j = 0; j < n; j++) row[j] += left[p] * right[j];
            }
        }
    }
}

MULTIVERSION void NAMED(add_row)(const REAL *restrict bias, REAL *restrict x, long rows, long columns,
                                 long stride) {
    for (long r = 0; r < rows; r++) {
        REAL *restrict row = x + r * stride;
        for (long c = 0; c < columns; c++) row[c] += bias[c];
    }
}

// Eight rows are added as a tree, eight such sums in REAL, and those in double: the error stays near one
// rounding however many rows there are.
#define CHUNK 512
MULTIVERSION void NAMED(add_column_sums)(const REAL *x, long rows, long columns, long stride, REAL *sums) {
    FAST_MATH
    for (long c0 = 0; c0 < columns; c0 += CHUNK) {
        long n = columns - c0 < CHUNK ? columns - c0 : CHUNK;
        double total[CHUNK];
        for (long c = 0; c < n; c++) total[c] = 0;
        for (long r0 = 0; r0 < rows; r0 += 64) {
            long end = rows - r0 < 64 ? rows : r0 + 64;
            REAL part[CHUNK];
            for (long c = 0; c < n; c++) part[c] = 0;
            long r = r0;
            for (; r + 8 <= end; r += 8) {
                const REAL *p = x + r * stride + c0;
                for (long c = 0; c < n; c++)
                    part[c] += ((p[c] + p[c + stride]) + (p[c + 2 * stride] + p[c + 3 * stride])) +
                               ((p[c + 4 * stride] + p[c + 5 * stride]) + (p[c + 6 * stride] + p[c + 7 * stride]));
            }
            for (; r < end; r++)
                for (long c = 0; c < n; c++) part[c] += x[r * stride + c0 + c];
            for (long c = 0; c < n; c++) total[c] += part[c];
        }
        for (long c = 0; c < n; c++) sums[c0 + c] += (REAL)total[c];
    }
}
#undef CHUNK

MULTIVERSION void NAMED(axpy)(REAL alpha, const REAL *restrict x, REAL *restrict y, long count) {
    FAST_MATH
    for (long i = 0; i < count; i++) y[i] += alpha * x[i];
}

// Written as "x < 0 ? 0 : x" rather than "x > 0 ? x : 0" so that a NaN comes through.
MULTIVERSION void NAMED(relu)(REAL *x, long rows, long columns, long stride) {
    for (long r = 0; r < rows; r++) {
        REAL *row = x + r * stride;
        for (long c = 0; c < columns; c++) row[c] = row[c] < 0 ? 0 : row[c];
    }
}

MULTIVERSION void NAMED(leaky_relu)(REAL *x, long rows, long columns, long stride, REAL slope) {
    for (long r = 0; r < rows; r++) {
        REAL *row = x + r * stride;
        for (long c = 0; c < columns; c++) row[c] = row[c] > 0 ? row[c] : slope * row[c];
    }
}

// The backward of relu is this with slope 0, but for an infinite dy (0 x inf): hence the select.
MULTIVERSION void NAMED(leaky_relu_backward)(const REAL *y, long ystride, REAL *dy, long dystride, long rows,
                                             long columns, REAL slope) {
    for (long r = 0; r < rows; r++) {
        const REAL *restrict out = y + r * ystride;
        REAL *restrict grad = dy + r * dystride;
        for (long c = 0; c < columns; c++) grad[c] = out[c] > 0 ? grad[c] : slope == 0 ? 0 : slope * grad[c];
    }
}
#endif
