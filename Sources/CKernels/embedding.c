// This file includes itself once a type: the plain loops are the fast ones, so both types share them.
// Random rows miss the cache, so each loop asks for the row it will need a few iterations later.
#ifndef REAL
#include "include/embedding.h"

#include "dispatch.h"

#define AHEAD 12

#define REAL float
#define NAMED(name) hs_##name##_f32
#include "embedding.c"
#undef REAL
#undef NAMED
#define REAL double
#define NAMED(name) hs_##name##_f64
#include "embedding.c"
#else

MULTIVERSION void NAMED(gather_rows)(const REAL *table, long tstride, const int32_t *index, long rows,
                                     long columns, REAL *y, long ystride) {
    for (long i = 0; i < rows; i++) {
        if (i + AHEAD < rows) __builtin_prefetch(table + index[i + AHEAD] * tstride);
        const REAL *restrict from = table + index[i] * tstride;
        REAL *restrict to = y + i * ystride;
        for (long c = 0; c < columns; c++) to[c] = from[c];
    }
}

MULTIVERSION void NAMED(gather_add_rows)(const REAL *table, long tstride, const int32_t *index, long rows,
                                         long columns, REAL *y, long ystride) {
    for (long i = 0; i < rows; i++) {
        if (i + AHEAD < rows) __builtin_prefetch(table + index[i + AHEAD] * tstride);
        const REAL *restrict from = table + index[i] * tstride;
        REAL *restrict to = y + i * ystride;
        for (long c = 0; c < columns; c++) to[c] += from[c];
    }
}

MULTIVERSION void NAMED(scatter_add_rows)(const REAL *x, long xstride, const int32_t *index, long rows,
                                          long columns, REAL *table, long tstride) {
    for (long i = 0; i < rows; i++) {
        if (i + AHEAD < rows) __builtin_prefetch(table + index[i + AHEAD] * tstride, 1);
        const REAL *restrict from = x + i * xstride;
        REAL *restrict to = table + index[i] * tstride;
        for (long c = 0; c < columns; c++) to[c] += from[c];
    }
}

MULTIVERSION void NAMED(bag_rows)(const REAL *table, long tstride, const int32_t *index,
                                  const int32_t *offsets, long bags, long columns, int mean, REAL *y,
                                  long ystride) {
    long last = bags > 0 ? offsets[bags] : 0;
    for (long i = 0; i < bags; i++) {
        long first = offsets[i], end = offsets[i + 1];
        REAL *restrict to = y + i * ystride;
        for (long c = 0; c < columns; c++) to[c] = 0;
        for (long j = first; j < end; j++) {
            if (j + AHEAD < last) __builtin_prefetch(table + index[j + AHEAD] * tstride);
            const REAL *restrict from = table + index[j] * tstride;
            for (long c = 0; c < columns; c++) to[c] += from[c];
        }
        if (mean && end - first > 1) {
            REAL over = 1 / (REAL)(end - first);
            for (long c = 0; c < columns; c++) to[c] *= over;
        }
    }
}

MULTIVERSION void NAMED(bag_rows_backward)(const REAL *dy, long dystride, const int32_t *index,
                                           const int32_t *offsets, long bags, long columns, int mean,
                                           REAL *table, long tstride) {
    FAST_MATH
    long last = bags > 0 ? offsets[bags] : 0;
    for (long i = 0; i < bags; i++) {
        long first = offsets[i], end = offsets[i + 1];
        const REAL *restrict from = dy + i * dystride;
        REAL over = mean && end > first ? 1 / (REAL)(end - first) : 1;
        for (long j = first; j < end; j++) {
            if (j + AHEAD < last) __builtin_prefetch(table + index[j + AHEAD] * tstride, 1);
            REAL *restrict to = table + index[j] * tstride;
            for (long c = 0; c < columns; c++) to[c] += over * from[c];
        }
    }
}
#endif
