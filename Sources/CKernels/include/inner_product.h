// Unit-length rows and the inner products of row pairs. A NULL index is the identity.
#pragma once
#include <stdint.h>

#define HS_DECLARE_INNER_PRODUCT(REAL, TYPE)                                                              \
    void hs_l2_normalize_##TYPE(const REAL *x, long xstride, long rows, long columns, REAL epsilon,       \
                                REAL *y, long ystride, REAL *norms);                                      \
    void hs_l2_normalize_backward_##TYPE(const REAL *y, long ystride, const REAL *dy, long dystride,      \
                                         long rows, long columns, const REAL *norms, REAL epsilon,        \
                                         REAL *dx, long dxstride);                                        \
    void hs_pair_dot_##TYPE(const REAL *u, long ustride, const int32_t *ui, const REAL *v, long vstride,  \
                            const int32_t *vi, long columns, REAL scale, long count, REAL *out);          \
    void hs_pair_dot_backward_##TYPE(const REAL *d, const REAL *u, long ustride, const int32_t *ui,       \
                                     const REAL *v, long vstride, const int32_t *vi, long columns,        \
                                     REAL scale, long count, REAL *du, long dustride, REAL *dv,           \
                                     long dvstride);

HS_DECLARE_INNER_PRODUCT(float, f32)
HS_DECLARE_INNER_PRODUCT(double, f64)
