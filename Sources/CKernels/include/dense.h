// Dense products and elementwise kernels. Matrices are row-major, `stride` elements from row to row.
#pragma once

#define HS_DECLARE_DENSE(REAL, TYPE)                                                                      \
    void hs_gemm_##TYPE(long m, long n, long k, REAL alpha, const REAL *a, long astride, int ta,          \
                        const REAL *b, long bstride, int tb, REAL beta, REAL *c, long cstride);           \
    void hs_scale_##TYPE(REAL beta, REAL *c, long rows, long columns, long stride);                       \
    void hs_add_row_##TYPE(const REAL *bias, REAL *x, long rows, long columns, long stride);              \
    void hs_add_column_sums_##TYPE(const REAL *x, long rows, long columns, long stride, REAL *sums);      \
    void hs_axpy_##TYPE(REAL alpha, const REAL *x, REAL *y, long count);                                  \
    void hs_relu_##TYPE(REAL *x, long rows, long columns, long stride);                                   \
    void hs_leaky_relu_##TYPE(REAL *x, long rows, long columns, long stride, REAL slope);                 \
    void hs_leaky_relu_backward_##TYPE(const REAL *y, long ystride, REAL *dy, long dystride, long rows,   \
                                       long columns, REAL slope);

HS_DECLARE_DENSE(float, f32)
HS_DECLARE_DENSE(double, f64)

/// Of narrow rows (see product.h); only where `hs_has_bf16`.
void hs_add_column_sums_narrow(const float *x, long rows, long columns, long stride, float *sums);
