// The plain losses include this file once a type; `sigmoid` and `log_loss` are plain for double, and for
// float run on lanes.h.
#ifndef REAL
#include "include/loss.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"
#include "lanes.h"

#define REAL float
#define NAMED(name) hs_##name##_f32
#include "loss.c"
#undef REAL
#undef NAMED
#define REAL double
#define NAMED(name) hs_##name##_f64
#include "loss.c"

void hs_sigmoid_f64(const double *x, double inverse_temperature, double *out, long count) {
    for (long i = 0; i < count; i++) {
        double v = x[i] * inverse_temperature, e = exp(-fabs(v));
        out[i] = (v < 0 ? e : 1) / (1 + e);
    }
}

// log(1 + exp(x)) - t x = log(1 + exp(-|x|)) + (x > 0 ? 1 - t : -t) x: no large terms that cancel.
double hs_log_loss_f64(const double *x, const double *target, const double *weight, double scale,
                       double *gradient, long count) {
    double total = 0;
    for (long i = 0; i < count; i++) {
        double v = x[i], t = target[i], w = weight[i], e = exp(-fabs(v));
        total += w * (log1p(e) + (v > 0 ? 1 - t : -t) * v);
        if (gradient) gradient[i] = scale * w * ((v < 0 ? e : 1) / (1 + e) - t);
    }
    return total;
}

// e = exp(-|x|), and the sigmoid from it without overflow on either side.
INLINE void sigmoid_lanes(const lanes *x, lanes *e, lanes *y) {
    union lane_bits negative = {.real = *x};
    negative.bits |= (int)0x80000000;
    *e = negative.real;
    exp_lanes(e);
    *y = (*x < 0.0f ? *e : (lanes)(1.0f)) / (1.0f + *e);
}

// Up to 16 floats, zeros after them.
INLINE void load_some(const float *from, long n, lanes *x) {
    if (n >= LANES) {
        *x = FROM(from);
        return;
    }
    *x = 0.0f;
    memcpy(x, from, n * sizeof(float));
}

INLINE void store_some(const lanes *x, long n, float *to) {
    if (n >= LANES)
        AT(to) = *x;
    else
        memcpy(to, x, n * sizeof(float));
}

MULTIVERSION void hs_sigmoid_f32(const float *x, float inverse_temperature, float *out, long count) {
    for (long i = 0; i < count; i += LANES) {
        lanes v, e, y;
        load_some(x + i, count - i, &v);
        v *= inverse_temperature;
        sigmoid_lanes(&v, &e, &y);
        store_some(&y, count - i, out + i);
    }
}

// The padding of the last block has weight 0 and logit 0: it adds nothing.
MULTIVERSION double hs_log_loss_f32(const float *x, const float *target, const float *weight, float scale,
                                    float *gradient, long count) {
    wide_lanes total = 0.0;
    for (long i = 0; i < count; i += LANES) {
        lanes v, t, w, e, y;
        load_some(x + i, count - i, &v);
        load_some(target + i, count - i, &t);
        load_some(weight + i, count - i, &w);
        sigmoid_lanes(&v, &e, &y);
        if (gradient) {
            lanes g = scale * w * (y - t);
            store_some(&g, count - i, gradient + i);
        }
        log1p_unit_lanes(&e);
        lanes loss = w * (e + (v > 0.0f ? 1.0f - t : -t) * v);
        total += __builtin_convertvector(loss, wide_lanes);
    }
    return sum_of_wide_lanes(&total);
}

#else

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

// Zero times what is finite is zero, and times anything else NaN.
MULTIVERSION int NAMED(are_finite)(const REAL *x, long count) {
    FAST_MATH
    REAL total = 0;
    for (long i = 0; i < count; i++) total += 0 * x[i];
    return total == 0;
}
#endif
