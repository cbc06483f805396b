// Layer normalisation over the columns of x + residual (residual may be NULL).
#pragma once

#define HS_DECLARE_LAYERNORM(REAL, TYPE)                                                                  \
    void hs_layer_norm_##TYPE(const REAL *x, long xstride, const REAL *residual, long rstride, long rows, \
                              long columns, const REAL *gamma, const REAL *beta, REAL epsilon, REAL *sum, \
                              long sumstride, REAL *y, long ystride, REAL *mean, REAL *rstd);             \
    void hs_layer_norm_backward_##TYPE(const REAL *sum, long sumstride, const REAL *dy, long dystride,    \
                                       long rows, long columns, const REAL *gamma, const REAL *mean,      \
                                       const REAL *rstd, REAL *dgamma, REAL *dbeta, REAL *dsum,           \
                                       long dsumstride);

HS_DECLARE_LAYERNORM(float, f32)
HS_DECLARE_LAYERNORM(double, f64)
/// `f32` without AVX-512: for other processors, for wide rows, and for the tests.
HS_DECLARE_LAYERNORM(float, portable)
