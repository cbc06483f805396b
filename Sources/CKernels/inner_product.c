// This file includes itself once a type: the plain loops are the fast ones, so both types share them.
#ifndef REAL
#include "include/inner_product.h"

#include <math.h>

#include "dispatch.h"

#define REAL float
#define NAMED(name) hs_##name##_f32
#include "inner_product.c"
#undef REAL
#undef NAMED
#define REAL double
#define NAMED(name) hs_##name##_f64
#include "inner_product.c"
#else

// y may be x. A NaN fails "norm < epsilon" and so spreads over its row.
MULTIVERSION void NAMED(l2_normalize)(const REAL *x, long xstride, long rows, long columns, REAL epsilon,
                                      REAL *y, long ystride, REAL *norms) {
    FAST_MATH
    for (long r = 0; r < rows; r++) {
        const REAL *from = x + r * xstride;
        REAL *to = y + r * ystride;
        REAL squares = 0;
        for (long c = 0; c < columns; c++) squares += from[c] * from[c];
        REAL norm = (REAL)sqrt(squares), over = 1 / (norm < epsilon ? epsilon : norm);
#pragma clang loop vectorize(assume_safety)
        for (long c = 0; c < columns; c++) to[c] = from[c] * over;
        norms[r] = norm;
    }
}

// dx may be dy.
MULTIVERSION void NAMED(l2_normalize_backward)(const REAL *y, long ystride, const REAL *dy, long dystride,
                                               long rows, long columns, const REAL *norms, REAL epsilon,
                                               REAL *dx, long dxstride) {
    FAST_MATH
    for (long r = 0; r < rows; r++) {
        const REAL *out = y + r * ystride, *g = dy + r * dystride;
        REAL *to = dx + r * dxstride;
        int clamped = norms[r] < epsilon;
        REAL along = 0, over = 1 / (clamped ? epsilon : norms[r]);
        for (long c = 0; c < columns; c++) along += out[c] * g[c];
        if (clamped) along = 0;
#pragma clang loop vectorize(assume_safety)
        for (long c = 0; c < columns; c++) to[c] = (g[c] - out[c] * along) * over;
    }
}

MULTIVERSION void NAMED(pair_dot)(const REAL *u, long ustride, const int32_t *ui, const REAL *v, long vstride,
                                  const int32_t *vi, long columns, REAL scale, long count, REAL *out) {
    FAST_MATH
    for (long i = 0; i < count; i++) {
        const REAL *left = u + (ui ? ui[i] : i) * ustride, *right = v + (vi ? vi[i] : i) * vstride;
        REAL sum = 0;
        for (long c = 0; c < columns; c++) sum += left[c] * right[c];
        out[i] = scale * sum;
    }
}

MULTIVERSION void NAMED(pair_dot_backward)(const REAL *d, const REAL *u, long ustride, const int32_t *ui,
                                           const REAL *v, long vstride, const int32_t *vi, long columns,
                                           REAL scale, long count, REAL *du, long dustride, REAL *dv,
                                           long dvstride) {
    FAST_MATH
    for (long i = 0; i < count; i++) {
        long a = ui ? ui[i] : i, b = vi ? vi[i] : i;
        const REAL *restrict left = u + a * ustride, *restrict right = v + b * vstride;
        REAL *restrict dleft = du + a * dustride, *restrict dright = dv + b * dvstride;
        REAL g = scale * d[i];
        for (long c = 0; c < columns; c++) {
            dleft[c] += g * right[c];
            dright[c] += g * left[c];
        }
    }
}
#endif
