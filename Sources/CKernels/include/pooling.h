// Means over the rows of ragged requests; request r owns rows offsets[r] ..< offsets[r + 1].
#pragma once
#include <stdint.h>

#define HS_DECLARE_POOLING(REAL, TYPE)                                                                    \
    void hs_mean_pool_##TYPE(const REAL *x, long xstride, const int32_t *offsets, long requests,          \
                             long columns, REAL *y, long ystride);                                        \
    void hs_mean_pool_backward_##TYPE(const REAL *dy, long dystride, const int32_t *offsets,              \
                                      long requests, long columns, REAL *dx, long dxstride);

HS_DECLARE_POOLING(float, f32)
HS_DECLARE_POOLING(double, f64)
