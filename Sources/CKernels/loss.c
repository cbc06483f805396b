// This file includes itself once a type.
#ifndef REAL
#include "include/loss.h"

#include <math.h>

#include "dispatch.h"

#define REAL float
#define NAMED(name) hs_##name##_f32
#include "loss.c"
#undef REAL
#undef NAMED
#define REAL double
#define NAMED(name) hs_##name##_f64
#include "loss.c"
#else

void NAMED(sigmoid)(const REAL *x, REAL inverse_temperature, REAL *out, long count) {
    for (long i = 0; i < count; i++) {
        double v = (double)x[i] * inverse_temperature, e = exp(-fabs(v));
        out[i] = (REAL)((v < 0 ? e : 1) / (1 + e));
    }
}

// log(1 + exp(x)) - t x = log(1 + exp(-|x|)) + (x > 0 ? 1 - t : -t) x: no large terms that cancel.
double NAMED(log_loss)(const REAL *x, const REAL *target, const REAL *weight, REAL scale, REAL *gradient,
                       long count) {
    double total = 0;
    for (long i = 0; i < count; i++) {
        double v = x[i], t = target[i], w = weight[i], e = exp(-fabs(v));
        total += w * (log1p(e) + (v > 0 ? 1 - t : -t) * v);
        if (gradient) gradient[i] = (REAL)(scale * w * ((v < 0 ? e : 1) / (1 + e) - t));
    }
    return total;
}

MULTIVERSION double NAMED(squared_loss)(const REAL *restrict x, const REAL *restrict target,
                                        const REAL *restrict weight, REAL scale, REAL *restrict gradient,
                                        long count) {
    FAST_MATH
    double total = 0;
    for (long i = 0; i < count; i++) {
        double e = (double)x[i] - target[i];
        total += weight[i] * e * e;
    }
    if (gradient)
        for (long i = 0; i < count; i++) gradient[i] = 2 * scale * weight[i] * (x[i] - target[i]);
    return total;
}

MULTIVERSION double NAMED(sum_of_squares)(const REAL *x, long count) {
    FAST_MATH
    double total = 0;
    for (long i = 0; i < count; i++) total += (double)x[i] * x[i];
    return total;
}
#endif
