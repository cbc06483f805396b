// Batch normalisation over rows weighted by multiplicity (NULL: all 1), fused with leaky ReLU.
#pragma once

#define HS_DECLARE_BATCHNORM(REAL, TYPE)                                                                  \
    void hs_weighted_moments_##TYPE(const REAL *x, long rows, long columns, long stride,                  \
                                    const REAL *multiplicity, REAL *mean, REAL *variance);                \
    void hs_normalize_leaky_##TYPE(const REAL *x, long xstride, long rows, long columns,                  \
                                   const REAL *mean, const REAL *rstd, const REAL *gamma,                 \
                                   const REAL *beta, REAL slope, REAL *y, long ystride);                  \
    void hs_normalize_leaky_backward_##TYPE(                                                              \
        const REAL *x, long xstride, const REAL *dy, long dystride, long rows, long columns,              \
        const REAL *multiplicity, const REAL *mean, const REAL *rstd, const REAL *gamma,                  \
        const REAL *beta, REAL slope, REAL *dgamma, REAL *dbeta, REAL *dx, long dxstride);

HS_DECLARE_BATCHNORM(float, f32)
HS_DECLARE_BATCHNORM(double, f64)
