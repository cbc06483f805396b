// Layer norm in plain loops, in double and for what layernorm_avx512.c does not take. This file includes itself once a
// type.
#ifndef REAL
#include "include/layernorm.h"

#include <math.h>

#include "dispatch.h"
#include "scratch.h"

#define REAL float
#define NAMED(name) hs_##name##_portable
#include "layernorm.c"
#undef REAL
#undef NAMED
#define REAL double
#define NAMED(name) hs_##name##_f64
#include "layernorm.c"
#else

// sum may be x or residual, y may be any of them.
MULTIVERSION void NAMED(layer_norm)(const REAL *x, long xstride, const REAL *residual, long rstride, long rows,
                                    long columns, const REAL *gamma, const REAL *beta, REAL epsilon, REAL *sum,
                                    long sumstride, REAL *y, long ystride, REAL *mean, REAL *rstd) {
    FAST_MATH
    for (long r = 0; r < rows; r++) {
        const REAL *from = x + r * xstride, *add = residual + r * rstride;
        REAL *z = sum + r * sumstride, *to = y + r * ystride;
        REAL total = 0, squares = 0;
        if (residual) {
#pragma clang loop vectorize(assume_safety)
            for (long c = 0; c < columns; c++) {
                REAL v = from[c] + add[c];
                z[c] = v;
                total += v;
            }
        } else {
#pragma clang loop vectorize(assume_safety)
            for (long c = 0; c < columns; c++) {
                z[c] = from[c];
                total += from[c];
            }
        }
        REAL m = columns ? total / columns : 0;
        for (long c = 0; c < columns; c++) squares += (z[c] - m) * (z[c] - m);
        REAL s = 1 / (REAL)sqrt((columns ? squares / columns : 0) + epsilon);
#pragma clang loop vectorize(assume_safety)
        for (long c = 0; c < columns; c++) to[c] = gamma[c] * ((z[c] - m) * s) + beta[c];
        mean[r] = m;
        rstd[r] = s;
    }
}

// dsum may be dy. dgamma and dbeta gather eight rows at a time in REAL, those sums in double.
MULTIVERSION void NAMED(layer_norm_backward)(const REAL *sum, long sumstride, const REAL *dy, long dystride,
                                             long rows, long columns, const REAL *gamma, const REAL *mean,
                                             const REAL *rstd, REAL *dgamma, REAL *dbeta, REAL *dsum,
                                             long dsumstride) {
    FAST_MATH
    double *restrict total1 = hs_scratch(columns * (2 * sizeof(double) + 2 * sizeof(REAL)) + 64);
    double *restrict total2 = total1 + columns;
    REAL *restrict part1 = (REAL *)(total2 + columns), *restrict part2 = part1 + columns;
    for (long c = 0; c < columns; c++) total1[c] = total2[c] = 0;
    for (long r0 = 0; r0 < rows; r0 += 8) {
        long end = rows - r0 < 8 ? rows : r0 + 8;
        for (long c = 0; c < columns; c++) part1[c] = part2[c] = 0;
        for (long r = r0; r < end; r++) {
            const REAL *z = sum + r * sumstride, *g = dy + r * dystride;
            REAL *to = dsum + r * dsumstride;
            REAL m = mean[r], s = rstd[r], mean1 = 0, mean2 = 0;
            for (long c = 0; c < columns; c++) {
                REAL centred = z[c] - m, scaled = g[c] * gamma[c];
                mean1 += scaled;
                mean2 += scaled * centred;
                part1[c] += g[c];
                part2[c] += g[c] * (centred * s);
            }
            mean1 = mean1 / columns;
            mean2 = mean2 / columns * (s * s);  // times xhat's rstd twice: once in the sum, once below
#pragma clang loop vectorize(assume_safety)
            for (long c = 0; c < columns; c++) to[c] = s * (g[c] * gamma[c] - mean1 - (z[c] - m) * mean2);
        }
        for (long c = 0; c < columns; c++) total1[c] += part1[c];
        for (long c = 0; c < columns; c++) total2[c] += part2[c];
    }
    for (long c = 0; c < columns; c++) dbeta[c] += (REAL)total1[c];
    for (long c = 0; c < columns; c++) dgamma[c] += (REAL)total2[c];
}
#endif
