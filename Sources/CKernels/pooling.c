// This file includes itself once a type: the plain loops are the fast ones, so both types share them.
#ifndef REAL
#include "include/pooling.h"

#include "dispatch.h"

#define REAL float
#define NAMED(name) hs_##name##_f32
#include "pooling.c"
#undef REAL
#undef NAMED
#define REAL double
#define NAMED(name) hs_##name##_f64
#include "pooling.c"
#else

MULTIVERSION void NAMED(mean_pool)(const REAL *x, long xstride, const int32_t *offsets, long requests,
                                   long columns, REAL *y, long ystride) {
    FAST_MATH
    for (long r = 0; r < requests; r++) {
        long first = offsets[r], end = offsets[r + 1];
        REAL *restrict to = y + r * ystride;
        for (long c = 0; c < columns; c++) to[c] = 0;
        for (long e = first; e < end; e++) {
            const REAL *restrict from = x + e * xstride;
            for (long c = 0; c < columns; c++) to[c] += from[c];
        }
        REAL over = end > first ? 1 / (REAL)(end - first) : 0;
        for (long c = 0; c < columns; c++) to[c] *= over;
    }
}

MULTIVERSION void NAMED(mean_pool_backward)(const REAL *dy, long dystride, const int32_t *offsets,
                                            long requests, long columns, REAL *dx, long dxstride) {
    for (long r = 0; r < requests; r++) {
        long first = offsets[r], end = offsets[r + 1];
        REAL over = end > first ? 1 / (REAL)(end - first) : 0;
        const REAL *restrict from = dy + r * dystride;
        for (long e = first; e < end; e++) {
            REAL *restrict to = dx + e * dxstride;
            for (long c = 0; c < columns; c++) to[c] = over * from[c];
        }
    }
}
#endif
