// Sigmoids, losses and their gradients, summed in double. `gradient` may be NULL.
#pragma once

#define HS_DECLARE_LOSS(REAL, TYPE)                                                                       \
    void hs_sigmoid_##TYPE(const REAL *x, REAL inverse_temperature, REAL *out, long count);               \
    double hs_log_loss_##TYPE(const REAL *x, const REAL *target, const REAL *weight, REAL scale,          \
                              REAL *gradient, long count);                                                \
    double hs_squared_loss_##TYPE(const REAL *x, const REAL *target, const REAL *weight, REAL scale,      \
                                  REAL *gradient, long count);                                            \
    /* Whether none is NaN or infinite. */                                                                \
    int hs_are_finite_##TYPE(const REAL *x, long count);

HS_DECLARE_LOSS(float, f32)
HS_DECLARE_LOSS(double, f64)
