// Rows picked from, and gradients added back to, tables by index. Indices are trusted. Tables in fewer bits: narrow.h.
#pragma once
#include <stdint.h>

#define HS_DECLARE_EMBEDDING(REAL, TYPE)                                                                  \
    void hs_gather_rows_##TYPE(const REAL *table, long tstride, const int32_t *index, long rows,          \
                               long columns, REAL *y, long ystride);                                      \
    void hs_gather_add_rows_##TYPE(const REAL *table, long tstride, const int32_t *index, long rows,      \
                                   long columns, REAL *y, long ystride);                                  \
    void hs_scatter_add_rows_##TYPE(const REAL *x, long xstride, const int32_t *index, long rows,         \
                                    long columns, REAL *table, long tstride);                             \
    void hs_bag_rows_##TYPE(const REAL *table, long tstride, const int32_t *index,                        \
                            const int32_t *offsets, long bags, long columns, int mean, REAL *y,           \
                            long ystride);                                                                \
    void hs_bag_rows_backward_##TYPE(const REAL *dy, long dystride, const int32_t *index,                 \
                                     const int32_t *offsets, long bags, long columns, int mean,           \
                                     REAL *table, long tstride);

HS_DECLARE_EMBEDDING(float, f32)
HS_DECLARE_EMBEDDING(double, f64)

/// Of narrow rows (see product.h); only where `hs_has_bf16`.
void hs_scatter_add_rows_narrow(const float *x, long xstride, const int32_t *index, long rows, long columns, float *table,
                                long tstride);
