// This file includes itself once a type: the plain loops are the fast ones, so both types share them.
// Random rows miss the cache, so each loop asks for the row it will need a few iterations later.
#ifndef REAL
#include "include/embedding.h"

#include "dispatch.h"

#define AHEAD 48

#define REAL float
#define NAMED(name) hs_##name##_f32
#include "embedding.c"
#undef REAL
#undef NAMED
#define REAL double
#define NAMED(name) hs_##name##_f64
#include "embedding.c"
#else

// Rows of embeddings are short, and what a compiler makes of a loop whose length it does not know pays for long ones.
typedef REAL NAMED(sixteen) __attribute__((vector_size(16 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
#define SIXTEEN(x) (*(NAMED(sixteen) *)(x))

static inline __attribute__((always_inline)) void NAMED(copy_row)(REAL *to, const REAL *from, long columns) {
    long c = 0;
    for (; c + 16 <= columns; c += 16) SIXTEEN(to + c) = SIXTEEN(from + c);
    for (; c < columns; c++) to[c] = from[c];
}

static inline __attribute__((always_inline)) void NAMED(add_row_times)(REAL *to, REAL factor, const REAL *from,
                                                                       long columns) {
    FAST_MATH
    long c = 0;
    for (; c + 16 <= columns; c += 16) SIXTEEN(to + c) += factor * SIXTEEN(from + c);
    for (; c < columns; c++) to[c] += factor * from[c];
}

MULTIVERSION void NAMED(gather_rows)(const REAL *table, long tstride, const int32_t *index, long rows,
                                     long columns, REAL *y, long ystride) {
    for (long i = 0; i < rows; i++) {
        if (i + AHEAD < rows)
            for (long c = 0; c < columns; c += 16) __builtin_prefetch(table + index[i + AHEAD] * tstride + c);
        const REAL *from = table + index[i] * tstride;
        REAL *to = y + i * ystride;
        NAMED(copy_row)(to, from, columns);
    }
}

MULTIVERSION void NAMED(gather_add_rows)(const REAL *table, long tstride, const int32_t *index, long rows,
                                         long columns, REAL *y, long ystride) {
    for (long i = 0; i < rows; i++) {
        if (i + AHEAD < rows) __builtin_prefetch(table + index[i + AHEAD] * tstride);
        const REAL *from = table + index[i] * tstride;
        REAL *to = y + i * ystride;
        NAMED(add_row_times)(to, 1, from, columns);
    }
}

MULTIVERSION void NAMED(scatter_add_rows)(const REAL *x, long xstride, const int32_t *index, long rows,
                                          long columns, REAL *table, long tstride) {
    for (long i = 0; i < rows; i++) {
        if (i + AHEAD < rows) __builtin_prefetch(table + index[i + AHEAD] * tstride, 1);
        // x may be columns of a wider matrix: one line of every few, which the processor does not guess.
        if (i + AHEAD < rows) __builtin_prefetch(x + (i + AHEAD) * xstride);
        const REAL *from = x + i * xstride;
        REAL *to = table + index[i] * tstride;
        NAMED(add_row_times)(to, 1, from, columns);
    }
}

MULTIVERSION void NAMED(bag_rows)(const REAL *table, long tstride, const int32_t *index,
                                  const int32_t *offsets, long bags, long columns, int mean, REAL *y,
                                  long ystride) {
    long last = bags > 0 ? offsets[bags] : 0;
    for (long i = 0; i < bags; i++) {
        long first = offsets[i], end = offsets[i + 1];
        REAL *to = y + i * ystride;
        for (long c = 0; c < columns; c++) to[c] = 0;
        for (long j = first; j < end; j++) {
            if (j + AHEAD < last) __builtin_prefetch(table + index[j + AHEAD] * tstride);
            const REAL *from = table + index[j] * tstride;
            NAMED(add_row_times)(to, 1, from, columns);
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
        const REAL *from = dy + i * dystride;
        REAL over = mean && end > first ? 1 / (REAL)(end - first) : 1;
        for (long j = first; j < end; j++) {
            if (j + AHEAD < last) __builtin_prefetch(table + index[j + AHEAD] * tstride, 1);
            REAL *to = table + index[j] * tstride;
            NAMED(add_row_times)(to, over, from, columns);
        }
    }
}
#undef SIXTEEN
#endif
