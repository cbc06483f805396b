// Batch normalisation over rows weighted by multiplicity (NULL: all 1), fused with leaky ReLU.
#pragma once

#define HS_DECLARE_BATCHNORM(REAL, TYPE)                                                                  \
    void hs_weighted_moments_##TYPE(const REAL *x, long rows, long columns, long stride,                  \
                                    const REAL *multiplicity, REAL *mean, REAL *variance);                \
    void hs_normalize_leaky_##TYPE(const REAL *x, long xstride, long rows, long columns,                  \
                                   const REAL *mean, const REAL *rstd, const REAL *gamma,                 \
                                   const REAL *beta, REAL slope, REAL *y, long ystride);                  \
    /* The sums over rows that backward begins with: level = S_1 / W, tilt = rstd S_2 / W (it meets x - mean). */ \
    void hs_normalize_leaky_sums_##TYPE(                                                                  \
        const REAL *x, long xstride, const REAL *dy, long dystride, long rows, long columns,              \
        const REAL *multiplicity, const REAL *mean, const REAL *rstd, const REAL *gamma,                  \
        const REAL *beta, REAL slope, REAL *dgamma, REAL *dbeta, REAL *level, REAL *tilt);                \
    void hs_normalize_leaky_backward_##TYPE(                                                              \
        const REAL *x, long xstride, const REAL *dy, long dystride, long rows, long columns,              \
        const REAL *multiplicity, const REAL *mean, const REAL *rstd, const REAL *gamma,                  \
        const REAL *beta, REAL slope, REAL *dgamma, REAL *dbeta, REAL *dx, long dxstride);

HS_DECLARE_BATCHNORM(float, f32)
HS_DECLARE_BATCHNORM(double, f64)

/// Into narrow rows (see product.h); only where `hs_has_bf16`.
void hs_normalize_leaky_narrow(const float *x, long xstride, long rows, long columns, const float *mean,
                               const float *rstd, const float *gamma, const float *beta, float slope, float *y,
                               long ystride);
void hs_normalize_leaky_backward_narrow(const float *x, long xstride, const float *dy, long dystride, long rows,
                                        long columns, const float *multiplicity, const float *mean, const float *rstd,
                                        const float *gamma, const float *beta, float slope, float *dgamma,
                                        float *dbeta, float *dx, long dxstride);
