// This file includes itself once a type: the plain loops are the fast ones, so both types share them.
//
// Columns are handled in chunks whose sums fit L1 beside the rows; chunks narrower than this read a tall
// matrix in short pieces, which costs twice the time from memory ([16384, 512]: 31 ms at 64 columns, 15 ms
// at 512, for the backward). Numerics: column sums add four rows as a tree, sixteen such sums in REAL, and
// those in double.
#ifndef REAL
#include "include/batchnorm.h"

#include "dispatch.h"
#include "scratch.h"

#define CHUNK 512
#define BLOCK 64

#define REAL float
#define NAMED(name) hs_##name##_f32
#include "batchnorm.c"
#undef REAL
#undef NAMED
#define REAL double
#define NAMED(name) hs_##name##_f64
#include "batchnorm.c"
#else

static double NAMED(total_weight)(const REAL *multiplicity, long rows) {
    if (!multiplicity) return (double)rows;
    double total = 0;
    for (long r = 0; r < rows; r++) total += multiplicity[r];
    return total;
}

MULTIVERSION void NAMED(weighted_moments)(const REAL *x, long rows, long columns, long stride,
                                          const REAL *multiplicity, REAL *mean, REAL *variance) {
    FAST_MATH
    double weight = NAMED(total_weight)(multiplicity, rows);
    double over = weight > 0 ? 1 / weight : 0;  // no rows: mean and variance are zero
    for (long c0 = 0; c0 < columns; c0 += CHUNK) {
        long n = columns - c0 < CHUNK ? columns - c0 : CHUNK;
        REAL centre[CHUNK], part[CHUNK];
        double total[CHUNK];
        for (int pass = 0; pass < 2; pass++) {
            for (long c = 0; c < n; c++) total[c] = 0;
            for (long r0 = 0; r0 < rows; r0 += BLOCK) {
                long end = rows - r0 < BLOCK ? rows : r0 + BLOCK;
                for (long c = 0; c < n; c++) part[c] = 0;
                long r = r0;
                for (; r + 4 <= end; r += 4) {
                    const REAL *p0 = x + r * stride + c0, *p1 = p0 + stride, *p2 = p1 + stride, *p3 = p2 + stride;
                    REAL w0 = 1, w1 = 1, w2 = 1, w3 = 1;
                    if (multiplicity) {
                        w0 = multiplicity[r], w1 = multiplicity[r + 1];
                        w2 = multiplicity[r + 2], w3 = multiplicity[r + 3];
                    }
                    if (pass == 0) {
                        for (long c = 0; c < n; c++)
                            part[c] += (w0 * p0[c] + w1 * p1[c]) + (w2 * p2[c] + w3 * p3[c]);
                    } else {
                        for (long c = 0; c < n; c++) {
                            REAL e0 = p0[c] - centre[c], e1 = p1[c] - centre[c];
                            REAL e2 = p2[c] - centre[c], e3 = p3[c] - centre[c];
                            part[c] += (w0 * (e0 * e0) + w1 * (e1 * e1)) + (w2 * (e2 * e2) + w3 * (e3 * e3));
                        }
                    }
                }
                for (; r < end; r++) {
                    const REAL *p = x + r * stride + c0;
                    REAL w = multiplicity ? multiplicity[r] : 1;
                    for (long c = 0; c < n; c++) {
                        REAL e = pass == 0 ? p[c] : (p[c] - centre[c]) * (p[c] - centre[c]);
                        part[c] += w * e;
                    }
                }
                for (long c = 0; c < n; c++) total[c] += part[c];
            }
            if (pass == 0)
                for (long c = 0; c < n; c++) mean[c0 + c] = centre[c] = (REAL)(total[c] * over);
            else
                for (long c = 0; c < n; c++) variance[c0 + c] = (REAL)(total[c] * over);
        }
    }
}

// x may be y.
MULTIVERSION void NAMED(normalize_leaky)(const REAL *x, long xstride, long rows, long columns,
                                         const REAL *mean, const REAL *rstd, const REAL *gamma,
                                         const REAL *beta, REAL slope, REAL *y, long ystride) {
    FAST_MATH
    for (long c0 = 0; c0 < columns; c0 += CHUNK) {
        long n = columns - c0 < CHUNK ? columns - c0 : CHUNK;
        REAL centre[CHUNK], factor[CHUNK], shift[CHUNK];
        for (long c = 0; c < n; c++) {
            centre[c] = mean[c0 + c];
            factor[c] = gamma[c0 + c] * rstd[c0 + c];
            shift[c] = beta[c0 + c];
        }
        for (long r = 0; r < rows; r++) {
            const REAL *from = x + r * xstride + c0;
            REAL *to = y + r * ystride + c0;
#pragma clang loop vectorize(assume_safety)
            for (long c = 0; c < n; c++) {
                REAL v = (from[c] - centre[c]) * factor[c] + shift[c];
                to[c] = v > 0 ? v : slope * v;
            }
        }
    }
}

// The gradient of leaky ReLU, which is told from what went in: reading what came out costs more than forming it again.
#define BEFORE_LEAKY(x, c) (((x) - centre[c]) * factor[c] + shift[c])
#define OF_LEAKY(dy, x, c) (BEFORE_LEAKY(x, c) > 0 ? (dy) : slope * (dy))

MULTIVERSION void NAMED(normalize_leaky_sums)(
    const REAL *x, long xstride, const REAL *dy, long dystride, long rows, long columns, const REAL *multiplicity,
    const REAL *mean, const REAL *rstd, const REAL *gamma, const REAL *beta, REAL slope, REAL *dgamma, REAL *dbeta,
    REAL *level, REAL *tilt) {
    FAST_MATH
    double weight = NAMED(total_weight)(multiplicity, rows);
    double over = weight > 0 ? 1 / weight : 0;
    for (long c0 = 0; c0 < columns; c0 += CHUNK) {
        long n = columns - c0 < CHUNK ? columns - c0 : CHUNK;
        REAL centre[CHUNK], factor[CHUNK], shift[CHUNK], part1[CHUNK], part2[CHUNK];
        double total1[CHUNK], total2[CHUNK];
        for (long c = 0; c < n; c++) {
            centre[c] = mean[c0 + c];
            factor[c] = gamma[c0 + c] * rstd[c0 + c];
            shift[c] = beta[c0 + c];
            total1[c] = total2[c] = 0;
        }
        for (long r0 = 0; r0 < rows; r0 += BLOCK) {
            long end = rows - r0 < BLOCK ? rows : r0 + BLOCK;
            for (long c = 0; c < n; c++) part1[c] = part2[c] = 0;
            long r = r0;
            for (; r + 4 <= end; r += 4) {
                const REAL *x0 = x + r * xstride + c0, *x1 = x0 + xstride, *x2 = x1 + xstride, *x3 = x2 + xstride;
                const REAL *d0 = dy + r * dystride + c0, *d1 = d0 + dystride, *d2 = d1 + dystride, *d3 = d2 + dystride;
                for (long c = 0; c < n; c++) {
                    REAL g0 = OF_LEAKY(d0[c], x0[c], c), g1 = OF_LEAKY(d1[c], x1[c], c);
                    REAL g2 = OF_LEAKY(d2[c], x2[c], c), g3 = OF_LEAKY(d3[c], x3[c], c);
                    part1[c] += (g0 + g1) + (g2 + g3);
                    part2[c] += (g0 * (x0[c] - centre[c]) + g1 * (x1[c] - centre[c])) +
                                (g2 * (x2[c] - centre[c]) + g3 * (x3[c] - centre[c]));
                }
            }
            for (; r < end; r++) {
                const REAL *xr = x + r * xstride + c0, *dr = dy + r * dystride + c0;
                for (long c = 0; c < n; c++) {
                    REAL g = OF_LEAKY(dr[c], xr[c], c);
                    part1[c] += g;
                    part2[c] += g * (xr[c] - centre[c]);
                }
            }
            for (long c = 0; c < n; c++) total1[c] += part1[c];
            for (long c = 0; c < n; c++) total2[c] += part2[c];
        }
        for (long c = 0; c < n; c++) {
            double xhat = total2[c] * rstd[c0 + c];
            dbeta[c0 + c] += (REAL)total1[c];
            dgamma[c0 + c] += (REAL)xhat;
            level[c0 + c] = (REAL)(total1[c] * over);
            tilt[c0 + c] = (REAL)(xhat * over) * rstd[c0 + c];
        }
    }
}

// dx may be dy.
MULTIVERSION void NAMED(normalize_leaky_backward)(
    const REAL *x, long xstride, const REAL *dy, long dystride, long rows, long columns, const REAL *multiplicity,
    const REAL *mean, const REAL *rstd, const REAL *gamma, const REAL *beta, REAL slope, REAL *dgamma, REAL *dbeta,
    REAL *dx, long dxstride) {
    FAST_MATH
    REAL *level = hs_scratch(2 * columns * sizeof(REAL)), *tilt = level + columns;
    NAMED(normalize_leaky_sums)(x, xstride, dy, dystride, rows, columns, multiplicity, mean, rstd, gamma, beta, slope,
                                dgamma, dbeta, level, tilt);
    for (long c0 = 0; c0 < columns; c0 += CHUNK) {
        long n = columns - c0 < CHUNK ? columns - c0 : CHUNK;
        REAL centre[CHUNK], factor[CHUNK], shift[CHUNK], part1[CHUNK], part2[CHUNK];
        for (long c = 0; c < n; c++) {
            centre[c] = mean[c0 + c];
            factor[c] = gamma[c0 + c] * rstd[c0 + c];
            shift[c] = beta[c0 + c];
            part1[c] = level[c0 + c];
            part2[c] = tilt[c0 + c];
        }
        for (long r = 0; r < rows; r++) {
            const REAL *xr = x + r * xstride + c0, *dr = dy + r * dystride + c0;
            REAL *to = dx + r * dxstride + c0;
            REAL w = multiplicity ? multiplicity[r] : 1;
#pragma clang loop vectorize(assume_safety)
            for (long c = 0; c < n; c++) {
                REAL g = OF_LEAKY(dr[c], xr[c], c);
                to[c] = factor[c] * (g - w * (part1[c] + (xr[c] - centre[c]) * part2[c]));
            }
        }
    }
}
#undef BEFORE_LEAKY
#undef OF_LEAKY
#endif
